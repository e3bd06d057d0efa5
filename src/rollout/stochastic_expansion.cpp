#include "mbrl/rollout/stochastic_expansion.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

// Columns that one thread asks the critics about at a time.
constexpr Index kCriticColumns = 128;

}  // namespace

void inverse_variance_weights(std::span<const double> variance, std::span<double> weight) {
  double sum = 0;
  for (std::size_t h = 0; h < variance.size(); ++h) sum += weight[h] = 1.0 / (variance[h] + 1e-8);
  for (double& w : weight) w /= sum;
}

StochasticExpansion::StochasticExpansion(const MlpEnsemble& model, RewardFunction<float> reward,
                                         TerminationFunction<float> termination, int horizon, double discount,
                                         ThreadPool& pool, std::uint64_t seed)
    : horizon_(horizon),
      discount_(discount),
      learned_reward_(!reward),
      pool_(&pool),
      imagination_(model, std::move(reward), std::move(termination),
                   {.horizon = std::max(1, horizon), .propagation = Propagation::kTSinf}, pool, seed),
      elites_(model.elites),
      workspaces_(std::make_unique<WorkspacePool<Workspace>>()) {
  require(horizon >= 0, "StochasticExpansion: horizon is ", horizon, ", expected at least 0");
  if (learned_reward_) rewards_.emplace(model);
}

void StochasticExpansion::set_model(const MlpEnsemble& model) {
  imagination_.set_model(model);
  elites_ = model.elites;
  if (learned_reward_) rewards_.emplace(model);
}

void StochasticExpansion::run(const Transitions& batch, const MlpPolicy& policy,
                              std::span<const nn::Network* const> critics, std::uint32_t number) {
  require(!critics.empty(), "StochasticExpansion::run: there is no critic, expected at least one");
  batch_ = batch.next_obs.cols();
  members_ = horizon_ == 0 ? 1 : static_cast<Index>(elites_.size());
  imagine(batch, policy, number);
  ask_rewards();
  ask_critics(policy, critics);
  target_.resize(batch_);
  for (Batchd* m : {&mean_, &variance_, &weight_}) m->resize(horizon_ + 1, batch_);
  const auto chunks = (batch_ + kCriticColumns - 1) / kCriticColumns;
  const auto task = [&](int k) {
    const Index first = k * kCriticColumns;
    for (Index i = first; i < std::min(first + kCriticColumns, batch_); ++i) weigh(batch, i);
  };
  pool_->run(static_cast<int>(chunks), std::cref(task));
}

void StochasticExpansion::imagine(const Transitions& batch, const MlpPolicy& policy, std::uint32_t number) {
  if (horizon_ == 0) {
    paths_.horizon = 0;
    paths_.obs = batch.next_obs;
    return;
  }
  starts_.resize(batch.next_obs.rows(), batch_ * members_);
  ids_.resize(static_cast<std::size_t>(batch_ * members_));
  for (Index m = 0; m < members_; ++m) {
    starts_.middleCols(m * batch_, batch_) = batch.next_obs;
    for (Index i = 0; i < batch_; ++i)
      ids_[static_cast<std::size_t>(m * batch_ + i)] = static_cast<std::uint32_t>(i * members_ + m);
  }
  imagination_.run(policy, starts_, {.plan = number}, paths_, ids_);
}

void StochasticExpansion::ask_rewards() {
  if (horizon_ == 0) {
    earned_.resize(1);
    return;
  }
  if (!learned_reward_) {
    earned_.resize(1);
    earned_[0] = paths_.reward;
    return;
  }
  const Index n = paths_.count(), steps = n * horizon_, targets = rewards_->model().target_dim();
  earned_.resize(elites_.size());
  predicted_.resize(targets, steps);
  spread_.resize(targets, steps);
  for (std::size_t e = 0; e < elites_.size(); ++e) {
    rewards_->predict(elites_[e], paths_.obs.leftCols(steps), paths_.action, predicted_, spread_, *pool_);
    earned_[e].resize(n, horizon_);
    for (int h = 0; h < horizon_; ++h)
      earned_[e].col(h) = predicted_.row(rewards_->model().reward_row()).segment(h * n, n).transpose();
  }
}

