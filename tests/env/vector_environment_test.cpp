// Vectorised environments against the same environments stepped one by one.
#include "mbrl/env/vector_environment.hpp"

#include <limits>
#include <set>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"

using namespace mbrl;

namespace {

AnyEnvironment continuous_cartpole() {
  return AnyEnvironment(CartPole(CartPoleTask(CartPoleTask::Action::kContinuous)));
}

Batchd random_actions(const EnvSpec& spec, int size, int t) {
  const RandomStream random(1, Stream::kUser);
  Batchd actions(spec.action_dim(), size);
  for (Index i = 0; i < actions.size(); ++i)
    actions(i) = random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i));
  return actions;
}

}  // namespace

TEST_CASE("vector environment: any number of threads gives the same numbers") {
  VectorEnvironment one(continuous_cartpole, 13, 1), four(continuous_cartpole, 13, 4);
  CHECK(one.reset(5) == four.reset(5));
  int ended = 0;
  for (int t = 0; t < 120; ++t) {
    const Batchd actions = random_actions(one.spec(), 13, t);
    const VectorStep &a = one.step(actions), &b = four.step(actions);
    REQUIRE(a.obs == b.obs);
    REQUIRE(a.next_obs == b.next_obs);
    REQUIRE(a.reward == b.reward);
    REQUIRE(a.terminated == b.terminated);
    for (const auto flag : a.terminated) ended += flag;
  }
  CHECK(ended > 20);
  CHECK(one.state() == four.state());
}

TEST_CASE(
    "vector environment: columns are the transitions of single environments, ends kept and begun anew") {
  const auto make = [] { return AnyEnvironment(TimeLimit(continuous_cartpole(), 15)); };
  VectorEnvironment many(make, 6, 2);
  std::vector<AnyEnvironment> single;
  Batchd current = many.reset(9);
  for (int i = 0; i < 6; ++i) single.push_back(make());
  for (auto& env : single) env.reset(0);
  // Put every single environment where the vectorised one begins, again after each end.
  const auto follow = [&](int i) {
    const Vecd start = current.col(i);
    single[static_cast<std::size_t>(i)].set_physics_state({start.begin(), start.end()});
  };
  for (int i = 0; i < 6; ++i) follow(i);
  int terminated = 0, truncated = 0;
  std::set<double> starts;
  for (int t = 0; t < 100; ++t) {
    Batchd actions = random_actions(many.spec(), 6, t);
    actions.leftCols(3).setOnes();  // these fall before their time is over
    const VectorStep step = many.step(actions);
    current = step.obs;
    for (int i = 0; i < 6; ++i) {
      const auto k = static_cast<std::size_t>(i);
      const StepResult result = single[k].step(actions.col(i));
      REQUIRE(step.next_obs.col(i) == result.obs);
      REQUIRE(step.reward(i) == result.reward);
      REQUIRE(step.terminated[k] == result.terminated);
      REQUIRE(step.truncated[k] == result.truncated);
      terminated += result.terminated;
      truncated += result.truncated && !result.terminated;
      if (result.terminated || result.truncated) {
        CHECK(step.obs.col(i) != step.next_obs.col(i));
        CHECK(step.obs.col(i).cwiseAbs().maxCoeff() <= 0.05);
        CHECK(starts.insert(step.obs(0, i)).second);  // no start twice
        follow(i);
      } else {
        CHECK(step.obs.col(i) == step.next_obs.col(i));
      }
    }
  }
  CHECK(terminated > 5);
  CHECK(truncated > 5);
}

TEST_CASE("vector environment: a state put back continues bit for bit, new episodes included") {
  VectorEnvironment many(continuous_cartpole, 5, 2), other(continuous_cartpole, 5, 1);
  many.reset(0xFFFFFFFF00000003ull);
  for (int t = 0; t < 40; ++t) many.step(random_actions(many.spec(), 5, t));
  other.set_state(many.state());
  CHECK(other.observations() == many.observations());
  for (int t = 40; t < 120; ++t) {
    const Batchd actions = random_actions(many.spec(), 5, t);
    REQUIRE(many.step(actions).obs == other.step(actions).obs);
  }
  CHECK_THROWS_AS(other.set_state({1.0, 2.0, 3.0}), Error);
}

TEST_CASE("vector environment: mistakes are answered before anything is stepped") {
  VectorEnvironment many([] { return AnyEnvironment(Pendulum()); }, 3, 2);
  many.reset(1);
  const auto state = many.state();
  CHECK_THROWS_AS(many.step(Batchd::Zero(1, 2)), Error);
  CHECK_THROWS_AS(many.step(Batchd::Zero(2, 3)), Error);
  Batchd actions = Batchd::Zero(1, 3);
  actions(2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(many.step(actions), Error);
  CHECK(many.state() == state);
  CHECK_THROWS_AS(VectorEnvironment([] { return AnyEnvironment(Pendulum()); }, 0), Error);
  int made = 0;
  CHECK_THROWS_AS(
      VectorEnvironment([&made] { return made++ ? AnyEnvironment(Pendulum()) : continuous_cartpole(); }, 2),
      Error);
}
