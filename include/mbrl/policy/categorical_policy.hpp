// A multilayer perceptron that acts where an action is a choice: it draws one with the softmax of its outputs.
// Christodoulou, "Soft actor-critic for discrete action settings", arXiv 1910.07207, section 3.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/distributions.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// pi(a | obs) = softmax(f(obs))_a for a = 0 ... n - 1; an action is one number, the choice. An observation that is
/// not finite gives NaN actions.
class CategoricalPolicy {
 public:
  using Scalar = float;
  /// Of one thread; grows to the largest batch and stays; made anew for a policy of another shape.
  struct Workspace {
    nn::GrowingPass pass;
    nn::RowBatch<float> noise;  // 1 x batch
    Vec<int> choice;
    Vecf log_prob;
    bool given = false;  // filled by log_probability
  };

  /// Weights are a function of (seed, index). Throws mbrl::Error for bounds that are not one entry of choices.
  CategoricalPolicy(int obs_dim, const ActionBounds& bounds, const nn::NetworkSettings& network,
                    std::uint64_t seed, std::uint32_t index = 0);

  int obs_dim() const { return network_.in(); }
  int action_dim() const { return 1; }
  int memory_dim() const { return 0; }
  int choices() const { return network_.out(); }
  /// Its outputs are logits.
  const nn::Network& network() const { return network_; }
  nn::Network& network() { return network_; }
  const AlignedFloats& parameters() const { return network_.parameters(); }
  AlignedFloats& parameters() { return network_.parameters(); }

  /// The choice that an action says. Throws mbrl::Error, which begins with `where`, for a number that is none.
  int choice(const char* where, float action) const;

  void act(ConstBatchRef<float> obs, BatchRef<float> memory, const PolicyKey& key, BatchRef<float> action,
           Workspace& w) const;
  /// The most probable choice; of equal ones the first.
  void mode(ConstBatchRef<float> obs, BatchRef<float> memory, BatchRef<float> action, Workspace& w) const;
  /// Logarithms of probabilities. Throws mbrl::Error for actions that are no choice.
  void log_probability(ConstBatchRef<float> obs, BatchRef<float> memory, ConstBatchRef<float> action,
                       VecRef<float> out, Workspace& w) const;

  /// After log_probability with the same workspace: of a loss of the logarithms, whose gradients are given, and of the
  /// distributions' entropies (empty: of the logarithms alone), as DifferentiablePolicy's backward has it. Throws
  /// mbrl::Error for other sizes, and without that call.
  void log_probability_backward(ConstVecRef<float> log_prob_weight, ConstVecRef<float> entropy_weight,
                                AlignedFloats* gradient, BatchRef<float> obs_gradient, Workspace& w) const;
  void log_probability_backward(ConstVecRef<float> log_prob_weight, AlignedFloats* gradient,
                                BatchRef<float> obs_gradient, Workspace& w) const {
    log_probability_backward(log_prob_weight, Vecf(), gradient, obs_gradient, w);
  }

  void save(StateDict& out, const std::string& prefix) const { network_.save(out, prefix + "network."); }
  /// Throws mbrl::Error unless the network is of this shape; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix) { network_.load(in, prefix + "network."); }

 private:
  nn::ConstRowMap<float> logits(const char* where, const ConstBatchRef<float>& obs, Index action_rows,
                                Index action_cols, Workspace& w) const;

  nn::Network network_;
  nn::Categorical<float> head_;
};

}  // namespace mbrl
