// A policy that climbs the gradient of what a learned model expects of it, some steps ahead and then by critics, and
// the critics, which learn from the same steps: one update of DHMBPO and of SVG(H). Kubo, Parmas, Ishii, "Double horizon
// model-based policy optimization", TMLR 2025; Amos, Stanton, Yarats, Wilson, "On the model-based stochastic value
// gradient for continuous reinforcement learning", L4DC 2021.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/models/neural/differentiable_ensemble.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/policy/entropy_temperature.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/differentiable_rollout.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

struct ValueGradientSettings {
  nn::NetworkSettings policy{.hidden = {256, 256, 256}, .activation = Activation::kSilu};
  nn::NetworkSettings critic{
      .hidden = {256, 256, 256}, .activation = Activation::kSilu, .layer_norm = true, .dropout = 1e-3};
  nn::AdamSettings adam;           // of policy, critics and temperature
  int horizon = 5;                 // H: steps through which the gradient passes
  double discount = 0.995;         // gamma
  double tau = 0.005;              // share of the critics that their targets take over per update
  int critics = 5;                 // 0: nothing is known of what comes after the horizon (BPTT)
  int target_critics = 2;          // drawn for each update; their smallest value is the target's
  double temperature = 0.1;        // alpha at the beginning; 0: entropy does not count
  bool tune_temperature = true;    // towards the entropy below
  double entropy_per_action = -1;  // target of the entropy, per action entry scaled to [-1, 1] (nats)

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's network");
    field("critic", s.critic, "each critic's network");
    field("adam", s.adam, "the optimiser of policy, critics and temperature");
    field("horizon", s.horizon, "steps in the model through which the gradient passes");
    field("discount", s.discount, "of rewards, per step");
    field("tau", s.tau, "share of the critics that their targets take over per update");
    field("critics", s.critics, "critics; 0: what comes after the horizon counts for nothing (BPTT)");
    field("target_critics", s.target_critics,
          "critics drawn for the targets of each update, whose smallest value counts");
    field("temperature", s.temperature, "weight of the entropy at the beginning; 0: none, always");
    field("tune_temperature", s.tune_temperature,
          "adapt the temperature to the target entropy; false: keep it");
    field("entropy_per_action", s.entropy_per_action,
          "target entropy per action entry, actions scaled to [-1, 1] (nats)");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const char* who) const;
};

/// Of one update, means over the batch; critic_loss and value are 0 without critics.
struct ValueGradientReport {
  double critic_loss = 0, value = 0;
  double expected = 0;  // what the policy climbs
  double entropy = 0, temperature = 0;
  double gradient_norm = 0;  // of what is expected, with respect to the policy's parameters
  bool finite() const;
};

/// From states s_0 the policy pi acts in the model for H steps. With critics Q_i, their targets Q'_i and u_h ~ pi(s_h):
///   y_h = r_h + gamma (y_{h+1} - alpha log pi(u_{h+1} | s_{h+1})),   y_H = min_{i in M} Q'_i(s_H, u_H);
///   critics: mean over h < H of (Q_i(s_h, u_h) - y_h)^2;
///   policy: the gradient of mean sum_{h<H} gamma^h (r_h - alpha log pi_h) + gamma^H (mean_i Q_i(s_H, u_H) - alpha log pi_H)
/// through all of it; temperature as SAC's. What comes after a trajectory has ended is worth 0. Observations are in the
/// model's coordinates. Numbers are functions of (seed, number of the update, model, starts) for any number of threads.
class ValueGradient {
 public:
  /// Model and pool must outlive it. `termination` empty: nothing ends a trajectory. Throws mbrl::Error for settings
  /// that make no sense.
  ValueGradient(const EnvSpec& spec, const DifferentiableEnsemble& model,
                const ValueGradientSettings& settings, ThreadPool& pool, std::uint64_t seed);
  /// As it is before the first update.
  static MlpPolicy new_policy(const EnvSpec& spec, const ValueGradientSettings& settings, std::uint64_t seed);

  /// One step of everything, or of the critics alone. Where a number is not finite (ValueGradientReport::finite) the
  /// networks concerned are left as they were.
  ValueGradientReport update(ConstBatchRef<float> starts, bool critics_alone = false);

  /// Smallest critic's value of each column; 0 without critics.
  void values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const;

  const MlpPolicy& policy() const { return policy_; }
  double temperature() const { return temperature_.value(); }
  /// Of the last update that moved the policy: of minus what it expected, a block like the policy's parameters.
  const AlignedFloats& gradient() const { return gradient_; }
  std::int64_t updates() const { return updates_; }
  const ValueGradientSettings& settings() const { return settings_; }
  /// What log-densities of actions have to be raised by to be those of actions scaled to [-1, 1].
  float log_half() const { return log_half_; }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  void make_chunks(Index n);
  void expand(std::size_t k);
  void learn_critics(ValueGradientReport& report);
  void climb(ValueGradientReport& report);

  ValueGradientSettings settings_;
  ThreadPool* pool_;
  MlpPolicy policy_;
  nn::Adam policy_adam_;
  Critics critics_;
  EntropyTemperature temperature_;
  DifferentiableRollout<MlpPolicy> rollout_;
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  float log_half_ = 0;

  Index columns_ = 0;                                            // of the last starts
  std::vector<DifferentiableRollout<MlpPolicy>::Range> ranges_;  // of them
  Transitions batch_;                                            // (s_h, u_h) of all steps
  std::vector<Vecf> targets_;                                    // [step][range]: y_h
  std::vector<int> drawn_;                                       // the target's critics
  PathWeights weights_;
  AlignedFloats gradient_;
};

}  // namespace mbrl
