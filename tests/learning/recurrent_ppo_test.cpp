// Learning through a memory: the gradient against differences of the objective, a task that nothing without a memory can
// do, and what stays the same for any number of threads.
#include "mbrl/learning/recurrent_ppo.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "nn/noise.hpp"

namespace mbrl {
namespace {

using testing::noise;

const ActionBounds kBounds = ActionBounds::uniform(1, -1, 1);

// Two-valued cues that are seen in the first step alone; the last action is paid for being the cue.
SequenceBatch recall(const RecurrentPolicy& policy, int count, int horizon, std::uint32_t number,
                     double& mean) {
  const RandomStream random(5, Stream::kUser);
  SequenceBatch batch;
  batch.horizon = horizon;
  batch.obs = Batchf::Zero(2, count * (horizon + 1));
  batch.action.resize(1, count * horizon);
  batch.reward = Batchf::Zero(count, horizon);
  batch.length.assign(static_cast<std::size_t>(count), horizon);
  batch.terminated.assign(static_cast<std::size_t>(count), 1);
  Batchf memory = Batchf::Zero(policy.memory_dim(), count), action(1, count);
  RecurrentPolicy::Workspace w;
  Vecf cue(count);
  for (Index i = 0; i < count; ++i)
    cue(i) = random.uniform(number, static_cast<std::uint32_t>(i)) < 0.5 ? -1.0f : 1.0f;
  batch.obs.row(0).head(count) = cue.transpose();
  for (Index t = 0; t < horizon; ++t) {
    batch.obs.row(1)
        .segment(t * count, count)
        .setConstant(static_cast<float>(t) / static_cast<float>(horizon));
    policy.act(batch.obs.middleCols(t * count, count), memory,
               {random.key(), number * 100 + static_cast<std::uint32_t>(t), {}}, action, w);
    batch.action.middleCols(t * count, count) = action;
  }
  batch.reward.col(horizon - 1) = cue.cwiseProduct(action.row(0).transpose());
  mean = batch.reward.cast<double>().sum() / count;
  return batch;
}

}  // namespace

TEST_CASE("recurrent ppo: it learns to recall, and a policy whose memory is wiped cannot") {
  ThreadPool pool(2);
  RecurrentPpoSettings settings;
  settings.policy.units = 12;
  settings.policy.network.hidden = {16};
  settings.adam.learning_rate = 5e-3;
  RecurrentPpo ppo(2, kBounds, settings, 3, pool);
  double mean = 0;
  for (std::uint32_t update = 0; update < 60; ++update) {
    const SequenceBatch batch = recall(ppo.policy(), 64, 6, update, mean);
    const PpoReport report = ppo.update(batch);
    REQUIRE(report.finite());
    CHECK(report.kl > -1e-6);
  }
  recall(ppo.policy(), 500, 6, 1000, mean);
  CHECK(mean > 0.8);  // of 1; without a memory 0
  RecurrentPolicy wiped = ppo.policy();
  for (float& weight : wiped.gru().recurrent().parameters()) weight = 0;
  for (float& weight : wiped.gru().input().parameters()) weight = 0;  // h' = h / 2 = 0
  recall(wiped, 500, 6, 1000, mean);
  CHECK(std::abs(mean) < 0.15);
}

// With Adam's epsilon beyond every gradient a first step is -learning_rate / epsilon times the gradient.
TEST_CASE("recurrent ppo: a step goes down the gradient of the objective, through time") {
  ThreadPool pool(1);
  constexpr int kCount = 20, kHorizon = 4;
  RecurrentPpoSettings settings;
  settings.policy.units = 4;
  settings.policy.network.hidden = {6};
  settings.adam = {.learning_rate = 1e6, .epsilon = 1e8};
  settings.epochs = 1;
  settings.sequences = kCount;
  settings.discount = 0;
  RecurrentPpo ppo(2, kBounds, settings, 3, pool);
  const RecurrentPolicy before = ppo.policy();
  double mean = 0;
  SequenceBatch batch = recall(before, kCount, kHorizon, 1, mean);
  batch.obs = 5 * noise(2, kCount * (kHorizon + 1), 7, 2);
  batch.reward = 1e5f * noise(kCount, kHorizon, 8, 2);  // beside which values are nothing: A = r
  batch.length[3] = 2;
  batch.length[19] = 0;
  ppo.update(batch);

  double sum = 0, square = 0, steps = 0;
  for (Index i = 0; i < kCount; ++i)
    for (Index t = 0; t < batch.length[static_cast<std::size_t>(i)]; ++t) {
      const auto r = static_cast<double>(batch.reward(i, t));
      sum += r;
      square += r * r;
      ++steps;
    }
  const double average = sum / steps,
               deviation = std::sqrt((square - steps * average * average) / (steps - 1));
  // -mean A log pi, whose gradient the clipped ratio's is where it begins.
  const auto objective = [&](const RecurrentPolicy& policy) {
    RecurrentPolicy::Workspace w;
    Batchf memory = Batchf::Zero(policy.memory_dim(), kCount);
    Vecf density(kCount);
    double total = 0;
    for (Index t = 0; t < kHorizon; ++t) {
      const Batchf action = batch.action.middleCols(t * kCount, kCount);
      policy.log_probability(batch.obs.middleCols(t * kCount, kCount), memory, action, density, w);
      memory.topRows(4) = w.state;
      policy.scale_action(action, memory.bottomRows(1));
      for (Index i = 0; i < kCount; ++i)
        if (t < batch.length[static_cast<std::size_t>(i)])
          total -= (static_cast<double>(batch.reward(i, t)) - average) / deviation *
                   static_cast<double>(density(i)) / steps;
    }
    return total;
  };
  const auto check = [&](auto&& parameters) {
    RecurrentPolicy moved = ppo.policy(), probe = before;
    const AlignedFloats start = parameters(probe);
    constexpr double kMargin = 4e-4;  // what differences of single precision allow
    double largest = 0;
    for (std::size_t i = 0; i < start.size(); i += 5) {
      constexpr float kStep = 5e-3f;
      parameters(probe)[i] = start[i] + kStep;
      const double above = objective(probe);
      parameters(probe)[i] = start[i] - kStep;
      const double below = objective(probe);
      parameters(probe)[i] = start[i];
      const double expected = (above - below) / (2 * static_cast<double>(kStep));
      const double found = static_cast<double>(start[i] - parameters(moved)[i]) * 100;
      CHECK(found == Approx(expected).epsilon(0.02).margin(kMargin));
      largest = std::max(largest, std::abs(found));
    }
    CHECK(largest > 10 * kMargin);
  };
  check([](RecurrentPolicy& p) -> AlignedFloats& { return p.gru().input().parameters(); });
  check([](RecurrentPolicy& p) -> AlignedFloats& { return p.gru().recurrent().parameters(); });
  check([](RecurrentPolicy& p) -> AlignedFloats& { return p.head().parameters(); });
}

TEST_CASE("recurrent ppo: any number of threads gives the same, and so does a checkpoint") {
  const auto state_of = [](const RecurrentPpo& ppo) {
    StateDict out;
    ppo.save(out, "");
    return out;
  };
  const auto learn = [&](RecurrentPpo& ppo, std::uint32_t from, std::uint32_t to) {
    double mean = 0;
    for (std::uint32_t update = from; update < to; ++update) {
      SequenceBatch batch = recall(ppo.policy(), 50, 5, update, mean);
      batch.length[4] = 2;
      ppo.update(batch);
    }
  };
  RecurrentPpoSettings settings;
  settings.sequences = 40;
  ThreadPool one(1), three(3);
  RecurrentPpo a(2, kBounds, settings, 3, one), b(2, kBounds, settings, 3, three),
      c(2, kBounds, settings, 8, one);
  learn(a, 0, 2);
  learn(b, 0, 2);
  c.load(state_of(b), "");
  learn(a, 2, 4);
  learn(b, 2, 4);
  CHECK(state_of(a).arrays == state_of(b).arrays);
  RecurrentPpo d(2, kBounds, settings, 3, one);
  learn(d, 0, 2);
  d.load(state_of(a), "");
  learn(a, 4, 5);
  learn(d, 4, 5);
  CHECK(state_of(a).arrays == state_of(d).arrays);
}

TEST_CASE("recurrent ppo: what does not fit is refused, what is not finite is told") {
  ThreadPool pool(1);
  RecurrentPpo ppo(2, kBounds, {}, 3, pool);
  double mean = 0;
  const SequenceBatch good = recall(ppo.policy(), 4, 3, 1, mean);
  const auto error = [&](auto&& spoil) {
    SequenceBatch bad = good;
    spoil(bad);
    return error_of([&] { ppo.update(bad); });
  };
  CHECK(contains(error([](SequenceBatch& b) { b.obs.conservativeResize(2, 12); }), "obs's columns"));
  CHECK(contains(error([](SequenceBatch& b) { b.length[0] = 4; }), "expected 0 to 3"));
  CHECK(contains(error([](SequenceBatch& b) { b.length.assign(4, 0); }), "no step"));
  CHECK(contains(error([](SequenceBatch& b) { b.action.conservativeResize(2, 12); }), "action"));
  SequenceBatch broken = good;
  broken.reward(1, 2) = std::numeric_limits<float>::quiet_NaN();
  const PpoReport report = ppo.update(broken);
  CHECK_FALSE(report.finite());
  CHECK(contains(ppo.trouble(report), "not finite"));
  RecurrentPpoSettings settings;
  settings.clip = 0;
  CHECK(contains(error_of([&] { RecurrentPpo(2, kBounds, settings, 3, pool); }), "clip is 0"));
}

}  // namespace mbrl
