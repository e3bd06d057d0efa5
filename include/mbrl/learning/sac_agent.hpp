// Soft actor-critic as a learning loop uses it: it explores, learns from the batches it is given, and says what
// its updates were like.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/critic_value.hpp"
#include "mbrl/learning/discrete_sac.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/sac.hpp"
#include "mbrl/learning/value_bias.hpp"
#include "mbrl/learning/value_bound.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// A ReplayAgent over Sac or DiscreteSac. Its figures are means over the updates of the episode, and the temperature.
template <class Learner>
class BasicSacAgent {
 public:
  using Policy = typename Learner::Policy;

  /// Acts at random during the first `random_steps` environment steps. Throws mbrl::Error for settings that
  /// make no sense and for actions of the other kind. The pool must outlive it.
  BasicSacAgent(const EnvSpec& spec, const SacSettings& settings, std::int64_t random_steps,
                std::uint64_t seed, ThreadPool& pool);

  void begin_episode(int lane = 0);
  /// The action of environment step `step`, drawn from the policy: a function of (seed, step, obs).
  Vecd explore(ConstVecRef<double> obs, std::int64_t step, int t, int lane = 0) {
    return explorer_.act(sac_.policy(), obs, step, t, lane);
  }
  /// One update; false where its numbers are not finite, with the networks concerned as they were, and where the
  /// critics diverge: `trouble` says what it was.
  bool learn(const Transitions& batch);
  std::string trouble() const;

  const Learner& sac() const { return sac_; }
  std::int64_t updates() const { return sac_.updates(); }
  const Vecf& errors() const { return sac_.errors(); }
  double value_bias(const Transitions& episode) const { return mbrl::value_bias(sac_, episode); }
  TerminalValueFunction<float> value() const { return critic_value(sac_); }
  double discount() const { return sac_.settings().discount; }
  const Policy& policy() const { return sac_.policy(); }
  /// The policy, from a checkpoint of `save` and without critics.
  static Policy load_policy(const EnvSpec& spec, const SacSettings& settings, std::uint64_t seed,
                            const StateDict& in, const std::string& prefix);
  /// The same as what acts without exploration.
  static AnyActor load_actor(const EnvSpec& spec, const SacSettings& settings, std::uint64_t seed,
                             const StateDict& in, const std::string& prefix);

  static std::vector<AgentFigure> figure_columns();
  std::vector<double> figures() const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  Learner sac_;
  PolicyExplorer<Policy> explorer_;
  SacReport last_;
  UpdateMeans means_{3};
  ValueBound bound_;
};

extern template class BasicSacAgent<Sac>;
extern template class BasicSacAgent<DiscreteSac>;

using SacAgent = BasicSacAgent<Sac>;                  // of real actions
using DiscreteSacAgent = BasicSacAgent<DiscreteSac>;  // of choices

static_assert(ReplayAgent<SacAgent> && ReplayAgent<DiscreteSacAgent>);

}  // namespace mbrl
