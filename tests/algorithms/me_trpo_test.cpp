// ME-TRPO's rule of when to stop, on the pendulum, and its numbers on a task that terminates. What it owes to the program is
// in conformance_test.cpp.
#include "mbrl/algorithms/imagined/me_trpo.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "algorithms/round_watcher.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

namespace {

MeTrpoSettings small_me_trpo() {
  MeTrpoSettings s;
  s.steps = 1200;
  s.collect = 200;
  s.rollouts = 20;
  s.imagination.horizon = 15;
  s.policy_updates = 4;
  s.validate_every = 1;
  s.model.hidden = {16};
  s.model.members = 3;
  s.training.epochs = 5;
  s.training.batch_size = 32;
  s.trpo.policy.hidden = s.trpo.value.hidden = {16};
  return s;
}

AlgorithmContext context_of(const std::function<AnyEnvironment()>& make, ThreadPool& pool) {
  return {make, pool, 3};
}

const nn::Network& network_of(const MeTrpo& run) {
  return std::get<const MlpPolicy*>(run.policy())->network();
}

}  // namespace

TEST_CASE("me-trpo: a policy that too few models call better is not kept") {
  ThreadPool pool(2);
  const auto pendulum = [] { return AnyEnvironment(Pendulum()); };
  MeTrpoSettings settings = small_me_trpo();
  settings.patience = 1;
  settings.improving_models = 1;
  MeTrpo all(settings, context_of(pendulum, pool));
  int kept = 0, left = 0;
  Batchf before = network_of(all).layer(0).weight;
  testing::RoundWatcher watcher;
  watcher.round = [&](const MetricTable& metrics) {
    const Batchf now = network_of(all).layer(0).weight;
    // One update, one validation: whether it counted decides alone. Later ones end in the last that did.
    if (metrics.last("policy_updates") == 1) CHECK((now == before) == (metrics.last("agreement") < 1));
    (now == before ? left : kept) += 1;
    before = now;
    CHECK(metrics.last("gap") == Approx(metrics.last("imagined_return") - metrics.last("return")));
    CHECK(metrics.last("kl") <= settings.trpo.max_kl);
  };
  REQUIRE(all.run(watcher));
  CHECK(kept + left == static_cast<int>(all.metrics().rows()));
  CHECK(kept > 0);
  CHECK(left > 0);

  // Where nobody is asked, every update stays, and all are made.
  settings.improving_models = 0;
  MeTrpo none(settings, context_of(pendulum, pool));
  watcher.round = [&](const MetricTable& metrics) { CHECK(metrics.last("policy_updates") == 4); };
  REQUIRE(none.run(watcher));
}

TEST_CASE("me-trpo: it learns on a task that terminates, and says what it cannot do") {
  ThreadPool pool(1);
  const auto cart_pole = [] {
    return AnyEnvironment(CartPole(CartPoleTask(CartPoleTask::Action::kContinuous)));
  };
  MeTrpo run(small_me_trpo(), context_of(cart_pole, pool));
  RunObserver silent;
  REQUIRE(run.run(silent));
  for (const double r : run.metrics().column("imagined_return"))
    CHECK((r > 0 && r <= 15));  // 1 a step, until it falls
  MeTrpoSettings settings = small_me_trpo();
  settings.imagination.propagation = Propagation::kMomentMatching;
  CHECK(contains(error_of([&] { MeTrpo(settings, context_of(cart_pole, pool)); }), "moment"));
}
