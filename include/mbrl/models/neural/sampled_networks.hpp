// Functions drawn from a distribution over networks, as the members of an ensemble: what models that are uncertain of
// their weights predict with.
#pragma once

#include <vector>

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

}  // namespace mbrl
