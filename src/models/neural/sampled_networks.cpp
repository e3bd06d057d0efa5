#include "mbrl/models/neural/sampled_networks.hpp"

#include <cmath>
#include <cstddef>

#include "mbrl/core/error.hpp"
#include "mbrl/nn/blocks.hpp"

namespace mbrl {
namespace {

void run(const nn::Network& network, SampledNetworks::Workspace& w) {
  w.output.resize(network.out(), w.inputs.cols());
  in_blocks(w.pass, network, w.inputs, [&](const nn::Pass& pass, Index first, Index count) {
    pass.get_output(w.output.middleCols(first, count));
  });
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

SampledModel::SampledModel(const char* who, const ObsEncoding& encoding, int action_dim, double initial_noise,
                           std::uint64_t seed)
    : sampled_{RegressionScaling(who, encoding, action_dim), {}, {}}, seed_(seed) {
  sampled_.log_deviation.setConstant(obs_dim(), static_cast<float>(std::log(initial_noise)));
}

void SampledModel::save(StateDict& out, const std::string& prefix) const {
  sampled_.scaling.save(out, prefix);
  out.put_matrix(prefix + "log_deviation", log_deviation());
  out.put_scalar(prefix + "seed", seed_);
}

void SampledModel::load(const StateDict& in, const std::string& prefix) {
  sampled_.scaling.load(in, prefix);
  const std::string name = prefix + "log_deviation";
  const Batchf levels = in.get_matrix<float>(name);
  require_dim("checkpoint", "'" + name + "'", levels.size(), obs_dim());
  require(levels.allFinite(), "checkpoint: '", name, "' holds a number that is not finite");
  log_deviation() = levels.reshaped();
  seed_ = in.get_scalar<std::uint64_t>(prefix + "seed");
}

}  // namespace mbrl