void StochasticExpansion::ask_critics(const MlpPolicy& policy, std::span<const nn::Network* const> critics) {
  values_.resize(static_cast<Index>(critics.size()), paths_.obs.cols());
  // At horizon 0 all members are where the transition led: one of them is asked about.
  const Index first_chunks = (batch_ + kCriticColumns - 1) / kCriticColumns;
  const Index begin = batch_ * members_, rest = paths_.obs.cols() - begin;
  const auto task = [&](int k) {
    const bool at_start = k < first_chunks;
    const Index first = at_start ? k * kCriticColumns : begin + (k - first_chunks) * kCriticColumns;
    const Index n = std::min(kCriticColumns, (at_start ? batch_ : paths_.obs.cols()) - first);
    auto w = workspaces_->take();
    if (!w->pass) w->pass = std::make_unique<nn::Pass>(*critics[0], static_cast<int>(kCriticColumns));
    w->action.resize(policy.action_dim(), kCriticColumns);
    w->memory.resize(0, kCriticColumns);
    w->input.resize(critics[0]->in(), kCriticColumns);
    const auto obs = paths_.obs.middleCols(first, n);
    BatchRef<float> action = w->action.leftCols(n);
    policy.act(obs, w->memory.leftCols(n), {}, action, w->policy);
    w->input.topLeftCorner(obs.rows(), n) = obs;
    for (Index d = 0; d < action.rows(); ++d) {
      const auto at = static_cast<std::size_t>(d);
      w->input.row(obs.rows() + d).head(n) = (action.row(d).array() - policy.mid()[at]) / policy.half()[at];
    }
    w->pass->set_input(w->input.leftCols(n));
    for (std::size_t l = 0; l < critics.size(); ++l) {
      w->pass->forward(*critics[l], static_cast<int>(n));
      values_.row(static_cast<Index>(l)).segment(first, n) = w->pass->outputs(static_cast<int>(n)).row(0);
    }
    workspaces_->give(std::move(w));
  };
  pool_->run(static_cast<int>(first_chunks + (rest + kCriticColumns - 1) / kCriticColumns), std::cref(task));
}

void StochasticExpansion::weigh(const Transitions& batch, Index i) {
  const bool over = batch.terminated[static_cast<std::size_t>(i)] != 0;
  const auto reward = static_cast<double>(batch.reward(i));
  const double gamma = batch.discount.size() > 0 ? static_cast<double>(batch.discount(i)) : discount_;
  auto mean = mean_.col(i);
  auto variance = variance_.col(i);
  auto weight = weight_.col(i);
  mean.setConstant(reward);
  variance.setZero();
  weight.setZero();
  weight(0) = 1;
  target_(i) = batch.reward(i);
  if (over) return;

  // Horizons that all trajectories reach: one that left the numbers says nothing of what comes after.
  int reached = horizon_;
  for (Index m = 0; horizon_ > 0 && m < members_; ++m) {
    const auto path = static_cast<std::size_t>(m * batch_ + i);
    if (paths_.diverged[path] != 0) reached = std::min(reached, paths_.length[path]);
  }
  const auto each = [&](int h, auto&& use) {
    const Index members = h == 0 ? 1 : members_;
    const std::size_t rewards = h == 0 ? 1 : earned_.size();
    for (Index m = 0; m < members; ++m) {
      const Index path = m * batch_ + i;
      for (std::size_t n = 0; n < rewards; ++n) {
        const PartialReturn part =
            h == 0 ? PartialReturn{} : partial_return(paths_, earned_[n], path, 0, h, discount_);
        const Index at = h * batch_ * members_ + path;
        for (Index l = 0; l < values_.rows(); ++l)
          use(reward +
              gamma * (part.reward +
                       (part.discount == 0 ? 0.0 : part.discount * static_cast<double>(values_(l, at)))));
      }
    }
    return static_cast<double>(members * static_cast<Index>(rewards) * values_.rows());
  };
  double target = 0;
  for (int h = 0; h <= reached; ++h) {
    double sum = 0, squares = 0;
    const double count = each(h, [&](double t) { sum += t; });
    mean(h) = sum / count;
    each(h, [&](double t) { squares += (t - mean(h)) * (t - mean(h)); });
    variance(h) = squares / count;
  }
  const auto used = static_cast<std::size_t>(reached) + 1;
  inverse_variance_weights({variance.data(), used}, {weight.data(), used});
  for (int h = 0; h <= reached; ++h) target += weight(h) * mean(h);
  target_(i) = static_cast<float>(target);
}

}  // namespace mbrl
