// A point mass whose models disagree on which way its actions push it. A policy for all models at once (ME-TRPO's) can do
// nothing; one that is to adapt (MB-MPO's) learns which way from a few trajectories. Clavera et al. 2018, section 5.
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/adaptation/meta_step.hpp"
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

// What a policy does from `count` starts, -|x|^2 a step; advantages: what is still to come, less its mean over the
// trajectories.
OnPolicyBatch act(const MlpPolicy& policy, const Wrong& model, int count, std::uint32_t number,
                  double* mean_return = nullptr, bool noise = true) {
  const RandomStream random(8, Stream::kUser), starts(8, Stream::kStarts);
  Batchd obs(2, count), next(2, count);
  for (Index i = 0; i < obs.size(); ++i)
    obs.reshaped()(i) = starts.normal(number, static_cast<std::uint32_t>(i));
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
  const std::vector<Wrong> models = {wrong(1, 1), wrong(-1, 1), wrong(1, -1), wrong(-1, -1), wrong(0.5, 1.5)};
  const Wrong real = wrong(-0.8, 0.9);  // none of them
  constexpr int kUpdates = 80, kRollouts = 40;
  constexpr double kRate = 1;
  const TrpoSettings settings{.policy = {.hidden = {16}, .activation = Activation::kTanh}};
  Trpo robust(2, kBounds, settings, 3, pool);
  MlpPolicy meta = robust.policy();
  for (std::uint32_t update = 0; update < kUpdates; ++update) {
    std::vector<OnPolicyBatch> of_robust, before, after;
    for (const Wrong& model : models) {
      of_robust.push_back(act(robust.policy(), model, 2 * kRollouts, 2 * update));
      before.push_back(act(meta, model, kRollouts, 2 * update));
      after.push_back(act(adapted(meta, before.back(), kRate, pool), model, kRollouts, 2 * update + 1));
    }
    robust.update(joined(of_robust));
    meta_step(meta, before, after, kRate, settings, pool);
  }
  // One step on as many real trajectories, for both.
  const auto adapt = [&](const MlpPolicy& policy) {
    return adapted(policy, act(policy, real, kRollouts, 900'000), kRate, pool);
  };
  const double nothing = real_return(robust.policy(), real),
               robust_adapted = real_return(adapt(robust.policy()), real), as_it_is = real_return(meta, real),
               learned = real_return(adapt(meta), real);
  CAPTURE(nothing, robust_adapted, as_it_is, learned);  // seen: -22.4, -21.0, -21.3, -16.5
  CHECK(learned > nothing + 3);
  CHECK(learned > robust_adapted + 3);
  CHECK(learned > as_it_is + 3);
}
