// What sampling planners share: an action sequence as one column, its bounds, and its shift between plans.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// Drops the first `steps` columns of a trajectory (one a control step), moves the others forward and repeats
/// the last.
inline void shift_columns(BatchRef<double> trajectory, Index steps) {
  const Index last = trajectory.cols() - 1;
  for (Index t = 0; t <= last; ++t) trajectory.col(t) = trajectory.col(std::min(t + steps, last));
}

/// The box of whole sequences: an action sequence is the column [a_0; a_1; ...; a_{H-1}] of H * A numbers. Its
/// bounds are the given ones rounded inwards.
template <class S>
class SequenceBox {
 public:
  SequenceBox(const char* where, const ActionBounds& bounds, int action_dim, int horizon)
      : action_dim_(action_dim), horizon_(horizon), choices_(bounds.choices) {
    require(action_dim >= 1, where, ": the evaluator has ", action_dim, " actions, expected at least 1");
    require(horizon >= 1, where, ": the evaluator's horizon is ", horizon, ", expected at least 1");
    bounds.validate<S>(where, action_dim);
    low_.resize(size());
    high_.resize(size());
    for (Index i = 0; i < size(); ++i) {
      const auto d = static_cast<std::size_t>(i % action_dim);
      low_(i) = bounds.inner_low<S>(d);
      high_(i) = bounds.inner_high<S>(d);
    }
    mid_ = S(0.5) * (low_ + high_);
    if (choices_ > 0) mid_ = mid_.array().floor();
  }

  int action_dim() const { return action_dim_; }
  int horizon() const { return horizon_; }
  Index size() const { return static_cast<Index>(action_dim_) * horizon_; }
  const Vec<S>& low() const { return low_; }
  const Vec<S>& high() const { return high_; }
  const Vec<S>& mid() const { return mid_; }  // of choices: the lower of the two in the middle
  int choices() const { return choices_; }    // see ActionBounds

  /// Drops the first `steps` actions of a sequence, moves the others forward and pads the end.
  void shift(VecRef<S> sequence, int steps, WarmStartPad pad) const {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
    const Index moved = std::min<Index>(static_cast<Index>(steps) * action_dim_, size());
    std::copy(sequence.begin() + moved, sequence.end(), sequence.begin());
    for (Index i = size() - moved; i < size(); ++i) sequence(i) = pad_value(i, pad, sequence);
  }

  /// Reads a column of this size; throws on any other.
  Vec<S> load(const StateDict& in, const std::string& name) const {
    const std::vector<S> values = in.get<S>(name);
    require(static_cast<Index>(values.size()) == size(), "checkpoint: '", name, "' has ", values.size(),
            " values, expected ", size(), " (", horizon_, " actions of dimension ", action_dim_, ")");
    return Eigen::Map<const Vec<S>>(values.data(), size());
  }
  static void save(StateDict& out, const std::string& name, const Vec<S>& sequence) {
    out.put(name, sequence.data(), {static_cast<std::int64_t>(sequence.size())});
  }

 private:
  // The last action stays where it is until it is overwritten by itself.
  S pad_value(Index i, WarmStartPad pad, const VecRef<S>& sequence) const {
    if (pad == WarmStartPad::kRepeat) return sequence(size() - action_dim_ + i % action_dim_);
    if (pad == WarmStartPad::kZero && low_(i) < S(0) && S(0) < high_(i)) return S(0);
    return mid_(i);
  }

  int action_dim_, horizon_, choices_;
  Vec<S> low_, high_, mid_;
};

/// What a planner that starts from its last plan keeps between plans, in a checkpoint.
template <class S>
struct WarmStart {
  std::uint64_t seed = 0;       // of its random numbers
  std::int64_t plan_index = 0;  // of the next plan
  Vec<S> mean;                  // the shifted last plan

  void save(StateDict& out, const std::string& prefix) const {
    out.put_scalar(prefix + "seed", seed);
    out.put_scalar(prefix + "plan_index", plan_index);
    SequenceBox<S>::save(out, prefix + "mean", mean);
  }
  static WarmStart load(const StateDict& in, const std::string& prefix, const SequenceBox<S>& box) {
    return {in.get_scalar<std::uint64_t>(prefix + "seed"), in.get_scalar<std::int64_t>(prefix + "plan_index"),
            box.load(in, prefix + "mean")};
  }
};

}  // namespace mbrl
