// A policy that remembers: a gated recurrent unit reads observations and the actions taken, and a squashed Gaussian acts on
// the observation and what is remembered. Within an episode it can find out which system it is in, and adapt to it: Duan,
// Schulman, Chen, Bartlett, Sutskever, Abbeel, "RL^2: Fast reinforcement learning via slow reinforcement learning",
// arXiv 1611.02779.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/gru.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

struct RecurrentPolicySettings {
  int units = 32;  // of the memory
  nn::NetworkSettings network{.hidden = {32},
                              .activation = Activation::kTanh};  // from observation and memory to actions

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("units", s.units, "numbers that are remembered");
    field("network", s.network, "from observation and memory to the action's distribution");
  }
};

/// With actions b scaled to [-1, 1]:
///   h_t = GRU([obs_t; b_{t-1}], h_{t-1}),  a_t ~ MlpPolicy([obs_t; h_t]);  h_{-1} = 0, b_{-1} = 0.
/// Its memory is [h_t; b_t]. Rewards are not read: where they are functions of observations and actions, as in a model's
/// imagination, they tell nothing more.
class RecurrentPolicy {
 public:
  using Scalar = float;
  /// Of one thread; grows to the largest batch and stays.
  struct Workspace {
    nn::GruStep step;
    MlpPolicy::Workspace head;
    Batchf input, state, joint, none;
  };

  /// Weights are functions of (seed, index). Throws mbrl::Error for bounds that are choices or not finite and sizes below 1.
  RecurrentPolicy(int obs_dim, const ActionBounds& bounds, const RecurrentPolicySettings& settings,
                  std::uint64_t seed, std::uint32_t index = 0);

  int obs_dim() const { return obs_dim_; }
  int action_dim() const { return head_.action_dim(); }
  int memory_dim() const { return gru_.units() + action_dim(); }
  const nn::Gru& gru() const { return gru_; }
  nn::Gru& gru() { return gru_; }
  const MlpPolicy& head() const { return head_; }
  MlpPolicy& head() { return head_; }

  void act(ConstBatchRef<float> obs, BatchRef<float> memory, const PolicyKey& key, BatchRef<float> action,
           Workspace& w) const;
  void mode(ConstBatchRef<float> obs, BatchRef<float> memory, BatchRef<float> action, Workspace& w) const;
  void log_probability(ConstBatchRef<float> obs, BatchRef<float> memory, ConstBatchRef<float> action,
                       VecRef<float> out, Workspace& w) const;

  /// (a - mid) / half.
  void scale_action(ConstBatchRef<float> action, BatchRef<float> out) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  // w.state becomes h_t, w.joint [obs; h_t].
  void observe(const char* where, const ConstBatchRef<float>& obs, const BatchRef<float>& memory,
               Workspace& w) const;
  void remember(BatchRef<float>& memory, const BatchRef<float>& action, const Workspace& w) const;

  int obs_dim_;
  nn::Gru gru_;
  MlpPolicy head_;
};

static_assert(StochasticPolicy<RecurrentPolicy>);

}  // namespace mbrl
