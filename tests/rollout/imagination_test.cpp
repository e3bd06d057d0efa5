// Imagination: against one trajectory at a time in double precision, independence of threads and splits,
// ends, and mistakes.
#include "mbrl/rollout/imagination.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "each_target.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/policy/linear.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/noise.hpp"
#include "mbrl/task/per_sample_functions.hpp"
#include "models/neural/ensemble_oracle.hpp"
#include "rollout/small_rollouts.hpp"
#include "rollout/trajectory_cases.hpp"

namespace mbrl {
namespace {

using testing::kHorizon;
using testing::same;

constexpr std::uint64_t kSeed = 77;

void busy_reward(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next, int t,
                 VecRef<float> out) {
  out = next.row(0).transpose() - 0.5f * obs.row(3).transpose() +
        static_cast<float>(t) * next.row(1).transpose() - 0.1f * action.colwise().squaredNorm().transpose();
}

MlpEnsemble model_of_three_elites() {
  MlpEnsemble model = testing::lively_model({30, 40}, Activation::kSilu, true, 4);
  model.elites = {3, 0, 1};
  return model;
}

MlpPolicy policy_of_two_actions() {
  MlpPolicySettings settings;
  settings.network.hidden = {16, 24};
  return {5, ActionBounds::uniform(2, -1.0, 2.0), settings, 5};
}

ImaginationSettings settled(Propagation how, int horizon = kHorizon) {
  ImaginationSettings settings;
  settings.horizon = horizon;
  settings.propagation = how;
  return settings;
}

std::uint32_t member_of(Propagation how, std::uint32_t id, int step, const RolloutKey& key,
                        std::uint32_t elites) {
  if (how == Propagation::kTSinf) return id % elites;
  const auto words = philox4x32({id, 0, static_cast<std::uint32_t>(step), 0},
                                evaluation_key(RandomStream(kSeed, Stream::kModelMember), key));
  return static_cast<std::uint32_t>((std::uint64_t{words[0]} * elites) >> 32);
}

TEST_CASE("imagination: agrees with one trajectory at a time on every instruction set") {
  ThreadPool pool(2);
  const MlpEnsemble model = model_of_three_elites();
  const MlpPolicy policy = policy_of_two_actions();
  const Batchf starts = testing::normals(5, 53, 8);
  const RolloutKey key{4, 2, 11};
  const auto noise_key = evaluation_key(RandomStream(kSeed, Stream::kModelNoise), key);
  const auto policy_key = evaluation_key(RandomStream(kSeed, Stream::kPolicy), key);
  const auto n = static_cast<double>(model.elites.size());
  testing::for_each_target([&](const std::string& target) {
    for (const Propagation how : {Propagation::kExpectation, Propagation::kDistributionSampling,
                                  Propagation::kTS1, Propagation::kTSinf}) {
      INFO(target << ", propagation " << static_cast<int>(how));
      const Trajectories found =
          imagine(model, busy_reward, {}, policy, starts, settled(how), key, pool, kSeed);
      MlpPolicy::Workspace w;
      double worst = 0.0;
      for (std::uint32_t k = 0; k < 53; ++k) {
        for (int h = 0; h < kHorizon; ++h) {
          // Each step from what was found at its beginning, so that rounding does not grow along the
          // trajectory.
          const Batchf obs = found.obs_at(h).col(k);
          Batchf action(2, 1), none(0, 1);
          const std::vector<std::uint32_t> id = {k};
          policy.act(obs, none, {policy_key, static_cast<std::uint32_t>(h), id}, action, w);
          Vecd mean = Vecd::Zero(5), variance = Vecd::Zero(5);
          if (how == Propagation::kTS1 || how == Propagation::kTSinf) {
            const auto e = member_of(how, k, h, key, static_cast<std::uint32_t>(model.elites.size()));
            const auto y = testing::predict_in_double(model, model.elites[e], obs, action);
            mean = y.mean.col(0);
            variance = y.logvar.col(0).array().exp();
          } else {
            Vecd square = Vecd::Zero(5);
            for (const int m : model.elites) {
              const auto y = testing::predict_in_double(model, m, obs, action);
              mean += y.mean.col(0) / n;
              square.array() += (y.mean.col(0).array().square() + y.logvar.col(0).array().exp()) / n;
            }
            if (how != Propagation::kExpectation) variance = square.array() - mean.array().square();
          }
          Vecd z(5);
          particle_noise(noise_key, k, 0, static_cast<std::uint32_t>(h), 5, z.data());
          const Batchf prediction =
              (mean.array() + variance.array().sqrt() * z.array()).cast<float>().matrix();
          Batchf next(5, 1);
          model.encoding.decode<float>(obs, prediction, next);
          Vecf reward(1);
          busy_reward(obs, action, next, key.t + h, reward);
          const auto differ = [&](float a, float b) {
            worst = std::max(worst, static_cast<double>(std::abs(a - b) / (1.0f + std::abs(b))));
          };
          for (Index i = 0; i < 2; ++i) differ(found.action_at(h)(i, k), action(i, 0));
          for (Index i = 0; i < 5; ++i) differ(found.obs_at(h + 1)(i, k), next(i, 0));
          differ(found.reward(k, h), reward[0]);
        }
        CHECK(found.length[k] == kHorizon);
      }
      CHECK(found.obs_at(0) == starts);
      CHECK(worst < 1e-5);
    }
  });
}

TEST_CASE("imagination: threads and subsets of the starts change no bit, seeds and keys do") {
  ThreadPool one(1), three(3);
  const MlpEnsemble model = model_of_three_elites();
  const MlpPolicy policy = policy_of_two_actions();
  const Batchf starts = testing::normals(5, 501, 8);
  testing::for_each_target([&](const std::string& target) {
    for (const Propagation how : {Propagation::kExpectation, Propagation::kTS1, Propagation::kTSinf}) {
      INFO(target << ", propagation " << static_cast<int>(how));
      Imagination<MlpPolicy> a(model, busy_reward, testing::wider_than(4.0f), settled(how), one, kSeed),
          b(model, busy_reward, testing::wider_than(4.0f), settled(how), three, kSeed),
          c(model, busy_reward, testing::wider_than(4.0f), settled(how), one, 5);
      Trajectories all, again, part;
      a.run(policy, starts, {1, 2, 3}, all);
      b.run(policy, starts, {1, 2, 3}, again);
      CHECK(same(all, again));
      for (const auto& [first, count] : {std::pair{0, 1}, {5, 20}, {500, 1}, {17, 444}}) {
        std::vector<std::uint32_t> ids;
        for (int i = 0; i < count; ++i) ids.push_back(static_cast<std::uint32_t>(first + i));
        b.run(policy, starts.middleCols(first, count), {1, 2, 3}, part, ids);
        for (int h = 0; h < kHorizon; ++h) {
          CHECK(part.obs_at(h + 1) == all.obs_at(h + 1).middleCols(first, count));
          CHECK(part.action_at(h) == all.action_at(h).middleCols(first, count));
          CHECK(part.reward_at(h) == all.reward_at(h).segment(first, count));
        }
      }
      b.run(policy, starts, {1, 3, 3}, again);
      CHECK_FALSE(same(all, again));
      c.run(policy, starts, {1, 2, 3}, again);
      CHECK_FALSE(same(all, again));
    }
  });
}

// x' = x + gain action, one dimension of one; member m multiplies by gains[m].
MlpEnsemble steered_without_bounds(const std::vector<float>& gains) {
  MlpEnsembleSettings settings;
  settings.members = static_cast<int>(gains.size());
  settings.hidden = {};
  settings.gaussian = false;
  MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(1), 1, 0);
  for (std::size_t m = 0; m < gains.size(); ++m) {
    auto w = model.members[m][0].weight_matrix();
    w.setZero();
    w(0, 1) = gains[m];
  }
  return model;
}

TEST_CASE("imagination: a trajectory ends where it terminates, which the termination sees the step of") {
  ThreadPool pool(2);
  LinearPolicy policy(1, ActionBounds::uniform(1, -10.0, 10.0));
  policy.set(Batchd::Zero(1, 1), Vecd::Constant(1, 1.0));  // one to the right each step
  const RewardFunction<float> position = [](auto, auto, ConstBatchRef<float> next, int, VecRef<float> out) {
    out = next.row(0).transpose();
  };
  // Ends where it crosses 3, and for all at control step 14.
  const TerminationFunction<float> crossed =
      per_sample_termination([](const auto& from, const auto& action, const auto& to, int t) {
        return (from(0) < 3.0f && to(0) >= 3.0f && action(0) == 1.0f) || t == 14;
      });
  Batchf starts(1, 4);
  starts << 0.0f, 2.0f, 5.0f, -9.0f;
  Imagination<LinearPolicy> imagination(steered_without_bounds({1.0f, 1.0f}), position, crossed,
                                        settled(Propagation::kTSinf, 6), pool, 1);
  Trajectories out;
  imagination.run(policy, starts, {0, 0, 10}, out);
  CHECK(out.length == std::vector<int>{3, 1, 5, 5});
  CHECK(out.reward.row(0) == (Vecf(6) << 1, 2, 3, 0, 0, 0).finished().transpose());
  CHECK(out.obs_at(6)(0, 0) == 3.0f);
  CHECK(out.reward(1, 0) == 3.0f);
  CHECK(out.terminated.row(0).cast<int>() == (Vec<int>(6) << 0, 0, 1, 0, 0, 0).finished().transpose());
  CHECK(out.terminated(2, 4) == 1);
  CHECK(out.action_at(4)(0, 2) == 1.0f);
  CHECK(out.action_at(4)(0, 0) == 0.0f);
  CHECK(out.diverged == std::vector<std::uint8_t>(4, 0));
  CHECK(imagination.counts().rows == 14);
  CHECK(imagination.counts().particles == 4);
}

TEST_CASE("imagination: a step that is not finite is not part of its trajectory, and harms no other") {
  ThreadPool pool(2);
  LinearPolicy policy(1, ActionBounds::uniform(1, -1e6, 1e6));
  policy.set(Batchd::Constant(1, 1, 1.0), Vecd::Zero(1));
  const RewardFunction<float> log_reward = [](auto, auto, ConstBatchRef<float> next, int, VecRef<float> out) {
    out = next.row(0).transpose().array().min(1e30f);
  };
  MlpEnsemble model = steered_without_bounds({1.0f, 3e37f});
  Imagination<LinearPolicy> imagination(model, log_reward, {}, settled(Propagation::kTSinf, 3), pool, 1);
  Trajectories out;
  imagination.run(policy, Batchf::Constant(1, 2, 2.0f), {}, out);
  CHECK(out.length == std::vector<int>{3, 1});
  CHECK(out.diverged == std::vector<std::uint8_t>{0, 1});
  CHECK(out.reward.row(0) == (Vecf(3) << 4, 8, 16).finished().transpose());
  CHECK(out.obs.allFinite());
  CHECK(out.obs_at(3)(0, 1) == out.obs_at(1)(0, 1));
  CHECK(out.terminated.sum() == 0);
  CHECK(imagination.counts().not_finite == 1);
}

// Counts its steps: action = memory = 1, 2, ... whatever it sees.
struct Counting {
  using Scalar = float;
  using Workspace = NoPolicyWorkspace;
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  int memory_dim() const { return 1; }
  void act(ConstBatchRef<float>, BatchRef<float> memory, const PolicyKey&, BatchRef<float> action,
           Workspace&) const {
    memory.array() += 1.0f;
    action = memory;
  }
};

TEST_CASE("imagination: memory is a trajectory's own and begins at 0 in every call") {
  ThreadPool pool(2);
  const RewardFunction<float> nothing = [](auto, auto, auto, int, VecRef<float> out) { out.setZero(); };
  Imagination<Counting> imagination(steered_without_bounds({1.0f}), nothing, {},
                                    settled(Propagation::kTS1, 4), pool, 1);
  Trajectories out;
  for (int call = 0; call < 2; ++call) {
    imagination.run(Counting{}, Batchf::Zero(1, 100), {}, out);
    for (int h = 0; h < 4; ++h) CHECK((out.action_at(h).array() == static_cast<float>(h + 1)).all());
    CHECK((out.obs_at(4).array() == 10.0f).all());
  }
}

TEST_CASE("imagination: allocates nothing in a loop, takes a new model, refuses mistakes") {
  ThreadPool pool(2);
  const MlpPolicy policy = policy_of_two_actions();
  for (const Propagation how : {Propagation::kExpectation, Propagation::kTS1, Propagation::kTSinf}) {
    Imagination<MlpPolicy> imagination(model_of_three_elites(), busy_reward, testing::wider_than(4.0f),
                                       settled(how), pool, 1);
    const Batchf starts = testing::normals(5, 700, 8);
    Trajectories out;
    // A second workspace comes into being when two threads first work at once, and grows with its share: on a
    // busy machine that may be late, and never again.
    std::int64_t allocated = 1;
    for (std::uint32_t round = 0; round < 30 && allocated > 0; ++round)
      allocated = test::allocations_during([&] {
        for (std::uint32_t i = 0; i < 10; ++i) imagination.run(policy, starts, {10 * round + i, 0, 0}, out);
      });
    if (test::can_count_allocations()) CHECK(allocated == 0);
  }
  Imagination<MlpPolicy> imagination(model_of_three_elites(), busy_reward, {}, settled(Propagation::kTS1),
                                     pool, 1);
  Trajectories before, after;
  const Batchf starts = testing::normals(5, 7, 8);
  imagination.run(policy, starts, {}, before);
  MlpEnsemble other = testing::lively_model({50}, Activation::kRelu, true, 5);
  imagination.set_model(other);
  imagination.set_horizon(2);
  imagination.run(policy, starts, {}, after);
  CHECK(after.action_at(0) == before.action_at(0));
  CHECK(after.obs_at(1) != before.obs_at(1));
  CHECK(after.reward.cols() == 2);
  imagination.run(policy, starts.leftCols(0), {}, after);
  CHECK(after.count() == 0);

  CHECK_THROWS_AS(imagination.set_model(steered_without_bounds({1.0f})), Error);
  CHECK_THROWS_AS(imagination.set_horizon(0), Error);
  CHECK_THROWS_AS(imagination.run(policy, testing::normals(4, 7, 8), {}, after), Error);
  CHECK_THROWS_AS(
      imagination.run(policy, Batchf::Constant(5, 1, std::numeric_limits<float>::infinity()), {}, after),
      Error);
  const std::vector<std::uint32_t> few = {1, 2};
  CHECK_THROWS_AS(imagination.run(policy, starts, {}, after, few), Error);
  CHECK_THROWS_AS(Imagination<MlpPolicy>(model_of_three_elites(), busy_reward, {},
                                         settled(Propagation::kMomentMatching), pool, 1),
                  Error);
  CHECK_THROWS_AS(
      Imagination<MlpPolicy>(model_of_three_elites(), {}, {}, settled(Propagation::kTS1), pool, 1), Error);
  MlpPolicySettings narrow;
  const MlpPolicy misfit(3, ActionBounds::uniform(2, -1.0, 1.0), narrow, 1);
  CHECK_THROWS_AS(imagination.run(misfit, starts, {}, after), Error);
}

}  // namespace
}  // namespace mbrl
