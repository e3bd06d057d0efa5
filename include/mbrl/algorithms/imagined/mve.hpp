// MVE: DDPG whose critic learns from targets that a learned model has looked ahead for, and on imagined transitions as
// well. Feinberg, Wan, Stoica, Jordan, Gonzalez, Levine, "Model-based value estimation for efficient model-free
// reinforcement learning", arXiv 1803.00101, 2018, algorithm 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/value_expansion.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/td3_agent.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"

namespace mbrl {

struct MveSettings : ExpansionSettings {
  bool td_k = true;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    ExpansionSettings::describe(s, field);
    field("td_k", s.td_k, "whether the critics learn at imagined states, too");
  }
};

/// A ReplayAgent. Of a batch of n transitions (s_-1, a_-1, r_-1, s_0) it imagines, with the target policy pi' and the
/// mean of the model's networks f,
///   a_t = pi'(s_t),   s_{t+1} = f(s_t, a_t),   r_t = r(s_t, a_t, s_{t+1})   for t = 0 ... H - 1,
/// and the critics learn from all of them (equation 4; expand_values):
///   1 / (n (H + 1)) sum_{t=-1}^{H-1} (Q(s_t, a_t) - sum_{k=t}^{H-1} gamma^{k-t} r_k - gamma^{H-t} Q'(s_H, pi'(s_H)))^2,
/// or, without td_k, from the terms of t = -1 alone. The policy climbs at the batch's own states. With H = 0 it is
/// Td3Agent, bit for bit.
class MveAgent : public Td3Agent {
 public:
  /// Throws mbrl::Error for settings that make no sense and for actions that are choices. The pool must outlive it.
  MveAgent(const EnvSpec& spec, const MveSettings& settings, std::uint64_t seed, ThreadPool& pool);

  bool fit_model(const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer);
  bool learn(const Transitions& batch);
  /// Of the batch's own transitions.
  const Vecf& errors() const { return errors_; }
  const MlpEnsemble& model() const { return model_.ensemble(); }

  static std::vector<AgentFigure> figure_columns();
  std::vector<double> figures() const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  int horizon_;
  bool td_k_;
  ExpansionModel model_;
  Imagination<MlpPolicy> imagination_;
  Trajectories paths_;
  Transitions expanded_;
  Vecf errors_;
};

static_assert(ReplayAgent<MveAgent>);

/// Registers it as "mve".
void register_mve(AlgorithmRegistry& registry);

}  // namespace mbrl
