#include "mbrl/models/neural/sampled_networks.hpp"

#include <algorithm>
#include <cstddef>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

void run(const nn::Network& network, SampledNetworks::Workspace& w) {
  constexpr Index kBlock = 256;  // columns of a pass
  const Index n = w.inputs.cols();
  w.output.resize(network.out(), n);
  w.pass.fit(network, std::min(n, kBlock));
  for (Index begin = 0; begin < n; begin += kBlock) {
    const Index size = std::min(kBlock, n - begin);
    w.pass->set_input(w.inputs.middleCols(begin, size));
    w.pass->forward(network, static_cast<int>(size));
    w.pass->get_output(w.output.middleCols(begin, size));
  }
}

}  // namespace

void SampledNetworks::predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                              BatchRef<float> mean, BatchRef<float> variance, Workspace& workspace) const {
  require(0 <= member && member < members(), "SampledNetworks: member ", member, " asked for, there are ",
          members());
  scaling.inputs(obs, action, workspace.inputs);
  run(functions[static_cast<std::size_t>(member)], workspace);
  scaling.next_obs(obs, action, workspace.output, mean);
  variance.colwise() = (2.0f * log_deviation).array().exp().matrix();
  scaling.scale_variance(obs, action, variance);
}

void SampledNetworks::step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
                           Workspace& workspace) const {
  scaling.inputs(obs, action, workspace.inputs);
  workspace.next.setZero(obs_dim(), obs.cols());
  for (const nn::Network& function : functions) {
    run(function, workspace);
    workspace.next += workspace.output;
  }
  scaling.next_obs(obs, action, workspace.next / static_cast<float>(members()), next_obs);
}

}  // namespace mbrl
