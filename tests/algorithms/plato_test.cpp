// PLATO's environment, its teacher against what it is made of, and crashes while learning beside DAgger's.
#include "mbrl/algorithms/imitation/plato.hpp"

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "mbrl/env/classic/disc_field.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"

namespace mbrl {
namespace {

// At the start of an empty lane but for one disc.
Vecd lonely(double disc_x, double disc_y) {
  Vecd state = Vecd::Constant(DiscFieldTask::state_dim(), 100.0);
  state.head(4) << 0, 0, 2, 0;
  state.segment(4, 2) << disc_x, disc_y;
  return state;
}

TEST_CASE("disc field: ranges, crashes and motion are those of geometry") {
  Vecd obs(DiscFieldTask::spec().obs_dim);
  DiscFieldTask::observe(lonely(3, 0), obs);
  CHECK(obs(3 + DiscFieldTask::kRays / 2) == Approx(3 - DiscFieldTask::kDisc));  // straight ahead
  CHECK(obs(3) == Approx(DiscFieldTask::kWall));                                 // to the right
  CHECK(obs(2 + DiscFieldTask::kRays) == Approx(DiscFieldTask::kWall));
  // A ray of 90 / 7 degrees passes a disc 3 m ahead: 3 sin = 0.668 > 0.5.
  CHECK(obs(3 + DiscFieldTask::kRays / 2 + 1) == DiscFieldTask::kRange);
  DiscFieldTask::observe(lonely(1.5, 0), obs);
  const double angle = std::acos(-1) / 14, aside = 1.5 * std::sin(angle);
  CHECK(obs(3 + DiscFieldTask::kRays / 2 + 1) ==
        Approx(1.5 * std::cos(angle) - std::sqrt(0.25 - aside * aside)));
  CHECK_FALSE(DiscFieldTask::crashed(lonely(0.71, 0)));
  CHECK(DiscFieldTask::crashed(lonely(0.69, 0)));

  // The teacher's model is the environment's.
  Vecd state = lonely(50, 0), next(4);
  const Vecd action = (Vecd(2) << 0.3, -0.8).finished();
  const AnalyticModel model(PointMassSystem{.mass = 1 / DiscFieldTask::kPush},
                            {.dt = DiscFieldTask::kStep, .method = Integrator::kSemiImplicit});
  AnalyticModel<PointMassSystem>::Workspace none;
  model.step(state.head(4), action, next, none);
  const StepOutcome outcome = DiscFieldTask::step(state, action);
  CHECK((state.head(4) - next).norm() < 1e-12);
  CHECK_FALSE(outcome.terminated);
  CHECK(DiscFieldTask::step(state = lonely(0.8, 0), Vecd::Zero(2)).terminated);
}

TEST_CASE("plato: the teacher goes from the expert's action to the policy's as lambda grows") {
  AnyEnvironment env{DiscField()};
  const Vecd obs = env.reset(3), policy = (Vecd(2) << -0.9, 0.9).finished();
  const auto acting = [&](double lambda) -> Vecd {
    return field_teacher({.lambda = lambda})(1)(env, policy, 0);
  };
  const Vecd expert = field_expert({})(1)(env, obs, 0).action;
  CHECK(acting(0) == expert);
  double distance = (expert - policy).norm();
  REQUIRE(distance > 0.5);
  for (const double lambda : {0.01, 0.1, 1.0, 10.0, 1000.0}) {
    const double now = (acting(lambda) - policy).norm();
    CHECK(now < distance);
    distance = now;
  }
  CHECK(distance < 1e-3);
}

// Crashes of every round but the first, which is the expert's, and the policy's return after the last.
struct Learned {
  double crashes = 0, expert_return = 0, last = 0;
  int rounds = 0;
};
Learned learned(bool dagger, std::uint64_t seed) {
  PlatoConfiguration c;
  c.dagger = dagger;
  c.rounds = 4;
  c.episodes = 4;
  c.check_episodes = 6;
  c.cloning.patience = 8;
  c.teacher.starts = {.samples = 8, .starts = 1};
  ThreadPool pool(1);
  const AlgorithmContext context{[] { return AnyEnvironment(DiscField()); }, pool, seed};
  Imitation<MlpPolicy> run(c.imitation(), context, field_expert(c.teacher),
                           dagger ? Teacher() : field_teacher(c.teacher));
  RunObserver silent;
  REQUIRE(run.run(silent));
  const std::vector<double> ended = run.metrics().column("ended");
  return {std::accumulate(ended.begin() + 1, ended.end(), 0.0), run.metrics().last("expert_return"),
          run.metrics().last("return"), static_cast<int>(ended.size()) - 1};
}

TEST_CASE(
    "plato: less than one crash a round while learning where DAgger has many, and no worse in the end") {
  const Learned plato = learned(false, 1), dagger = learned(true, 1);
  INFO("expert " << plato.expert_return << ", PLATO " << plato.last << " with " << plato.crashes
                 << " crashes, DAgger " << dagger.last << " with " << dagger.crashes);
  CHECK(plato.crashes < plato.rounds);
  CHECK(dagger.crashes > dagger.rounds);
  CHECK(plato.last > 0.95 * dagger.last);  // one seed, and compilers differ by more than they do
}

}  // namespace
}  // namespace mbrl
