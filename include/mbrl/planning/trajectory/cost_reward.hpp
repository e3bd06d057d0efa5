// A TrajectoryCost as what sampling planners are given: a reward a step and a terminal value.
#pragma once

#include <utility>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// reward = -stage(obs, action, t): a RewardModel, of the state before the step.
template <TrajectoryCost Cost>
class CostReward {
 public:
  explicit CostReward(Cost cost) : cost_(std::move(cost)) {}
  void operator()(ConstBatchRef<double> obs, ConstBatchRef<double> action, ConstBatchRef<double> /*next_obs*/,
                  int t, VecRef<double> out) const {
    for (Index i = 0; i < obs.cols(); ++i) out(i) = -cost_.stage(obs.col(i), action.col(i), t);
  }

 private:
  Cost cost_;
};

/// Rollouts whose return is minus the cost of the trajectory, final cost included: sampling planners and those
/// that use derivatives then solve the same problem. The pool must outlive the evaluator.
template <DynamicsModel Model, TrajectoryCost Cost>
ModelRollout<Model, CostReward<Cost>> cost_rollout(Model model, Cost cost,
                                                   const ModelRolloutSettings& settings, ThreadPool& pool) {
  ModelRollout<Model, CostReward<Cost>> rollout(std::move(model), CostReward<Cost>(cost), settings, pool);
  rollout.set_terminal_value([cost = std::move(cost)](ConstBatchRef<double> obs, int t, VecRef<double> out) {
    for (Index i = 0; i < obs.cols(); ++i) out(i) = -cost.final_cost(obs.col(i), t);
  });
  return rollout;
}

}  // namespace mbrl
