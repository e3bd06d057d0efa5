// Dynamics around a trajectory, a linear-Gaussian map for each step: Levine and Abbeel, "Learning neural network
// policies with guided policy search under unknown dynamics", NIPS 2014, section 3.2. With fewer trajectories than
// dimensions a prior has to help: a mixture of Gaussians over what was seen at all steps, or any model of the dynamics,
// linearised where the data are.
#pragma once

#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/models/local/bayesian_regression.hpp"
#include "mbrl/models/local/gaussian_mixture.hpp"
#include "mbrl/models/local/state_trajectory.hpp"

namespace mbrl {

/// x_0 ~ start, x_(t+1) | [x_t; u_t] ~ steps[t].
struct LocalDynamics {
  GaussianMoments start;
  std::vector<ConditionalGaussian> steps;

  int state_dim() const { return static_cast<int>(start.dim()); }
  int action_dim() const { return static_cast<int>(steps.front().in() - start.dim()); }
  int horizon() const { return static_cast<int>(steps.size()); }
};

/// What is believed of [x; y] at step t before its samples, a column each, which it may look at.
using LocalPrior = std::function<NormalInverseWishart(int t, ConstBatchRef<double> samples)>;

/// Fits every step by itself, from two trajectories or more; without a prior by least squares, which needs more of them
/// than there are states and actions: of fewer, many maps fit alike, and the one that comes out is good near them only.
/// Variances are at least `ridge`. Throws mbrl::Error as check_trajectories.
LocalDynamics fit_local_dynamics(const std::vector<StateTrajectory>& trajectories,
                                 const LocalPrior& prior = {}, double ridge = 1e-6);

/// The moments of the mixture with the clusters weighed as at the samples, as `strength` samples. The mixture is over
/// the same entries as the samples.
LocalPrior mixture_prior(GaussianMixture mixture, double strength = 1);

/// A model of the dynamics, linearised at the mean of the samples, as `strength` samples around them. `noise`: variance
/// of its error, an entry. Holds a copy of the model.
template <DifferentiableModel Model>
LocalPrior model_prior(Model model, double strength = 1, double noise = 1e-4) {
  using S = typename Model::Scalar;
  require(std::isfinite(strength) && strength > 0, "model_prior: strength is ", strength,
          ", expected more than 0");
  require(std::isfinite(noise) && noise > 0, "model_prior: noise is ", noise, ", expected more than 0");
  return [model = std::move(model), strength, noise](int, ConstBatchRef<double> samples) {
    const Index nx = model.obs_dim(), nu = model.action_dim(), nz = nx + nu;
    require_dim("model_prior", "a sample", samples.rows(), nz + nx);
    const GaussianMoments seen = moments_of(samples);
    const Batch<S> x = seen.mean.head(nx).template cast<S>(),
                   u = seen.mean.segment(nx, nu).template cast<S>();
    Batch<S> next(nx, 1), jacobian(nx, nz);
    typename Model::Workspace workspace;
    model.step(x, u, next, workspace);
    model.linearize(x, u, jacobian, workspace);
    // As if [x; u] varied by itself as much as it does, so that the model decides where samples do not tell.
    const Vecd spread = seen.covariance.diagonal().head(nz).array() + 1e-6;
    const GaussianMoments believed =
        joint({seen.mean.head(nz), spread.asDiagonal()},
              {jacobian.template cast<double>(),
               next.template cast<double>() - jacobian.template cast<double>() * seen.mean.head(nz),
               noise * Batchd::Identity(nx, nx)});
    return NormalInverseWishart{believed.mean, strength * believed.covariance, strength, strength};
  };
}

}  // namespace mbrl
