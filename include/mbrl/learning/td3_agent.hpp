// TD3 and DDPG as a learning loop uses them: noise on the policy's actions, updates, figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/td3.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/policy/exploration.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// A ReplayAgent. Its figures are means over the updates of the episode.
class Td3Agent {
 public:
  /// Acts at random during the first `random_steps` environment steps, by the policy with noise thereafter. Throws
  /// mbrl::Error for settings that make no sense and for actions that are choices. The pool must outlive it.
  Td3Agent(const EnvSpec& spec, const Td3Settings& settings, const ExplorationSettings& exploration,
           std::int64_t random_steps, std::uint64_t seed, ThreadPool& pool);

  void begin_episode();
  Vecd explore(ConstVecRef<double> obs, std::int64_t step, int t);
  bool learn(const Transitions& batch);
  std::string trouble() const;
  std::int64_t updates() const { return td3_.updates(); }
  std::int64_t random_steps() const { return random_steps_; }
  const Td3& td3() const { return td3_; }
  const MlpPolicy& policy() const { return td3_.policy(); }

  AnyActor actor() const;
  /// The same from a checkpoint of `save`, without critics.
  static AnyActor load_actor(const EnvSpec& spec, const Td3Settings& settings, std::uint64_t seed,
                             const StateDict& in, const std::string& prefix);

  static std::vector<AgentFigure> figure_columns();
  std::vector<double> figures() const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  EnvSpec spec_;
  std::int64_t random_steps_;
  std::uint64_t seed_;
  Td3 td3_;
  ExplorationNoise<float> noise_;
  Td3Report last_;
  double critic_loss_ = 0, value_ = 0, policy_loss_ = 0, count_ = 0;  // sums over the episode's updates
  MlpPolicy::Workspace workspace_;
  Batchf obs_, action_, memory_;
};

static_assert(ReplayAgent<Td3Agent>);

}  // namespace mbrl
