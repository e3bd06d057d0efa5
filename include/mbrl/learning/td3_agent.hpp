// TD3 and DDPG as a learning loop uses them: noise on the policy's actions, updates, figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/critic_value.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/td3.hpp"
#include "mbrl/learning/value_bias.hpp"
#include "mbrl/learning/value_bound.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/policy/actor_noise.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// A ReplayAgent. Its figures are means over the updates of the episode.
class Td3Agent {
 public:
  using Policy = MlpPolicy;
  /// Acts at random during the first `random_steps` environment steps, by the policy with noise thereafter. Throws
  /// mbrl::Error for settings that make no sense and for actions that are choices. The pool must outlive it.
  Td3Agent(const EnvSpec& spec, const Td3Settings& settings, const ActorNoiseSettings& exploration,
           std::int64_t random_steps, std::uint64_t seed, ThreadPool& pool);

  void begin_episode(int lane = 0);
  Vecd explore(ConstVecRef<double> obs, std::int64_t step, int t, int lane = 0) {
    return explorer_.act(td3_.policy(), obs, step, t, lane);
  }
  bool learn(const Transitions& batch) { return learned(td3_.update(batch), batch); }
  std::string trouble() const;
  std::int64_t updates() const { return td3_.updates(); }
  const Vecf& errors() const { return td3_.errors(); }
  double value_bias(const Transitions& episode) const { return mbrl::value_bias(td3_, episode); }
  TerminalValueFunction<float> value() const { return critic_value(td3_); }
  double discount() const { return td3_.settings().discount; }
  const Td3& td3() const { return td3_; }
  const MlpPolicy& policy() const { return td3_.policy(); }

  /// The policy, from a checkpoint of `save` and without critics.
  static MlpPolicy load_policy(const EnvSpec& spec, const Td3Settings& settings, std::uint64_t seed,
                               const StateDict& in, const std::string& prefix);
  /// The same as what acts without exploration.
  static AnyActor load_actor(const EnvSpec& spec, const Td3Settings& settings, std::uint64_t seed,
                             const StateDict& in, const std::string& prefix);

  static std::vector<AgentFigure> figure_columns();
  std::vector<double> figures() const { return means_.values(); }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 protected:
  Td3& learner() { return td3_; }
  /// Takes down what an update on a batch of experience gave; whether all of it is finite and the values credible.
  bool learned(const Td3Report& report, const Transitions& batch);

 private:
  Td3 td3_;
  PolicyExplorer<MlpPolicy> explorer_;
  Td3Report last_;
  UpdateMeans means_{3};
  ValueBound bound_;
};

static_assert(ReplayAgent<Td3Agent>);

}  // namespace mbrl
