// A reward of one transition, not of a batch: the words name the concept and the arguments it is called with.
// expect: RewardModel
// expect: is_invocable
#include "mbrl/task/task_functions.hpp"

struct Reward {
#ifdef MBRL_BREAK
  double operator()(const mbrl::Vecf& obs, const mbrl::Vecf& action) const {
    return obs.sum() + action.sum();
  }
#else
  void operator()(mbrl::ConstBatchRef<float>, mbrl::ConstBatchRef<float>, mbrl::ConstBatchRef<float>, int,
                  mbrl::VecRef<float> out) const {
    out.setZero();
  }
#endif
};

static_assert(mbrl::RewardModel<Reward, float>);
