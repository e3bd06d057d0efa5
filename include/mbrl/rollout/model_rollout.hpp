// Rollouts of any deterministic DynamicsModel: write a model in a page, plan with it.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// Scratch memory lent to one task at a time: as many as run at once come into being, and stay.
template <class W>
class WorkspacePool {
 public:
  std::unique_ptr<W> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<W>();
    auto workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }
  void give(std::unique_ptr<W> workspace) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(workspace));
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    idle_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<W>> idle_;
};

/// Throws unless a rollout can go on with another model.
template <class A, class B>
void require_same_dims(const char* where, const A& model, const B& other) {
  require_dim(where, "the model's obs", static_cast<Index>(other.obs_dim()),
              static_cast<Index>(model.obs_dim()));
  require_dim(where, "the model's action", static_cast<Index>(other.action_dim()),
              static_cast<Index>(model.action_dim()));
}

/// Throws for a function that holds none.
template <class Reward>
void require_reward(const char* where, const Reward& reward) {
  if constexpr (requires { reward == nullptr; })
    require(!(reward == nullptr), where,
            ": the reward is empty, expected a function; where a task does not give one (EnvSpec::reward is "
            "empty) a model has to learn it");
}

struct ModelRolloutSettings {
  int horizon = 30;  // steps a rollout looks ahead
  int block =
      64;  // candidates stepped together; the result for a model whose columns are independent is the same
  double discount = 1.0;  // of rewards, per step, and of the terminal value

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps a rollout looks ahead");
    field("block", s.block, "candidates stepped together");
    field("discount", s.discount, "of rewards, per step; 1: none");
  }
};

/// A RolloutEvaluator: from one observation, candidates in blocks that run in parallel. A rollout that meets a
/// number that is not finite has return NaN. After a predicted termination nothing more is earned (the
/// terminating step's own reward counts), nor the terminal value. The pool must outlive the evaluator. An
/// evaluation allocates nothing; only the model's own workspaces may grow at first.
template <DynamicsModel Model, class Reward = RewardFunction<typename Model::Scalar>>
  requires RewardModel<Reward, typename Model::Scalar>
class ModelRollout {
 public:
  using Scalar = typename Model::Scalar;
  using State = Vec<Scalar>;  // an observation

  ModelRollout(Model model, Reward reward, TerminationFunction<Scalar> termination,
               const ModelRolloutSettings& settings, ThreadPool& pool)
      : model_(std::move(model)),
        reward_(std::move(reward)),
        termination_(std::move(termination)),
        settings_(settings),
        pool_(&pool),
        workspaces_(std::make_unique<WorkspacePool<Workspace>>()) {
    require_reward("ModelRollout", reward_);
    require(settings.horizon >= 1, "ModelRollout: horizon is ", settings.horizon, ", expected at least 1");
    require(settings.block >= 1, "ModelRollout: block is ", settings.block, ", expected at least 1");
    check_discount("ModelRollout", settings.discount);
    for (int i = 0; i < pool.size(); ++i) {
      auto w = std::make_unique<Workspace>();
      w->reserve(static_cast<Index>(model_.obs_dim()), action_dim(), settings.block);
      workspaces_->give(std::move(w));
    }
  }
  ModelRollout(Model model, Reward reward, const ModelRolloutSettings& settings, ThreadPool& pool)
      : ModelRollout(std::move(model), std::move(reward), {}, settings, pool) {}

  int horizon() const { return settings_.horizon; }
  int action_dim() const { return static_cast<int>(model_.action_dim()); }
  const Model& model() const { return model_; }
  /// From now on, this model (or a view of it). Throws for other dimensions.
  template <class M>
    requires std::constructible_from<Model, const M&> && std::movable<Model>
  void set_model(const M& model) {
    require_same_dims("ModelRollout::set_model", model_, model);
    model_ = Model(model);
  }
  const RolloutCounts& counts() const { return counts_; }
  void reset_counts() { counts_ = {}; }

  /// Adds discount^H value(o_H, t + H) to the return of every rollout that has not terminated; empty: nothing.
  void set_terminal_value(TerminalValueFunction<Scalar> value) { terminal_value_ = std::move(value); }

