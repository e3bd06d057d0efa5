// Plans by mean and spread of their particles: averse to risk and seeking it, in both evaluators.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/particles.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/particle_rollout.hpp"
#include "rollout/linear_gaussian.hpp"

namespace mbrl {
namespace {

// Members agree up to an action of 0.5, where the data end; beyond it they say opposite things.
struct Cliff {
  using Scalar = double;
  struct Workspace {};
  double slope = 1.0;
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  int members() const { return 4; }
  void predict(int member, ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> mean,
               BatchRef<double> variance, Workspace&) const {
    const double side = member % 2 == 0 ? 1.0 : -1.0;
    mean = obs + slope * action;
    mean.array() += 4.0 * side * (action.array() - 0.5).max(0.0);
    variance.setConstant(1e-8);
  }
};

void last_state(ConstBatchRef<double>, ConstBatchRef<double>, ConstBatchRef<double> next, int,
                VecRef<double> out) {
  out = next.row(0).transpose();
}

double planned(double slope, double risk) {
  ThreadPool pool(1);
  ParticleRolloutSettings settings{.horizon = 1, .particles = 4, .risk = risk};
  ParticleRollout<Cliff> rollout({slope}, last_state, {}, settings, pool, 1);
  Cem planner(rollout, ActionBounds::uniform(1, 0.0, 1.0),
              {.population = 200, .elites = 20, .iterations = 10}, 1);
  return planner.plan(Vecd::Zero(1), 0).actions(0, 0);
}

TEST_CASE("risk: an averse planner stays where the data are, one that seeks risk leaves them") {
  CHECK(planned(1.0, 0.0) > 0.95);  // the mean gains by every action
  CHECK(std::abs(planned(1.0, 2.0) - 0.5) < 0.05);
  CHECK(planned(-0.2, 0.0) < 0.05);  // the mean loses by every action
  CHECK(planned(-0.2, -1.0) > 0.95);
}

TEST_CASE("risk: a return is the particles' mean less their standard deviations, in both evaluators") {
  ThreadPool pool(1);
  const auto system = testing::LinearGaussian::example(2);
  const auto check = [&](auto& evaluator, auto scalar) {
    using S = decltype(scalar);
    const Batch<S> actions = Batch<S>::Random(5, 3);
    const Vec<S> start = Vec<S>::Ones(3);
    Batch<S> particles(8, 3);
    const std::uint32_t ids[] = {0, 1, 2};
    evaluator.evaluate_particles(start, actions, ids, {}, 0, 8, particles);
    Vec<S> returns(3);
    evaluator.evaluate(start, actions, {}, returns);
    for (Index k = 0; k < 3; ++k) {
      const Vecd x = particles.col(k).template cast<double>();
      const double deviation = std::sqrt((x.array() - x.mean()).square().mean());
      CHECK(deviation > 0.01);
      CHECK(static_cast<double>(returns(k)) == Approx(x.mean() - 0.7 * deviation).epsilon(1e-5));
    }
    CHECK_FALSE(can_race(evaluator));  // a race compares means
  };
  const EnsembleRolloutSettings fast{.horizon = 5, .particles = 8, .risk = 0.7};
  EnsembleRollout networks(
      testing::as_networks(system),
      [](auto, auto, auto next, int, VecRef<float> out) { out = next.row(0).transpose(); }, {}, fast, pool,
      3);
  check(networks, float());
  const ParticleRolloutSettings plain{.horizon = 5, .particles = 8, .risk = 0.7};
  ParticleRollout<testing::LinearGaussianModel> model({system}, last_state, {}, plain, pool, 3);
  check(model, double());
}

TEST_CASE("risk: a number that is not finite is refused") {
  ThreadPool pool(1);
  const ParticleRolloutSettings settings{
      .horizon = 1, .particles = 4, .risk = std::numeric_limits<double>::infinity()};
  CHECK_THROWS_AS(ParticleRollout<Cliff>({}, last_state, {}, settings, pool, 1), Error);
}

}  // namespace
}  // namespace mbrl
