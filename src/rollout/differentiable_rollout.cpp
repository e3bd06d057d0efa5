#include "mbrl/rollout/differentiable_rollout.hpp"

#include <algorithm>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/normals.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr Index kBlock = 32, kColumns = 4 * kBlock;

// Whether a policy draws actions whose densities are known.
template <class P>
bool draws(const P& policy) {
  if constexpr (std::same_as<P, MlpPolicy>)
    return policy.settings().output == PolicyOutput::kSquashedGaussian;
  else
    return false;
}

}  // namespace

template <DifferentiablePolicy P>
DifferentiableRollout<P>::DifferentiableRollout(const DifferentiableEnsemble& model,
                                                TerminationFunction<float> termination, int horizon,
                                                bool gradients, ThreadPool& pool, std::uint64_t seed)
    : model_(&model),
      termination_(std::move(termination)),
      gradients_(gradients),
      pool_(&pool),
      seed_(seed),
      members_(static_cast<std::size_t>(std::max(horizon, 0)),
               std::vector<int>(static_cast<std::size_t>(model.members()))) {
  require(horizon >= 1, "DifferentiableRollout: horizon is ", horizon, ", expected at least 1");
  paths_.horizon = horizon;
}

template <DifferentiablePolicy P>
std::vector<typename DifferentiableRollout<P>::Range> DifferentiableRollout<P>::ranges(Index columns) {
  std::vector<Range> all;
  for (Index first = 0; first < columns; first += kColumns)
    all.push_back({first, std::min(kColumns, columns - first)});
  return all;
}

template <DifferentiablePolicy P>
int DifferentiableRollout<P>::member(int h, Index column) const {
  const std::vector<int>& order = members_[static_cast<std::size_t>(h)];
  return order[static_cast<std::size_t>(column / kBlock) % order.size()];
}

template <DifferentiablePolicy P>
void DifferentiableRollout<P>::prepare(Index columns, int obs_dim, int action_dim) {
  const int horizon = paths_.horizon;
  if (paths_.count() == columns && !chunks_.empty()) return;
  paths_.obs.resize(obs_dim, columns * (horizon + 1));
  paths_.action.setZero(action_dim, columns * (horizon + 1));
  paths_.log_prob.setZero(columns, horizon + 1);
  paths_.reward.resize(columns, horizon);
  paths_.alive.resize(columns, horizon + 1);
  chunks_.clear();
  for (const Range& range : ranges(columns)) {
    Chunk& c = chunks_.emplace_back();
    c.range = range;
    c.policy.resize(gradients_ ? static_cast<std::size_t>(horizon) + 1 : 1);
    c.passes.resize(gradients_ ? static_cast<std::size_t>(horizon) : 1);
    for (auto& of_step : c.passes)
      for (Index first = 0; first < range.count; first += kBlock)
        of_step.emplace_back(model_->network(0), static_cast<int>(std::min(kBlock, range.count - first)));
    c.ids.resize(static_cast<std::size_t>(range.count));
    c.noise.resize(obs_dim, range.count);
    c.raw.resize(obs_dim, range.count);
    c.raw_next.resize(obs_dim, range.count);
    c.reward.resize(range.count);
    c.ended.setZero(range.count);
  }
}

template <DifferentiablePolicy P>
const DifferentiablePaths& DifferentiableRollout<P>::run(const P& policy, ConstBatchRef<float> starts,
                                                         std::uint32_t number, bool last) {
  constexpr const char* kWhere = "DifferentiableRollout::run";
  require_dim(kWhere, "starts", starts.rows(), model_->obs_dim());
  require(starts.cols() >= 1, kWhere, ": there are no starts");
  require_dim(kWhere, "the policy's obs", policy.obs_dim(), model_->obs_dim());
  require_dim(kWhere, "the policy's action", policy.action_dim(), model_->action_dim());
  prepare(starts.cols(), model_->obs_dim(), model_->action_dim());
  paths_.obs.leftCols(starts.cols()) = starts;
  paths_.alive.col(0).setOnes();
  last_ = last;
  const RandomStream random(seed_, Stream::kModelMember);
  for (std::size_t h = 0; h < members_.size(); ++h)
    random.permutation(members_[h].data(), static_cast<std::uint32_t>(members_[h].size()), number,
                       static_cast<std::uint32_t>(h));
  const auto task = [&](int k) { forward(chunks_[static_cast<std::size_t>(k)], policy, number, last); };
  pool_->run(static_cast<int>(chunks_.size()), std::cref(task));
  return paths_;
}

