// STEVE: DDPG whose critics learn from targets of several horizons, weighed by how well a learned ensemble agrees on
// them. Buckman, Hafner, Tucker, Brevdo, Lee, "Sample-efficient reinforcement learning with stochastic ensemble value
// expansion", NeurIPS 2018.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/value_expansion.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/td3_agent.hpp"
#include "mbrl/rollout/stochastic_expansion.hpp"

namespace mbrl {

/// A ReplayAgent. Every critic learns the same target, that of StochasticExpansion with the target policy and the
/// target critics; the policy climbs as td3.objective says, by default the critics' mean.
class SteveAgent : public Td3Agent {
 public:
  /// Throws mbrl::Error for settings that make no sense and for actions that are choices. The pool must outlive it.
  SteveAgent(const EnvSpec& spec, const ExpansionSettings& settings, std::uint64_t seed, ThreadPool& pool);

  void begin_episode(int lane = 0);
  bool fit_model(const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer);
  bool learn(const Transitions& batch);
  const MlpEnsemble& model() const { return model_.ensemble(); }
  /// Of the last update.
  const StochasticExpansion& expansion() const { return expansion_; }

  static std::vector<AgentFigure> figure_columns();
  std::vector<double> figures() const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  ExpansionModel model_;
  StochasticExpansion expansion_;
  std::vector<const nn::Network*> critics_;  // targets
  UpdateMeans weights_{1};
};

static_assert(ReplayAgent<SteveAgent>);

/// The published settings: ensembles of four.
ExpansionSettings steve_settings();

/// Registers it as "steve".
void register_steve(AlgorithmRegistry& registry);

}  // namespace mbrl
