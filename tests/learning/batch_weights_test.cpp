// What a batch says of its own transitions, discounts and weights, against batches in which that is so by itself.
#include <cmath>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/learning/sac.hpp"
#include "mbrl/learning/td3.hpp"

namespace mbrl {
namespace {

using testing::equal;
using testing::linear_quadratic;
using testing::state_of;

template <class Learner, class Settings>
Learner learner(ThreadPool& pool, double discount = 0.9) {
  Settings s;
  s.policy.hidden = s.critic.hidden = {16, 16};
  s.discount = discount;
  return Learner(1, ActionBounds::uniform(1, -3, 3), s, 1, pool);
}

template <class Learner, class Settings>
void check() {
  ThreadPool pool(2);
  const Transitions plain = linear_quadratic(0, 300);
  auto expected = learner<Learner, Settings>(pool), own = learner<Learner, Settings>(pool);
  const auto report = expected.update(plain);

  Transitions said = plain;
  said.discount.setConstant(300, 0.9f);
  said.weight.setOnes(300);
  own.update(said);
  CHECK(equal(own, expected));

  // A discount of 0.5 for all is the learner's own of 0.5.
  auto half = learner<Learner, Settings>(pool, 0.5), told = learner<Learner, Settings>(pool);
  said.discount.setConstant(0.5f);
  CHECK(half.update(plain).target == told.update(said).target);

  // Half of the columns with twice the weight, the others with none, are that half alone.
  auto alone = learner<Learner, Settings>(pool), weighted = learner<Learner, Settings>(pool);
  Transitions first = linear_quadratic(0, 300);
  first.weight.setConstant(300, 2.0f);
  first.weight.tail(150).setZero();
  Transitions few;
  few.obs = first.obs.leftCols(150);
  few.action = first.action.leftCols(150);
  few.next_obs = first.next_obs.leftCols(150);
  few.reward = first.reward.head(150);
  few.terminated.assign(150, 0);
  few.truncated.assign(150, 1);
  alone.update(few);
  weighted.update(first);
  const StateDict a = state_of(alone), b = state_of(weighted);
  for (const char* name : {"critic0.network.layers.0.weight", "critic1.network.layers.1.weight"})
    CHECK(a.get_matrix<float>(name).isApprox(b.get_matrix<float>(name), 1e-5f));

  // The errors are the loss's.
  CHECK(expected.errors().size() == 300);
  CHECK(static_cast<double>(expected.errors().mean()) <= std::sqrt(report.critic_loss) + 1e-6);
  CHECK(expected.errors().minCoeff() >= 0);

  said.weight.resize(7);
  CHECK_THROWS_WITH(own.update(said), Catch::Contains("the batch's weights"));
  said.weight.resize(0);
  said.discount.resize(7);
  CHECK_THROWS_WITH(own.update(said), Catch::Contains("the batch's discounts"));
}

}  // namespace

TEST_CASE("sac: a batch's own discounts and weights") { check<Sac, SacSettings>(); }
TEST_CASE("td3: a batch's own discounts and weights") { check<Td3, Td3Settings>(); }

}  // namespace mbrl
