// DAgger where a clone drifts; a planner distilled; experts by name.
#include "mbrl/algorithms/imitation/imitation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/env/analytic_environment.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/run/evaluation.hpp"

namespace mbrl {
namespace {

constexpr double kTurn = 0.1, kGrowth = 3;

// A target r = sin(angle) / 2 moves to and fro, and whoever follows it is driven off by an unstable x' = 3 x + u. One
// begins on the target and an expert never leaves it, so that its states do not tell whether it looks at x or at the
// angle: a clone looks at both, which is not enough to hold x.
struct Follow {
  static EnvSpec spec() {
    EnvSpec s;
    s.name = "test/Follow";
    s.obs_dim = 4;
    s.encoding = ObsEncoding::identity(4);
    s.action_low = Vecd::Constant(1, -10.0);
    s.action_high = Vecd::Constant(1, 10.0);
    s.max_steps = 100;
    s.dt = 1;
    return s;
  }
  static int state_dim() { return 2; }
  static void draw_start(const RandomStream& random, Vecd& state) {
    const double angle = random.uniform(-3.0, 3.0, 0);
    state << 0.5 * std::sin(angle), angle;
  }
  static StepOutcome step(Vecd& state, ConstVecRef<double> action) {
    state << kGrowth * state(0) + action(0), state(1) + kTurn;
    const double off = state(0) - 0.5 * std::sin(state(1));
    return {1 - off * off, std::abs(state(0)) > 2};
  }
  static void observe(const Vecd& state, Vecd& obs) {
    obs << state(0), std::sin(state(1)), std::sin(state(1) + kTurn), std::cos(state(1));
  }
};

// On the target at the next step, whatever x is.
Expert follower() {
  return [](std::uint64_t) -> Adviser {
    return [](const AnyEnvironment&, ConstVecRef<double> obs, int) {
      return Advice{Vecd::Constant(1, 0.5 * obs(2) - kGrowth * obs(0)), {}};
    };
  };
}

ImitationConfiguration five_rounds(double beta) {
  ImitationConfiguration c;
  c.rounds = 5;
  c.episodes = 10;
  c.beta = beta;
  c.cloning.policy.hidden = {32};
  c.cloning.patience = 40;
  c.cloning.adam.learning_rate = 3e-3;
  c.cloning.adam.weight_decay = 1e-3;  // shares what data leave open among all that it may look at
  return c;
}

AlgorithmContext following(ThreadPool& pool, std::uint64_t seed) {
  return {[] { return AnyEnvironment(AnalyticEnvironment<Follow>()); }, pool, seed};
}

// Returns of the policy after each of five rounds.
std::vector<double> returns_of(double beta, std::uint64_t seed) {
  ThreadPool pool(1);
  Imitation<MlpPolicy> run(five_rounds(beta), following(pool, seed), follower());
  RunObserver silent;
  CHECK(run.run(silent));
  CHECK(run.metrics().last("expert_return") == Approx(100).margin(1e-6));
  return run.metrics().column("return");
}

AlgorithmContext pendulum(ThreadPool& pool) {
  return {[] { return AnyEnvironment(Pendulum()); }, pool, 4};
}

ImitationConfiguration small_cem() {
  ImitationConfiguration c;
  c.expert.planner.sampling.name = "cem";
  c.expert.planner.horizon = 15;
  c.expert.planner.sampling.cem.population = 60;
  c.expert.planner.sampling.cem.elites = 8;
  c.expert.planner.sampling.cem.iterations = 3;
  c.rounds = 4;
  c.episodes = 2;
  c.check_episodes = 3;
  return c;
}

// Pendulum-v1 with five torques, -2 to 2. The state is the angle (0: upright) and its rate.
struct FiveTorques {
  static EnvSpec spec() {
    EnvSpec s = Pendulum().spec();
    s.name = "test/FiveTorques";
    s.choices = 5;
    s.action_low = Vecd::Constant(1, 0.0);
    s.action_high = Vecd::Constant(1, 4.0);
    return s;
  }
  static int state_dim() { return 2; }
  static void draw_start(const RandomStream& random, Vecd& state) {
    state << random.uniform(-3.0, 3.0, 0), random.uniform(-1.0, 1.0, 1);
  }
  static StepOutcome step(Vecd& state, ConstVecRef<double> action) {
    const double torque = action(0) - 2, angle = std::remainder(state(0), 2 * std::numbers::pi);
    const double cost = angle * angle + 0.1 * state(1) * state(1) + 0.001 * torque * torque;
    state(1) = std::clamp(state(1) + (15 * std::sin(state(0)) + 3 * torque) * 0.05, -8.0, 8.0);
    state(0) += 0.05 * state(1);
    return {-cost, false};
  }
  static void observe(const Vecd& state, Vecd& obs) {
    obs << std::cos(state(0)), std::sin(state(0)), state(1);
  }
};

AlgorithmContext five_torques(ThreadPool& pool, std::uint64_t seed) {
  return {[] { return AnyEnvironment(AnalyticEnvironment<FiveTorques>()); }, pool, seed};
}

ImitationConfiguration small_tree_search() {
  ImitationConfiguration c;
  c.expert.planner.sampling.name = "mcts";
  c.expert.planner.horizon = 25;
  c.expert.planner.sampling.mcts.iterations = 100;
  c.rounds = 4;
  c.check_episodes = 4;
  return c;
}

}  // namespace

TEST_CASE("imitation: a network in place of a tree search (UCC-I) reaches 90 % of it, 100 times as fast") {
  ThreadPool pool(1);
  const ImitationConfiguration c = small_tree_search();
  const AlgorithmContext context = five_torques(pool, 2);
  Imitation<CategoricalPolicy> run(c, context, make_expert(c.expert, context, {}));
  RunObserver silent;
  REQUIRE(run.run(silent));
  INFO(run.metrics().last("expert_return") << ", " << run.metrics().last("return"));
  CHECK(run.metrics().last("score") > 0.9);
  CHECK(run.metrics().last("expert_us") > 100 * run.metrics().last("policy_us"));
}

TEST_CASE("imitation: what a tree search takes its choices to be worth (UCR)") {
  ThreadPool pool(1);
  ImitationConfiguration c = small_tree_search();
  c.beta = 1;
  c.rounds = 2;
  c.episodes = 1;
  c.check_episodes = 1;
  c.cloning.loss = CloningLoss::kValues;
  const AlgorithmContext context = five_torques(pool, 2);
  Imitation<CategoricalPolicy> run(c, context, make_expert(c.expert, context, {}));
  RunObserver silent;
  REQUIRE(run.run(silent));
  REQUIRE(run.data().values.cols() == 400);
  REQUIRE(run.data().values.rows() == 5);
  CHECK(run.metrics().last("validation_loss") < 0.5 * 0.3 * 5);  // of 5 values that vary by 1

  // A search for a few steps from upright and from a fast fall: the one is worth more, whatever one does.
  const Adviser adviser = make_expert(c.expert, context, {})(1);
  AnyEnvironment env = context.make_environment();
  env.reset(1);
  env.set_state({0.0, 0.0, 0.0, 0.0});
  const Advice upright = adviser(env, Vecd::Zero(3), 0);
  CHECK(upright.values.size() == 5);
  env.set_state({2.0, 4.0, 0.0, 0.0});
  CHECK(make_expert(c.expert, context, {})(1)(env, Vecd::Zero(3), 0).values.maxCoeff() <
        upright.values.minCoeff());

  // What so short a search has not tried counts as the worst that it has.
  ExpertSettings short_search = c.expert;
  short_search.planner.sampling.mcts.iterations = 2;
  const Vecd values = make_expert(short_search, context, {})(1)(env, Vecd::Zero(3), 0).values;
  REQUIRE(values.size() == 5);
  CHECK((values.array() == values.minCoeff()).count() >= 3);

  c.cloning.loss = CloningLoss::kKl;
  CHECK_THROWS_WITH(c.validate("dagger", env.spec()), Catch::Contains("expected mean or values"));
  c.cloning.loss = CloningLoss::kValues;
  CHECK_THROWS_WITH(c.validate("dagger", Pendulum().spec()), Catch::Contains("expected mean or kl"));
  c.expert.planner.sampling.name = "rs";
  CHECK_THROWS_WITH(c.validate("dagger", context.make_environment().spec()),
                    Catch::Contains("expected expert.name=mcts"));
  Imitation<CategoricalPolicy> silent_expert(c, context, make_expert(c.expert, context, {}));
  CHECK_THROWS_WITH(silent_expert.run(silent), Catch::Contains("take mcts as the expert"));
}

TEST_CASE("imitation: DAgger comes within 5 % of the expert in 5 rounds where a clone drifts") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    INFO(seed);
    CHECK(returns_of(0, seed).back() > 95);
    CHECK(returns_of(1, seed).back() < 50);
  }
}

