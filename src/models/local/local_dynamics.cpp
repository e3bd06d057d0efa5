#include "mbrl/models/local/local_dynamics.hpp"

#include <memory>

namespace mbrl {

LocalDynamics fit_local_dynamics(const std::vector<StateTrajectory>& trajectories, const LocalPrior& prior,
                                 double ridge) {
  check_trajectories("fit_local_dynamics", trajectories, 2);
  const StateTrajectory& first = trajectories.front();
  const Index nx = first.states.rows(), nz = nx + first.actions.rows();
  LocalDynamics dynamics;
  for (Index t = 0; t < first.steps(); ++t) {
    const Batchd samples = transitions_at(trajectories, t);
    if (t == 0) dynamics.start = moments_of(samples.topRows(nx));
    dynamics.steps.push_back(
        prior ? fit_linear_gaussian(samples, nz, prior(static_cast<int>(t), samples), ridge)
              : fit_linear_gaussian(samples, nz, ridge));
  }
  dynamics.start.covariance.diagonal().array() += ridge;
  return dynamics;
}

LocalPrior mixture_prior(GaussianMixture mixture, double strength) {
  require(std::isfinite(strength) && strength > 0, "mixture_prior: strength is ", strength,
          ", expected more than 0");
  return [mixture = std::make_shared<const GaussianMixture>(std::move(mixture)), strength](
             int, ConstBatchRef<double> samples) {
    const GaussianMoments p = mixture->moments(mixture->responsibilities(samples).rowwise().mean());
    return NormalInverseWishart{p.mean, strength * p.covariance, strength, strength};
  };
}

}  // namespace mbrl
