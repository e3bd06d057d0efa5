// A rollout evaluator that forgets evaluate(): refused by every sampling planner.
// expect: RolloutEvaluator
// expect: evaluator.evaluate(state, actions, key, returns)
#include "mbrl/planning/sampling/random_shooting.hpp"

struct Evaluator {
  using Scalar = double;
  using State = mbrl::Vecd;
  int horizon() const { return 5; }
  int action_dim() const { return 1; }
#ifndef MBRL_BREAK
  void evaluate(const State&, mbrl::ConstBatchRef<double>, mbrl::RolloutKey, mbrl::VecRef<double> returns) {
    returns.setZero();
  }
#endif
};

using MyPlanner = mbrl::RandomShooting<Evaluator>;
MyPlanner* planner = nullptr;
