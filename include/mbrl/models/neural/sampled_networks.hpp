// Functions drawn from a distribution over networks, as the members of an ensemble: what models that are uncertain of
// their weights predict with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/models/neural/regression_scaling.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

/// Member s predicts, in units of the targets' deviations, y ~ N(f_s(obs, action), diag exp(2 log_deviation)): the
/// noise is the same everywhere and of all members, so that they disagree where little is known. An EnsembleModel;
/// `step` is the mean of the members' means.
struct SampledNetworks {
  using Scalar = float;
  struct Workspace {
    nn::GrowingPass pass;
    Batchf inputs, output, next;
  };

  RegressionScaling scaling;
  std::vector<nn::Network> functions;  // of one shape
  Vecf log_deviation;                  // obs_dim

  int obs_dim() const { return scaling.obs_dim(); }
  int action_dim() const { return scaling.action_dim(); }
  int members() const { return static_cast<int>(functions.size()); }

  /// obs_dim x n each. NaN for inputs that are not finite; entries that are constant in an episode have variance 0.
  void predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> variance, Workspace& workspace) const;
  void step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
            Workspace& workspace) const;
};

static_assert(EnsembleModel<SampledNetworks> && DynamicsModel<SampledNetworks>);

/// What models share that draw their members from a distribution of theirs: an EnsembleModel once they have drawn some.
class SampledModel {
 public:
  using Scalar = float;
  using Workspace = SampledNetworks::Workspace;

  int obs_dim() const { return sampled_.obs_dim(); }
  int action_dim() const { return sampled_.action_dim(); }
  int members() const { return sampled_.members(); }
  const ObsEncoding& encoding() const { return sampled_.scaling.encoding(); }

  void predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> variance, Workspace& workspace) const {
    sampled_.predict(member, obs, action, mean, variance, workspace);
  }
  void step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
            Workspace& workspace) const {
    sampled_.step(obs, action, next_obs, workspace);
  }

  /// For trainers.
  RegressionScaling& scaling() { return sampled_.scaling; }
  const SampledNetworks& sampled() const { return sampled_; }
  Vecf& log_deviation() { return sampled_.log_deviation; }  // of the noise
  const Vecf& log_deviation() const { return sampled_.log_deviation; }

 protected:
  /// Throws mbrl::Error, which begins with `who`, unless both dimensions are at least 1 and the encoding is sound.
  SampledModel(const char* who, const ObsEncoding& encoding, int action_dim, double initial_noise,
               std::uint64_t seed);

  void save(StateDict& out, const std::string& prefix) const;
  /// All but the members. Throws for another shape or encoding.
  void load(const StateDict& in, const std::string& prefix);

  SampledNetworks sampled_;
  std::uint64_t seed_;
};

}  // namespace mbrl
