// A multilayer perceptron that acts: deterministic (TD3, BPTT) or as a Gaussian squashed by tanh (SAC).
// Haarnoja et al., "Soft actor-critic: off-policy maximum entropy deep reinforcement learning with a
// stochastic actor", ICML 2018, appendix C.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

enum class PolicyOutput : int { kTanh = 0, kSquashedGaussian = 1 };

constexpr auto enum_names(PolicyOutput) {
  return std::array{std::pair{PolicyOutput::kTanh, "tanh"},
                    std::pair{PolicyOutput::kSquashedGaussian, "squashed_gaussian"}};
}

struct MlpPolicySettings {
  nn::NetworkSettings network;
  PolicyOutput output = PolicyOutput::kSquashedGaussian;
  double min_logvar = -10.0, max_logvar = 4.0;  // bounds of the Gaussian's log-variance before tanh

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("network", s.network, "the layers");
    field("output", s.output, "tanh: deterministic; squashed_gaussian: tanh of a Gaussian");
    field("min_logvar", s.min_logvar, "lower bound of the Gaussian's log-variance before tanh");
    field("max_logvar", s.max_logvar, "upper bound of the Gaussian's log-variance before tanh");
  }
};

/// a = mid + half * tanh(u) within the action bounds (mid, half: their centre and half width). u is the
/// network's output, or with kSquashedGaussian u = m + e^(v/2) z with z ~ N(0, 1): outputs are action_dim
/// means m, then action_dim raw log-variances, bounded smoothly as an ensemble's are (mlp_ensemble.hpp). The
/// log-density of an action is
///   sum_i log N(u_i; m_i, e^v_i) - log(1 - tanh(u_i)^2) - log half_i,
/// with log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)). An observation that is not finite gives NaN
/// actions.
class MlpPolicy {
 public:
  using Scalar = float;
  /// Of one thread; grows to the largest batch and stays; made anew for a policy of another shape.
  struct Workspace {
    nn::GrowingPass pass;
    Index batch = 0;
    AlignedFloats rows;     // [row][stride]: noise, tanh(u) and e^(v/2), each action_dim rows, and scratch
    bool given = false;     // filled by log_probability, not by act
    bool in_batch = false;  // with batch_norm: the moments of the batch count, as while it learns
  };

  /// Weights are a function of (seed, index). Throws mbrl::Error for bounds that are choices or not finite,
  /// and for min_logvar >= max_logvar.
  MlpPolicy(int obs_dim, const ActionBounds& bounds, const MlpPolicySettings& settings, std::uint64_t seed,
            std::uint32_t index = 0);

  int obs_dim() const { return network_.in(); }
  int action_dim() const { return static_cast<int>(mid_.size()); }
  int memory_dim() const { return 0; }
  const MlpPolicySettings& settings() const { return settings_; }
  /// Centre and half width of each action's bounds.
  const std::vector<float>& mid() const { return mid_; }
  const std::vector<float>& half() const { return half_; }
  const std::vector<float>& low() const { return low_; }
  const std::vector<float>& high() const { return high_; }
  const nn::Network& network() const { return network_; }
  nn::Network& network() { return network_; }
  const AlignedFloats& parameters() const { return network_.parameters(); }
  AlignedFloats& parameters() { return network_.parameters(); }

  void act(ConstBatchRef<float> obs, BatchRef<float> memory, const PolicyKey& key, BatchRef<float> action,
           Workspace& w) const;
  /// The same actions and their log-densities, from u itself: no digits are lost where an action is at its
  /// bounds.
  void sample(ConstBatchRef<float> obs, const PolicyKey& key, BatchRef<float> action, VecRef<float> log_prob,
              Workspace& w) const;
  void mode(ConstBatchRef<float> obs, BatchRef<float> memory, BatchRef<float> action, Workspace& w) const;
  /// Actions at their bounds count as the nearest number inside. Throws mbrl::Error for a deterministic
  /// policy.
  void log_probability(ConstBatchRef<float> obs, BatchRef<float> memory, ConstBatchRef<float> action,
                       VecRef<float> out, Workspace& w) const;

  void backward(ConstBatchRef<float> weight, AlignedFloats* gradient, BatchRef<float> obs_gradient,
                Workspace& w) const;
  /// After sample: of a loss of the actions and their log-densities, whose gradients are given.
  void sample_backward(ConstBatchRef<float> weight, ConstVecRef<float> log_prob_weight,
                       AlignedFloats* gradient, BatchRef<float> obs_gradient, Workspace& w) const;
  /// After log_probability: of a loss of the log-densities, with the actions held.
  void log_probability_backward(ConstVecRef<float> log_prob_weight, AlignedFloats* gradient,
                                BatchRef<float> obs_gradient, Workspace& w) const;

  void save(StateDict& out, const std::string& prefix) const { network_.save(out, prefix + "network."); }
  /// Throws mbrl::Error unless the network is of this shape; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix) { network_.load(in, prefix + "network."); }

 private:
  bool gaussian() const { return settings_.output == PolicyOutput::kSquashedGaussian; }
  static Index width(const Workspace& w);
  float* row(Workspace& w, int block, Index i) const;
  void forward(const char* where, const ConstBatchRef<float>& obs, Index action_rows, Index action_cols,
               Workspace& w) const;
  void spread(Workspace& w, Index i) const;
  float* slope(Workspace& w, Index i) const;
  void squash(const PolicyKey* key, const ConstBatchRef<float>& obs, BatchRef<float>& action, float* log_prob,
              Workspace& w) const;
  void log_density(Workspace& w, Index i, float* out) const;
  void carry_back(const ConstBatchRef<float>* weight, const float* log_prob_weight, AlignedFloats* gradient,
                  BatchRef<float>& obs_gradient, Workspace& w) const;

  MlpPolicySettings settings_;
  std::vector<float> mid_, half_, low_, high_;
  nn::Network network_;
};

}  // namespace mbrl