template <DifferentiablePolicy P>
void DifferentiableRollout<P>::forward(Chunk& c, const P& policy, std::uint32_t number, bool last) {
  for (int h = 0; h < paths_.horizon; ++h) {
    act(c, policy, h, number);
    step(c, h, number);
  }
  if (last) act(c, policy, paths_.horizon, number);
}

template <DifferentiablePolicy P>
void DifferentiableRollout<P>::act(Chunk& c, const P& policy, int h, std::uint32_t number) {
  const Index n = paths_.count(), at = h * n + c.range.first;
  for (std::size_t j = 0; j < c.ids.size(); ++j)
    c.ids[j] = static_cast<std::uint32_t>(at) + static_cast<std::uint32_t>(j);
  const PolicyKey key{RandomStream(seed_, Stream::kUpdate).key(), number, c.ids};
  const auto obs = paths_.obs.middleCols(at, c.range.count);
  auto action = paths_.action.middleCols(at, c.range.count);
  typename P::Workspace& workspace = c.policy[slot(h)];
  if constexpr (std::same_as<P, MlpPolicy>) {
    if (draws(policy)) {
      policy.sample(obs, key, action, paths_.log_prob.col(h).segment(c.range.first, c.range.count),
                    workspace);
      return;
    }
  }
  Batchf memory(0, c.range.count);
  policy.act(obs, memory, key, action, workspace);
}

template <DifferentiablePolicy P>
void DifferentiableRollout<P>::step(Chunk& c, int h, std::uint32_t number) {
  const Index n = paths_.count(), at = h * n + c.range.first, count = c.range.count;
  const auto obs = paths_.obs.middleCols(at, count), action = paths_.action.middleCols(at, count);
  auto next = paths_.obs.middleCols(at + n, count);
  const std::array<std::uint32_t, 2> key = RandomStream(seed_, Stream::kModelNoise).key();
  for (Index j = 0; j < count; ++j)
    counter_normals(key,
                    {number, static_cast<std::uint32_t>(c.range.first + j), static_cast<std::uint32_t>(h)},
                    static_cast<int>(obs.rows()), c.noise.col(j).data());
  for (Index first = 0; first < count; first += kBlock) {
    const Index m = std::min(kBlock, count - first);
    model_->step(member(h, c.range.first + first), obs.middleCols(first, m), action.middleCols(first, m),
                 c.noise.middleCols(first, m), next.middleCols(first, m), c.reward.segment(first, m),
                 c.passes[slot(h)][static_cast<std::size_t>(first / kBlock)]);
  }
  auto alive = paths_.alive.col(h).segment(c.range.first, count),
       goes_on = paths_.alive.col(h + 1).segment(c.range.first, count);
  auto reward = paths_.reward.col(h).segment(c.range.first, count);
  for (Index j = 0; j < count; ++j)
    if (!next.col(j).allFinite()) {
      alive(j) = 0;
      next.col(j) = obs.col(j);
    }
  const bool given = static_cast<bool>(given_.value);
  if (termination_ || given) {
    model_->denormalise(obs, c.raw);
    model_->denormalise(next, c.raw_next);
    if (given) given_.value(c.raw, action, c.raw_next, c.reward);
    if (termination_) termination_(c.raw, action, c.raw_next, h, c.ended);
  }
  for (Index j = 0; j < count; ++j) {
    if (!std::isfinite(c.reward(j))) alive(j) = 0;
    reward(j) = alive(j) != 0 ? c.reward(j) : 0.0f;
    goes_on(j) = alive(j) != 0 && c.ended(j) == 0 ? 1.0f : 0.0f;
    if (alive(j) == 0) next.col(j) = obs.col(j);
  }
}

template <DifferentiablePolicy P>
void DifferentiableRollout<P>::backward(const P& policy, const PathWeights& weights, AlignedFloats& gradient,
                                        Batchf* start_gradient) {
  constexpr const char* kWhere = "DifferentiableRollout::backward";
  require(gradients_ && !chunks_.empty(), kWhere, ": expected `gradients`, and a call of run before it");
  const Index n = paths_.count();
  const int horizon = paths_.horizon;
  require_dim(kWhere, "reward", weights.reward.rows(), n);
  require_dim(kWhere, "reward's steps", weights.reward.cols(), horizon);
  require_dim(kWhere, "log_prob", weights.log_prob.rows(), n);
  require_dim(kWhere, "log_prob's steps", weights.log_prob.cols(), horizon + 1);
  require_dim(kWhere, "last_obs", weights.last_obs.cols(), n);
  require_dim(kWhere, "last_action", weights.last_action.cols(), n);
  if (start_gradient) start_gradient->resize(model_->obs_dim(), n);
  const auto task = [&](int k) {
    carry_back(chunks_[static_cast<std::size_t>(k)], policy, weights, start_gradient);
  };
  pool_->run(static_cast<int>(chunks_.size()), std::cref(task));
  gradient = chunks_[0].gradient;
  for (std::size_t k = 1; k < chunks_.size(); ++k) gradient += chunks_[k].gradient;
}