TEST_CASE("imitation: the policy of the best round is returned, by a resumed run, too") {
  ThreadPool pool(1);
  RunObserver silent;
  const auto return_of = [](auto& run) {  // in the episodes of the checks
    AnyActor actor = run.actor();
    double total = 0;
    for (std::uint32_t e = 0; e < 5; ++e)
      total += run_episode(run.environment(), actor, episode_seed(1, e, 3)).total;
    return total / 5;
  };
  Imitation<MlpPolicy> whole(five_rounds(1), following(pool, 1), follower());
  REQUIRE(whole.run(silent));
  const std::vector<double> returns = whole.metrics().column("return");
  const double best = *std::max_element(returns.begin(), returns.end());
  REQUIRE(returns.back() < best - 1);
  CHECK(return_of(whole) == Approx(best).margin(1e-9));

  ImitationConfiguration half = five_rounds(1);
  half.rounds = 3;
  Imitation<MlpPolicy> first(half, following(pool, 1), follower()),
      second(five_rounds(1), following(pool, 1), follower());
  REQUIRE(first.run(silent));
  StateDict state;
  first.save(state, "");
  second.load(state, "");
  REQUIRE(second.run(silent));
  CHECK(second.metrics().column("return") == returns);
  CHECK(return_of(second) == return_of(whole));
}

