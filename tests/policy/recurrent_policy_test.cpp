// A policy that remembers: what its memory holds, and that it is of one episode and one column alone.
#include "mbrl/policy/recurrent_policy.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/policy/policy_actor.hpp"
#include "nn/noise.hpp"

namespace mbrl {
namespace {

using testing::noise;

constexpr int kSeen = 3;
const ActionBounds kRange{{-2.0, 1.0}, {4.0, 2.0}};

RecurrentPolicy with_memory(std::uint64_t seed = 6) { return {kSeen, kRange, {.units = 5}, seed}; }

}  // namespace

TEST_CASE("recurrent policy: an action depends on what was seen and done before") {
  const RecurrentPolicy policy = with_memory();
  CHECK(policy.memory_dim() == 7);
  RecurrentPolicy::Workspace w;
  const Batchf first = noise(kSeen, 1, 1, 2), other = noise(kSeen, 1, 2, 2), now = noise(kSeen, 1, 3, 2);
  Batchf action(2, 1);
  const auto after = [&](const Batchf& before) {
    Batchf memory = Batchf::Zero(7, 1);
    policy.mode(before, memory, action, w);
    policy.mode(now, memory, action, w);
    return Batchf(action);
  };
  CHECK(after(first) == after(first));
  CHECK((after(first) - after(other)).cwiseAbs().maxCoeff() > 1e-4f);
  Batchf memory = Batchf::Zero(7, 1), changed(7, 1);
  policy.mode(first, memory, action, w);
  CHECK(memory(5, 0) == Approx((action(0, 0) - 1) / 3));
  CHECK(memory(6, 0) == Approx((action(1, 0) - 1.5) / 0.5).margin(1e-6));
  changed = memory;
  changed(5, 0) += 0.5f;  // another action had been taken
  Batchf one(2, 1), two(2, 1);
  policy.mode(now, memory, one, w);
  policy.mode(now, changed, two, w);
  CHECK((one - two).cwiseAbs().maxCoeff() > 1e-4f);
}

TEST_CASE("recurrent policy: columns are on their own, and densities those of a sample") {
  const RecurrentPolicy policy = with_memory();
  constexpr int kColumns = 19;
  const RandomStream random(3, Stream::kUser);
  RecurrentPolicy::Workspace w, v;
  Batchf memory = Batchf::Zero(7, kColumns), alone = Batchf::Zero(7, 1);
  for (std::uint32_t t = 0; t < 4; ++t) {
    const Batchf obs = noise(kSeen, kColumns, 10 + t, 2);
    const Batchf before = memory;
    Batchf action(2, kColumns), own(2, 1);
    policy.act(obs, memory, {random.key(), t, {}}, action, w);
    const std::vector<std::uint32_t> id = {kColumns - 1};
    policy.act(obs.rightCols(1), alone, {random.key(), t, id}, own, v);
    CHECK(own.col(0) == action.col(kColumns - 1));
    CHECK(alone.col(0) == memory.col(kColumns - 1));

    // The head's density of the action, given what is remembered.
    Batchf same = before, none(0, kColumns), joint(kSeen + 5, kColumns);
    joint << obs, memory.topRows(5);
    Vecf density(kColumns), expected(kColumns);
    policy.log_probability(obs, same, action, density, w);
    CHECK(same == before);
    MlpPolicy::Workspace head;
    policy.head().log_probability(joint, none, action, expected, head);
    CHECK(density == expected);
  }
  Batchf blind = Batchf::Constant(kSeen, 1, std::numeric_limits<float>::quiet_NaN()), action(2, 1);
  Batchf fresh = Batchf::Zero(7, 1);
  policy.mode(blind, fresh, action, w);
  CHECK(action.array().isNaN().all());
}

TEST_CASE(
    "recurrent policy: an actor forgets at the beginning of an episode, and a checkpoint is the policy") {
  const RecurrentPolicy policy = with_memory();
  PolicyActor<RecurrentPolicy> actor(policy, ActMode::kMode);
  const Vecd first = noise(kSeen, 1, 1, 2).col(0).cast<double>(),
             second = noise(kSeen, 1, 2, 2).col(0).cast<double>();
  actor.begin(1);
  const Vecd a = actor.act(first, 0), b = actor.act(second, 1);
  actor.begin(2);
  CHECK(actor.act(first, 0) == a);
  CHECK(actor.act(second, 1) == b);
  actor.begin(3);
  CHECK((actor.act(second, 0) - b).cwiseAbs().maxCoeff() > 1e-4);

  StateDict state;
  policy.save(state, "p.");
  RecurrentPolicy again = with_memory(9);
  again.load(state, "p.");
  PolicyActor<RecurrentPolicy> loaded(again, ActMode::kMode);
  CHECK(loaded.act(first, 0) == a);
  CHECK(loaded.act(second, 1) == b);
  RecurrentPolicy wider(kSeen, kRange, {.units = 6}, 1);
  CHECK_THROWS_AS(wider.load(state, "p."), Error);
  Batchf memory = Batchf::Zero(6, 1), action(2, 1);
  RecurrentPolicy::Workspace w;
  CHECK_THROWS_WITH(policy.mode(Batchf::Zero(kSeen, 1), memory, action, w), Catch::Contains("memory"));
}

}  // namespace mbrl
