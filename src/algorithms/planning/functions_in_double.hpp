// A task's functions, which are given for float, for models in double.
#pragma once

#include <type_traits>

#include "mbrl/core/types.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

inline RewardFunction<double> in_double(const RewardFunction<float>& reward) {
  return [reward](ConstBatchRef<double> obs, ConstBatchRef<double> action, ConstBatchRef<double> next_obs,
                  int t, VecRef<double> out) {
    Vecf value(out.size());
    reward(Batchf(obs.cast<float>()), Batchf(action.cast<float>()), Batchf(next_obs.cast<float>()), t, value);
    out = value.cast<double>();
  };
}
inline TerminationFunction<double> in_double(const TerminationFunction<float>& termination) {
  if (!termination) return {};
  return [termination](ConstBatchRef<double> obs, ConstBatchRef<double> action,
                       ConstBatchRef<double> next_obs, int t, VecRef<double> out) {
    Vecf value(out.size());
    termination(Batchf(obs.cast<float>()), Batchf(action.cast<float>()), Batchf(next_obs.cast<float>()), t,
                value);
    out = value.cast<double>();
  };
}
template <class S, class F>
auto for_scalar(const F& function) {
  if constexpr (std::is_same_v<S, float>)
    return function;
  else
    return in_double(function);
}

}  // namespace mbrl
