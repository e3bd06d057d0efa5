// The three parts of MBMF on the pendulum: what each hands to the next. What it owes to the program is in
// conformance_test.cpp.
#include "mbrl/algorithms/imitation/mbmf.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "algorithms/round_watcher.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

namespace {

MbmfConfiguration small_mbmf() {
  MbmfConfiguration c;
  c.steps = 900;
  c.planning.trials = 2;
  c.planning.random_trials = 1;
  c.planning.trial_steps = 40;
  c.planner.rs.population = 20;
  c.rollout.horizon = 5;
  c.model.hidden = {16};
  c.training.epochs = 5;
  c.imitation.rounds = 2;
  c.imitation.episodes = 2;
  c.imitation.check_episodes = 1;
  c.imitation.epochs = 10;
  c.tuning.environments = 2;
  c.tuning.horizon = 100;
  c.tuning.trpo.policy.hidden = c.tuning.trpo.value.hidden = {16};
  return c;
}

const AlgorithmEntry& entry() {
  static const AlgorithmRegistry registry = [] {
    AlgorithmRegistry made;
    register_mbmf(made);
    return made;
  }();
  return registry.at("mbmf");
}

Vecd first_action(AnyActor actor, const Vecd& obs) {
  actor.begin(3);
  return actor.act(obs, 0);
}

}  // namespace

TEST_CASE("mbmf: planner, imitation and fine-tuning follow one another, and their steps add up") {
  ThreadPool pool(2);
  const AlgorithmContext context{[] { return AnyEnvironment(Pendulum()); }, pool, 3};
  AnyAlgorithm run = entry().make(AnySettings(small_mbmf()), context);
  const Vecd obs = Pendulum().reset(4);
  std::vector<Vecd> actions;
  bool refused = false;
  testing::RoundWatcher watcher;
  watcher.round = [&](const MetricTable& m) {
    actions.push_back(first_action(run.actor(), obs));
    if (m.last("part") == 1)
      refused = contains(error_of([&] { run.find<PolicyOwner>()->policy(); }), "not fitted a policy yet");
  };
  REQUIRE(run.run(watcher));
  const MetricTable& m = run.metrics();
  // 40 random steps and two trials of 40; two rounds of two episodes of 40; iterations of 200 until 900.
  CHECK(m.column("part") == std::vector<double>{1, 1, 2, 2, 3, 3, 3, 3});
  CHECK(m.column("step") == std::vector<double>{80, 120, 200, 280, 480, 680, 880, 1080});
  CHECK(refused);
  CHECK(run.find<DataOwner>()->buffer().size() == 120);
  for (std::size_t r = 0; r < m.rows(); ++r) {
    CHECK(std::isfinite(m.at(r, "model_loss")) == (m.at(r, "part") == 1));
    CHECK(std::isfinite(m.at(r, "score")) == (m.at(r, "part") == 2));
    CHECK(std::isfinite(m.at(r, "kl")) == (m.at(r, "part") == 3));
  }
  // The policy that is tuned is the one that imitates: one step within KL 0.01 leaves its action where it was, nearly.
  CHECK(std::abs(actions[4](0) - actions[3](0)) < 0.5);
  CHECK(actions[4](0) != actions[3](0));
  CHECK(actions[2](0) != actions[1](0));
}

TEST_CASE("mbmf: settings that make no sense are refused in words") {
  const EnvSpec pendulum = Pendulum().spec();
  const auto refusal = [&](const std::function<void(MbmfConfiguration&)>& change) {
    MbmfConfiguration c = small_mbmf();
    change(c);
    return error_of([&] { c.validate(pendulum); });
  };
  CHECK(refusal([](MbmfConfiguration&) {}).empty());
  CHECK(contains(refusal([](MbmfConfiguration& c) { c.steps = 0; }), "mbmf: steps is 0"));
  CHECK(contains(refusal([](MbmfConfiguration& c) { c.imitation.episodes = 0; }), "mbmf: episodes is 0"));
  CHECK(contains(refusal([](MbmfConfiguration& c) { c.tuning.std = 0; }), "mbmf: tuning.std is 0"));
  CHECK(contains(refusal([](MbmfConfiguration& c) { c.tuning.horizon = 0; }), "horizon is 0"));
  CHECK(contains(refusal([](MbmfConfiguration& c) { c.rollout.horizon = 0; }), "rollout.horizon is 0"));
  CHECK(contains(error_of([] { small_mbmf().validate(CartPole().spec()); }), "mbmf: "));
}
