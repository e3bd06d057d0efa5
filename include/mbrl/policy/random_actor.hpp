// Actions by chance: uniform within the bounds (of choices: each as likely), as a batched policy and as an
// actor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "mbrl/core/random.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// Action i of column j is a function of (key, id, step, i).
class RandomActor {
 public:
  using Scalar = float;
  using Workspace = NoPolicyWorkspace;

  /// Throws mbrl::Error for bounds that are not finite with low < high.
  RandomActor(int obs_dim, ActionBounds bounds) : obs_dim_(obs_dim), bounds_(std::move(bounds)) {
    bounds_.validate("RandomActor", bounds_.dim());
    begin(0);
  }

  int obs_dim() const { return obs_dim_; }
  int action_dim() const { return bounds_.dim(); }
  int memory_dim() const { return 0; }

  void act(ConstBatchRef<float> obs, BatchRef<float>, const PolicyKey& key, BatchRef<float> action,
           Workspace&) const {
    require_dim("RandomActor::act", "obs", obs.rows(), obs_dim_);
    for (Index j = 0; j < action.cols(); ++j)
      for (Index i = 0; i < action.rows(); ++i)
        action(i, j) = static_cast<float>(draw(key.key, key.id(j), key.step, i));
  }

  void begin(std::uint64_t seed) { key_ = RandomStream(seed, Stream::kPolicy).key(); }
  /// The action (action_dim) at control step t.
  const Vecd& act(ConstVecRef<double>, int t) {
    action_.resize(bounds_.dim());
    for (Index i = 0; i < action_.size(); ++i) action_(i) = draw(key_, 0, static_cast<std::uint32_t>(t), i);
    return action_;
  }

 private:
  double draw(std::array<std::uint32_t, 2> key, std::uint32_t id, std::uint32_t step, Index i) const {
    const auto words = philox4x32({id, 0, step, static_cast<std::uint32_t>(i)}, key);
    const double unit = (static_cast<double>(words[0]) + 0.5) * 0x1p-32;
    const auto at = static_cast<std::size_t>(i);
    if (bounds_.choices > 0) return nearest_choice(unit * bounds_.choices - 0.5, bounds_.choices);
    const double value = bounds_.low[at] + unit * (bounds_.high[at] - bounds_.low[at]);
    return std::clamp(value, static_cast<double>(bounds_.inner_low<float>(at)),
                      static_cast<double>(bounds_.inner_high<float>(at)));
  }

  int obs_dim_;
  ActionBounds bounds_;
  std::array<std::uint32_t, 2> key_{};
  Vecd action_;
};

}  // namespace mbrl