// Through the actions of step h into the parameters; into obs_gradient what reaches the observations.
template <DifferentiablePolicy P>
void DifferentiableRollout<P>::add_policy(Chunk& c, const P& policy, int h, const Batchf& action_gradient,
                                          const Vecf& log_weight, Batchf& obs_gradient) {
  typename P::Workspace& workspace = c.policy[slot(h)];
  if constexpr (std::same_as<P, MlpPolicy>) {
    if (draws(policy))
      policy.sample_backward(action_gradient, log_weight, &c.part, obs_gradient, workspace);
    else
      policy.backward(action_gradient, &c.part, obs_gradient, workspace);
  } else {
    policy.backward(action_gradient, &c.part, obs_gradient, workspace);
  }
  c.gradient += c.part;
}

// With g_h the loss's gradient with respect to z_h, from the last step back:
//   (g_h, g_u) <- step_backward(g_{h+1}, w_r),   g_h <- g_h + policy_backward(g_u, w_log).
template <DifferentiablePolicy P>
void DifferentiableRollout<P>::carry_back(Chunk& c, const P& policy, const PathWeights& weights,
                                          Batchf* start_gradient) {
  const Index n = paths_.count(), first = c.range.first, count = c.range.count;
  const int horizon = paths_.horizon;
  const bool given = static_cast<bool>(given_.value);
  if (c.gradient.size() != policy.parameters().size()) c.gradient = AlignedFloats(policy.parameters().size());
  std::fill(c.gradient.begin(), c.gradient.end(), 0.0f);
  const auto alive = [&](int h) { return paths_.alive.col(h).segment(first, count).array(); };
  const auto masked = [&](int h, auto&& columns) {
    return Batchf(columns.array().rowwise() * alive(h).transpose());
  };
  const auto log_weight = [&](int h) {
    return Vecf(weights.log_prob.col(h).segment(first, count).array() * alive(h));
  };
  Batchf next = masked(horizon, weights.last_obs.middleCols(first, count));  // g_{h+1}
  Batchf obs(next.rows(), count), action(model_->action_dim(), count), through_policy(next.rows(), count);
  Batchf given_obs, given_action, given_next;
  if (given) {
    given_obs.resize(next.rows(), count);
    given_next.resize(next.rows(), count);
    given_action.resize(action.rows(), count);
  }
  if (last_) {
    action = masked(horizon, weights.last_action.middleCols(first, count));
    add_policy(c, policy, horizon, action, log_weight(horizon), through_policy);
    next += through_policy;
  }
  for (int h = horizon - 1; h >= 0; --h) {
    next = masked(h + 1, next);
    Vecf reward = weights.reward.col(h).segment(first, count).array() * alive(h);
    if (given) {
      const Index at = h * n + first;
      model_->denormalise(paths_.obs.middleCols(at, count), c.raw);
      model_->denormalise(paths_.obs.middleCols(at + n, count), c.raw_next);
      given_.gradient(c.raw, paths_.action.middleCols(at, count), c.raw_next, reward, given_obs, given_action,
                      given_next);
      next.array() += given_next.array().colwise() * model_->obs_scale().array();
      reward.setZero();
    }
    for (Index b = 0; b < count; b += kBlock) {
      const Index m = std::min(kBlock, count - b);
      model_->step_backward(member(h, first + b), next.middleCols(b, m), reward.segment(b, m),
                            obs.middleCols(b, m), action.middleCols(b, m),
                            c.passes[slot(h)][static_cast<std::size_t>(b / kBlock)]);
    }
    if (given) {
      obs.array() += given_obs.array().colwise() * model_->obs_scale().array();
      action += given_action;
    }
    add_policy(c, policy, h, action, log_weight(h), through_policy);
    next = obs + through_policy;
  }
  if (start_gradient) start_gradient->middleCols(first, count) = next;
}

template class DifferentiableRollout<MlpPolicy>;
template class DifferentiableRollout<LinearPolicy>;

}  // namespace mbrl
