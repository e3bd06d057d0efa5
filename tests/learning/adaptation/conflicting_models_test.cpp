// A point mass whose models disagree on which way its actions push it. A policy for all models at once (ME-TRPO's) can do
// nothing; one that is to adapt (MB-MPO's) learns which way from a few trajectories (Clavera et al. 2018, section 5), one
// with a memory (RL^2) within an episode.
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/adaptation/meta_step.hpp"
#include "mbrl/learning/recurrent_ppo.hpp"
#include "mbrl/models/analytic/perturbed_model.hpp"
#include "mbrl/models/linear/linear_model.hpp"

using namespace mbrl;

namespace {

constexpr int kHorizon = 12;
const ActionBounds kBounds = ActionBounds::uniform(2, -1, 1);

// x' = x + u / 5 in the plane.
const LinearModel kPointMass(Batchd::Identity(2, 2), 0.2 * Batchd::Identity(2, 2));
using Wrong = ModelError<LinearModel>;

Wrong wrong(double first, double second) {
  return Wrong(kPointMass, {.action_scale = Vecd{{first, second}}});
}

const std::vector<Wrong> kModels = {wrong(1, 1), wrong(-1, 1), wrong(1, -1), wrong(-1, -1), wrong(0.5, 1.5)};
const Wrong kReal = wrong(-0.8, 0.9);  // none of them

Batchd draw_starts(int count, std::uint32_t number) {
  const RandomStream random(8, Stream::kStarts);
  Batchd obs(2, count);
  for (Index i = 0; i < obs.size(); ++i)
    obs.reshaped()(i) = random.normal(number, static_cast<std::uint32_t>(i));
  return obs;
}

// What a policy does from `count` starts, -|x|^2 a step; advantages: what is still to come, less its mean over the
// trajectories.
OnPolicyBatch act(const MlpPolicy& policy, const Wrong& model, int count, std::uint32_t number,
                  double* mean_return = nullptr, bool noise = true) {
  const RandomStream random(8, Stream::kUser);
  Batchd obs = draw_starts(count, number), next(2, count);
  OnPolicyBatch batch;
  batch.obs.resize(2, Index{count} * kHorizon);
  batch.action.resize(2, Index{count} * kHorizon);
  Batchf memory(0, count), action(2, count), reward(count, kHorizon);
  MlpPolicy::Workspace w;
  Wrong::Workspace own;
  for (int t = 0; t < kHorizon; ++t) {
    const Batchf seen = obs.cast<float>();
    if (noise)
      policy.act(seen, memory, {random.key(), number * kHorizon + static_cast<std::uint32_t>(t), {}}, action,
                 w);
    else
      policy.mode(seen, memory, action, w);
    model.step(obs, action.cast<double>(), next, own);
    obs = next;
    batch.obs.middleCols(Index{t} * count, count) = seen;
    batch.action.middleCols(Index{t} * count, count) = action;
    reward.col(t) = -obs.colwise().squaredNorm().transpose().cast<float>();
  }
  if (mean_return) *mean_return = reward.cast<double>().sum() / count;
  for (Index t = kHorizon - 2; t >= 0; --t) reward.col(t) += reward.col(t + 1);
  for (Index t = 0; t < kHorizon; ++t) reward.col(t).array() -= reward.col(t).mean();
  batch.advantage = reward.reshaped();
  batch.target = batch.old_value = Vecf::Zero(batch.advantage.size());
  return batch;
}

double real_return(const MlpPolicy& policy, const Wrong& real) {
  double mean = 0;
  act(policy, real, 400, 1'000'000, &mean, false);
  return mean;
}

// The same of a policy with a memory; start i and its episode are models[i % size]'s.
SequenceBatch remember(const RecurrentPolicy& policy, const std::vector<Wrong>& models, int count,
                       std::uint32_t number, bool noise = true) {
  const RandomStream random(8, Stream::kUser);
  Batchd obs = draw_starts(count, number), next(2, 1);
  SequenceBatch batch;
  batch.horizon = kHorizon;
  batch.obs.resize(2, Index{count} * (kHorizon + 1));
  batch.action.resize(2, Index{count} * kHorizon);
  batch.reward.resize(count, kHorizon);
  batch.length.assign(static_cast<std::size_t>(count), kHorizon);
  batch.terminated.assign(static_cast<std::size_t>(count), 1);
  Batchf memory = Batchf::Zero(policy.memory_dim(), count), action(2, count);
  RecurrentPolicy::Workspace w;
  Wrong::Workspace own;
  for (int t = 0; t < kHorizon; ++t) {
    const Batchf seen = obs.cast<float>();
    if (noise)
      policy.act(seen, memory, {random.key(), number * kHorizon + static_cast<std::uint32_t>(t), {}}, action,
                 w);
    else
      policy.mode(seen, memory, action, w);
    batch.obs.middleCols(Index{t} * count, count) = seen;
    batch.action.middleCols(Index{t} * count, count) = action;
    for (Index i = 0; i < count; ++i) {
      models[static_cast<std::size_t>(i) % models.size()].step(obs.col(i), action.col(i).cast<double>(), next,
                                                               own);
      obs.col(i) = next.col(0);
    }
    batch.reward.col(t) = -obs.colwise().squaredNorm().transpose().cast<float>();
  }
  batch.obs.rightCols(count) = obs.cast<float>();
  return batch;
}

OnPolicyBatch joined(const std::vector<OnPolicyBatch>& parts) {
  OnPolicyBatch all = parts.front();
  for (std::size_t k = 1; k < parts.size(); ++k) {
    const auto append = [](auto& to, const auto& more) {
      auto both = to;
      both.resize(to.rows(), to.cols() + more.cols());
      both << to, more;
      to = both;
    };
    append(all.obs, parts[k].obs);
    append(all.action, parts[k].action);
    Vecf advantage(all.advantage.size() + parts[k].advantage.size());
    advantage << all.advantage, parts[k].advantage;
    all.advantage = advantage;
  }
  all.target = all.old_value = Vecf::Zero(all.advantage.size());
  return all;
}

}  // namespace