  void evaluate(const State& obs, ConstBatchRef<Scalar> actions, RolloutKey key, VecRef<Scalar> returns) {
    constexpr const char* kWhere = "ModelRollout::evaluate";
    require_dim(kWhere, "obs", obs.size(), model_.obs_dim());
    require(obs.allFinite(), kWhere, ": the observation holds a number that is not finite");
    require_dim(kWhere, "an action sequence (horizon x action_dim)", actions.rows(),
                horizon() * action_dim());
    require_dim(kWhere, "returns", returns.size(), actions.cols());
    const Index blocks = (actions.cols() + settings_.block - 1) / settings_.block;
    const auto run = [&](int i) {
      const Index first = static_cast<Index>(i) * settings_.block;
      const Index count = std::min<Index>(settings_.block, actions.cols() - first);
      auto w = workspaces_->take();
      run_block(obs, actions.middleCols(first, count), key.t, returns.segment(first, count), *w);
      workspaces_->give(std::move(w));
    };
    pool_->run(static_cast<int>(blocks), std::ref(run));  // by reference: std::function copies nothing
    const auto count = static_cast<std::uint64_t>(actions.cols());
    counts_.particles += count;
    counts_.rows += count * static_cast<std::uint64_t>(horizon());
    counts_.not_finite += static_cast<std::uint64_t>(returns.array().isNaN().count());
  }

 private:
  struct Workspace {
    Batch<Scalar> obs, action, next;
    Vec<Scalar> reward;
    std::vector<bool> alive;
    typename Model::Workspace model;

    /// Room for whole blocks: the last block of a call may be shorter, and a plan's evaluation is one column.
    void reserve(Index obs_dim, Index action_dim, Index block) {
      obs.resize(obs_dim, block);
      next.resize(obs_dim, block);
      action.resize(action_dim, block);
      reward.resize(block);
      alive.reserve(static_cast<std::size_t>(block));
    }
  };

  void run_block(const State& start, ConstBatchRef<Scalar> actions, int t0, VecRef<Scalar> returns,
                 Workspace& w) {
    const Index n = actions.cols();
    w.reserve(start.size(), action_dim(), settings_.block);
    w.obs.leftCols(n).colwise() = start;
    VecRef<Scalar> reward = w.reward.head(n);
    BatchRef<Scalar> action = w.action.leftCols(n);
    w.alive.assign(static_cast<std::size_t>(n), true);
    returns.setZero();
    double discount = 1.0;
    for (int step = 0; step < horizon(); ++step, discount *= settings_.discount) {
      action = actions.middleRows(static_cast<Index>(step) * action_dim(), action_dim());
      const ConstBatchRef<Scalar> obs = w.obs.leftCols(n);
      BatchRef<Scalar> next = w.next.leftCols(n);
      model_.step(obs, action, next, w.model);
      for (Index j = 0; j < n; ++j) {
        if (w.alive[static_cast<std::size_t>(j)] && !next.col(j).allFinite()) {
          w.alive[static_cast<std::size_t>(j)] = false;
          returns[j] = std::numeric_limits<Scalar>::quiet_NaN();
        }
        if (!w.alive[static_cast<std::size_t>(j)])
          next.col(j) = obs.col(j);  // stopped: nothing infinite travels on
      }
      reward_(obs, action, next, t0 + step, reward);
      for (Index j = 0; j < n; ++j)
        if (w.alive[static_cast<std::size_t>(j)]) returns[j] += static_cast<Scalar>(discount) * reward[j];
      if (termination_) {
        termination_(obs, action, next, t0 + step, reward);
        for (Index j = 0; j < n; ++j)
          if (reward[j] > Scalar(0.5)) w.alive[static_cast<std::size_t>(j)] = false;
      }
      std::swap(w.obs, w.next);
    }
    if (terminal_value_) {
      terminal_value_(w.obs.leftCols(n), t0 + horizon(), reward);
      for (Index j = 0; j < n; ++j)
        if (w.alive[static_cast<std::size_t>(j)]) returns[j] += static_cast<Scalar>(discount) * reward[j];
    }
    for (Index j = 0; j < n; ++j)
      if (!std::isfinite(returns[j])) returns[j] = std::numeric_limits<Scalar>::quiet_NaN();
  }

  Model model_;
  Reward reward_;
  TerminationFunction<Scalar> termination_;
  TerminalValueFunction<Scalar> terminal_value_;
  ModelRolloutSettings settings_;
  ThreadPool* pool_;
  RolloutCounts counts_;
  std::unique_ptr<WorkspacePool<Workspace>> workspaces_;
};

}  // namespace mbrl