TEST_CASE("imitation: a planner's policy by the divergence from its Gaussian") {
  ImitationConfiguration c = small_cem();
  c.cloning.loss = CloningLoss::kKl;
  ThreadPool pool(1);
  Imitation<MlpPolicy> run(c, pendulum(pool), make_expert(c.expert, pendulum(pool), {}));
  RunObserver silent;
  REQUIRE(run.run(silent));
  CHECK(run.metrics().last("score") > 0.8);
  CHECK(run.metrics().last("step") == 1600);
  REQUIRE(run.data().deviation.cols() == 1600);
  CHECK(run.data().deviation.minCoeff() > 0);
  CHECK(run.data().deviation.maxCoeff() <= 2);
}

TEST_CASE("imitation: what an expert says is a function of the seed and of what it is shown") {
  ThreadPool one(1), two(2);
  AnyEnvironment env{Pendulum()};
  for (const char* name : {"cem", "icem", "mppi"}) {
    ExpertSettings s = small_cem().expert;
    s.planner.sampling.name = name;
    const Expert expert = make_expert(s, pendulum(one), {}), other = make_expert(s, pendulum(two), {});
    Vecd obs = env.reset(3);
    const Vecd first = expert(7)(env, obs, 0).action;
    expert(8)(env, obs, 0);
    CHECK(expert(7)(env, obs, 0).action == first);
    CHECK(other(7)(env, obs, 0).action == first);
  }
}

TEST_CASE("imitation: fresh plans do not depend on what was planned before") {
  ThreadPool pool(1);
  ExpertSettings settings = small_cem().expert;
  const auto says = [&](std::uint64_t first_state) {  // in the same state, after another one
    const Adviser expert = make_expert(settings, pendulum(pool), {})(5);
    AnyEnvironment env{Pendulum()};
    Vecd obs = env.reset(first_state);
    expert(env, obs, 0);
    obs = env.reset(9);
    return expert(env, obs, 1).action(0);
  };
  CHECK(says(1) != says(2));
  settings.fresh_plans = 2;
  CHECK(says(1) == says(2));
  settings.fresh_plans = -1;
  CHECK_THROWS_WITH(says(1), Catch::Contains("expert: fresh_plans is -1, expected 0 or more"));
}

TEST_CASE("imitation: experts that there are not are refused by name") {
  ThreadPool pool(1);
  ExpertSettings s;
  s.planner.sampling.name = "cemm";
  CHECK_THROWS_WITH(make_expert(s, pendulum(pool), {}), Catch::Contains("cemm"));
  s = {};
  s.run = "runs/none";
  CHECK_THROWS_WITH(make_expert(s, pendulum(pool), {}), Catch::Contains("runs/none"));
  ImitationConfiguration c = small_cem();
  c.beta = 1.5;
  CHECK_THROWS_WITH(c.validate("dagger", Pendulum().spec()), Catch::Contains("dagger: beta is 1.5"));
  c = small_cem();
  c.cloning.loss = CloningLoss::kKl;
  c.expert.planner.sampling.name = "mppi";
  CHECK_THROWS_WITH(c.validate("distill", Pendulum().spec()),
                    Catch::Contains("the expert 'mppi' has no Gaussian"));
}

}  // namespace mbrl