TEST_CASE(
    "meta step: over five conflicting models it learns to adapt, where one policy for all does nothing") {
  ThreadPool pool(1);
  constexpr int kUpdates = 80, kRollouts = 40;
  constexpr double kRate = 1;
  const TrpoSettings settings{.policy = {.hidden = {16}, .activation = Activation::kTanh}};
  Trpo robust(2, kBounds, settings, 3, pool);
  MlpPolicy meta = robust.policy();
  for (std::uint32_t update = 0; update < kUpdates; ++update) {
    std::vector<OnPolicyBatch> of_robust, before, after;
    for (const Wrong& model : kModels) {
      of_robust.push_back(act(robust.policy(), model, 2 * kRollouts, 2 * update));
      before.push_back(act(meta, model, kRollouts, 2 * update));
      after.push_back(act(adapted(meta, before.back(), kRate, pool), model, kRollouts, 2 * update + 1));
    }
    robust.update(joined(of_robust));
    meta_step(meta, before, after, kRate, settings, pool);
  }
  // One step on as many real trajectories, for both.
  const auto adapt = [&](const MlpPolicy& policy) {
    return adapted(policy, act(policy, kReal, kRollouts, 900'000), kRate, pool);
  };
  const double nothing = real_return(robust.policy(), kReal),
               robust_adapted = real_return(adapt(robust.policy()), kReal),
               as_it_is = real_return(meta, kReal), learned = real_return(adapt(meta), kReal);
  CAPTURE(nothing, robust_adapted, as_it_is, learned);  // seen: -22.4, -21.0, -21.3, -16.5
  CHECK(learned > nothing + 3);
  CHECK(learned > robust_adapted + 3);
  CHECK(learned > as_it_is + 3);
}

TEST_CASE(
    "recurrent ppo: over five conflicting models it learns to find out within an episode which it is in") {
  ThreadPool pool(2);
  RecurrentPpoSettings settings{.policy = {.units = 16}};
  settings.adam.learning_rate = 1e-2;
  settings.sequences = 40;
  settings.discount = 0.9;
  RecurrentPpo ppo(2, kBounds, settings, 3, pool);
  const auto mean_return = [&](const RecurrentPolicy& policy) {
    return remember(policy, {kReal}, 400, 1'000'000, false).reward.cast<double>().sum() / 400;
  };
  const double nothing = mean_return(ppo.policy());
  for (std::uint32_t update = 0; update < 320; ++update) {
    SequenceBatch batch = remember(ppo.policy(), kModels, 200, update);
    batch.reward *= 0.1f;
    ppo.update(batch);
  }
  const double learned = mean_return(ppo.policy());
  CAPTURE(nothing, learned);  // seen: -24.3, -13.7
  CHECK(learned > nothing + 6);
}
