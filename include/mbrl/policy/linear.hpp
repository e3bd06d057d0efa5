// a = clip(K obs + k): the gains of a regulator, or the policy of PILCO and random search.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// Deterministic and differentiable; where an action is clipped its gradient is 0.
class LinearPolicy {
 public:
  using Scalar = float;
  struct Workspace {
    Batchf obs;      // of the last act
    Batchf clipped;  // 1 where an action was, else 0
  };

  /// All parameters 0. Throws mbrl::Error for bounds that are not finite with low < high.
  LinearPolicy(int obs_dim, ActionBounds bounds)
      : obs_dim_(obs_dim),
        bounds_(std::move(bounds)),
        parameters_(static_cast<std::size_t>(bounds_.dim()) * static_cast<std::size_t>(obs_dim + 1)) {
    require(obs_dim >= 1, "LinearPolicy: obs_dim is ", obs_dim, ", expected at least 1");
    bounds_.validate<float>("LinearPolicy", bounds_.dim());
  }

  int obs_dim() const { return obs_dim_; }
  int action_dim() const { return bounds_.dim(); }
  int memory_dim() const { return 0; }
  const ActionBounds& bounds() const { return bounds_; }

  /// K (action_dim x obs_dim, column-major), then k.
  AlignedFloats& parameters() { return parameters_; }
  const AlignedFloats& parameters() const { return parameters_; }
  /// Throws mbrl::Error for other shapes.
  void set(ConstBatchRef<double> gain, ConstVecRef<double> offset) {
    require_dim("LinearPolicy::set", "gain's rows", gain.rows(), action_dim());
    require_dim("LinearPolicy::set", "gain's columns", gain.cols(), obs_dim_);
    require_dim("LinearPolicy::set", "offset", offset.size(), action_dim());
    Eigen::Map<Batchf>(parameters_.data(), action_dim(), obs_dim_) = gain.cast<float>();
    Eigen::Map<Vecf>(parameters_.data() + gain.size(), action_dim()) = offset.cast<float>();
  }

  void act(ConstBatchRef<float> obs, BatchRef<float>, const PolicyKey&, BatchRef<float> action,
           Workspace& w) const {
    constexpr const char* kWhere = "LinearPolicy::act";
    require_dim(kWhere, "obs", obs.rows(), obs_dim_);
    require_dim(kWhere, "action", action.rows(), action_dim());
    require_dim(kWhere, "action's batch", action.cols(), obs.cols());
    w.obs = obs;
    w.clipped.setZero(action.rows(), action.cols());
    const float* gain = parameters_.data();
    const float* offset = gain + action_dim() * obs_dim_;
    for (Index j = 0; j < obs.cols(); ++j) {
      for (Index i = 0; i < action_dim(); ++i) {
        float sum = offset[i];
        for (Index k = 0; k < obs_dim_; ++k) sum += gain[k * action_dim() + i] * obs(k, j);
        const auto at = static_cast<std::size_t>(i);
        const float low = bounds_.inner_low<float>(at), high = bounds_.inner_high<float>(at);
        w.clipped(i, j) = sum < low || sum > high ? 1.0f : 0.0f;
        action(i, j) = sum < low ? low : sum > high ? high : sum;  // a NaN stays
      }
    }
  }

  void backward(ConstBatchRef<float> weight, AlignedFloats* gradient, BatchRef<float> obs_gradient,
                Workspace& w) const {
    constexpr const char* kWhere = "LinearPolicy::backward";
    require_dim(kWhere, "weight", weight.rows(), action_dim());
    require_dim(kWhere, "weight's batch (that of the last act)", weight.cols(), w.obs.cols());
    const Batchf free = (1.0f - w.clipped.array()) * weight.array();
    if (gradient) {
      if (gradient->size() != parameters_.size()) *gradient = AlignedFloats(parameters_.size());
      Eigen::Map<Batchf>(gradient->data(), action_dim(), obs_dim_).noalias() = free * w.obs.transpose();
      Eigen::Map<Vecf>(gradient->data() + action_dim() * obs_dim_, action_dim()) = free.rowwise().sum();
    }
    if (obs_gradient.cols() == 0) return;
    require_dim(kWhere, "obs_gradient", obs_gradient.rows(), obs_dim_);
    require_dim(kWhere, "obs_gradient's batch", obs_gradient.cols(), weight.cols());
    obs_gradient.noalias() =
        Eigen::Map<const Batchf>(parameters_.data(), action_dim(), obs_dim_).transpose() * free;
  }

 private:
  int obs_dim_;
  ActionBounds bounds_;
  AlignedFloats parameters_;
};

}  // namespace mbrl
