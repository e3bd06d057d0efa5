// Each propagation against the closed-form moments of a linear-Gaussian ensemble, for both evaluators.
#include "mbrl/rollout/propagation.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/particle_rollout.hpp"
#include "rollout/linear_gaussian.hpp"

namespace mbrl {
namespace {

using testing::LinearGaussian;

static_assert(EnsembleModel<testing::LinearGaussianModel>);
static_assert(ProbabilisticModel<testing::LinearGaussianSingle> &&
              !EnsembleModel<testing::LinearGaussianSingle>);
static_assert(ParticleEvaluator<EnsembleRollout>);
static_assert(ParticleEvaluator<ParticleRollout<testing::LinearGaussianModel>>);
static_assert(ParticleEvaluator<ParticleRollout<testing::LinearGaussianSingle>>);

constexpr int kSteps = 6;
constexpr int kParticles = 6000;
constexpr Propagation kAll[] = {Propagation::kExpectation, Propagation::kDistributionSampling,
                                Propagation::kMomentMatching, Propagation::kTS1, Propagation::kTSinf};

std::string name_of(Propagation how) {
  for (const auto& [value, name] : enum_names(how))
    if (value == how) return name;
  return "?";
}

Vecd start() { return (Vecd(3) << 1.0, -0.5, 0.25).finished(); }
Batchd plan() { return (Batchd(1, kSteps) << 0.5, -1.0, 0.2, 0.9, -0.3, 0.0).finished(); }

// paths: obs_dim x (particles * (horizon + 1)). Compares the particles' moments after every step with the
// closed form, within five standard errors of the Monte-Carlo estimate.
void check_moments(const LinearGaussian& system, Propagation how, const Batchd& paths) {
  for (int t = 1; t <= kSteps; ++t) {
    Batchd x(3, kParticles);
    for (Index p = 0; p < kParticles; ++p) x.col(p) = paths.col(p * (kSteps + 1) + t);
    const Vecd mean = x.rowwise().mean();
    const Batchd centred = x.colwise() - mean;
    const Batchd covariance = centred * centred.transpose() / (kParticles - 1.0);
    const auto expected = system.propagate(how, start(), plan().leftCols(t));
    // Moment matching estimates the moments anew at every step: the errors of t estimates add up.
    const double sigmas = how == Propagation::kMomentMatching ? 5.0 * std::sqrt(t + 1.0) : 5.0;
    INFO(name_of(how) << ", step " << t);
    for (Index i = 0; i < 3; ++i) {
      const double error = sigmas * std::sqrt(expected.covariance(i, i) / kParticles);
      CHECK(std::abs(mean[i] - expected.mean[i]) < error + 1e-5);
      for (Index j = 0; j <= i; ++j) {
        const double c = expected.covariance(i, j);
        const double spread =
            sigmas * std::sqrt((expected.covariance(i, i) * expected.covariance(j, j) + c * c) / kParticles);
        CHECK(std::abs(covariance(i, j) - c) < spread + 1e-6);
      }
    }
  }
}

TEST_CASE("propagation: the ensemble's kernels follow the closed form") {
  ThreadPool pool(2);
  const RewardFunction<float> nothing = [](auto, auto, auto, int, VecRef<float> out) { out.setZero(); };
  for (const int members : {1, 2, 4}) {
    INFO(members << " members");
    const LinearGaussian system = LinearGaussian::example(members);
    for (const Propagation how : kAll) {
      EnsembleRolloutSettings settings;
      settings.horizon = kSteps;
      settings.particles = kParticles;
      settings.propagation = how;
      EnsembleRollout rollout(testing::as_networks(system), nothing, {}, settings, pool, 17);
      const Batchf paths = rollout.trajectories(start().cast<float>(), plan().cast<float>(), {3, 1, 0});
      check_moments(system, how, paths.cast<double>());
    }
  }
}

TEST_CASE("propagation: a user's model follows the closed form") {
  ThreadPool pool(2);
  const RewardFunction<double> nothing = [](auto, auto, auto, int, VecRef<double> out) { out.setZero(); };
  ParticleRolloutSettings settings;
  settings.horizon = kSteps;
  settings.particles = kParticles;
  for (const Propagation how : kAll) {
    settings.propagation = how;
    const LinearGaussian system = LinearGaussian::example(2);
    ParticleRollout<testing::LinearGaussianModel> rollout({system}, nothing, {}, settings, pool, 17);
    check_moments(system, how, rollout.trajectories(start(), plan(), {3, 1, 0}));
    const LinearGaussian single = LinearGaussian::example(1);
    ParticleRollout<testing::LinearGaussianSingle> one({{single}}, nothing, {}, settings, pool, 18);
    check_moments(single, how, one.trajectories(start(), plan(), {3, 1, 0}));
  }
}

TEST_CASE("propagation: both evaluators draw the same particles") {
  ThreadPool pool(2);
  const LinearGaussian system = LinearGaussian::example(2);
  for (const Propagation how : {Propagation::kDistributionSampling, Propagation::kTS1, Propagation::kTSinf}) {
    EnsembleRolloutSettings a;
    a.horizon = kSteps;
    a.particles = 10;
    a.propagation = how;
    ParticleRolloutSettings b;
    b.horizon = kSteps;
    b.particles = 10;
    b.propagation = how;
    const RewardFunction<float> rf = [](auto, auto, auto, int, VecRef<float> out) { out.setZero(); };
    const RewardFunction<double> rd = [](auto, auto, auto, int, VecRef<double> out) { out.setZero(); };
    EnsembleRollout fast(testing::as_networks(system), rf, {}, a, pool, 5);
    ParticleRollout<testing::LinearGaussianModel> plain({system}, rd, {}, b, pool, 5);
    const Batchd x = fast.trajectories(start().cast<float>(), plan().cast<float>(), {2, 9, 0}).cast<double>();
    CHECK((x - plain.trajectories(start(), plan(), {2, 9, 0})).cwiseAbs().maxCoeff() < 1e-4);
  }
}

TEST_CASE("propagation: a persistent member spreads the particles further than one drawn anew") {
  ThreadPool pool(1);
  LinearGaussian system = LinearGaussian::example(2);
  system.q *= 1e-4;
  const RewardFunction<float> nothing = [](auto, auto, auto, int, VecRef<float> out) { out.setZero(); };
  const auto last_variance = [&](Propagation how) {
    EnsembleRolloutSettings settings;
    settings.horizon = kSteps;
    settings.particles = 2000;
    settings.propagation = how;
    EnsembleRollout rollout(testing::as_networks(system), nothing, {}, settings, pool, 17);
    const Batchd paths = rollout.trajectories(start().cast<float>(), plan().cast<float>(), {}).cast<double>();
    Vecd x(2000);
    for (Index p = 0; p < 2000; ++p) x[p] = paths(0, p * (kSteps + 1) + kSteps);
    return (x.array() - x.mean()).square().mean();
  };
  CHECK(last_variance(Propagation::kTSinf) > 2.0 * last_variance(Propagation::kTS1));
}

}  // namespace
}  // namespace mbrl
