// An agent that learns from normalised observations: by the mean and deviation of all that it has seen so far.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/unnormalised.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/task_functions.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// A ReplayAgent over another one. Replayed transitions are normalised when they are learned from, so that the
/// statistics of today hold for all of them; its policy takes observations as they are.
template <ReplayAgent Agent>
class NormalisedAgent {
 public:
  using Policy = typename Agent::Policy;

  /// The arguments are those of the other agent.
  template <class... Args>
  explicit NormalisedAgent(const EnvSpec& spec, Args&&... args)
      : agent_(spec, std::forward<Args>(args)...), statistics_(spec.obs_dim), policy_(agent_.policy()) {}

  void begin_episode(int lane = 0) { agent_.begin_episode(lane); }
  Vecd explore(ConstVecRef<double> obs, std::int64_t step, int t, int lane = 0) {
    statistics_.update(ConstBatchRef<double>(obs));
    obs_ = (obs - statistics_.mean()).cwiseQuotient(statistics_.scale());
    return agent_.explore(obs_, step, t, lane);
  }
  bool learn(const Transitions& batch) {
    normalise(batch, batch_);
    return agent_.learn(batch_);
  }
  std::string trouble() const { return agent_.trouble(); }
  std::int64_t updates() const { return agent_.updates(); }
  const Vecf& errors() const { return agent_.errors(); }
  double value_bias(const Transitions& episode) const {
    Transitions normalised;
    normalise(episode, normalised);
    return agent_.value_bias(normalised);
  }
  double discount() const { return agent_.discount(); }
  /// As it is now; the reference is good until the next call.
  const Policy& policy() const { return policy_ = unnormalised(agent_.policy(), statistics_); }
  TerminalValueFunction<float> value() const {
    return [value = agent_.value(), this](ConstBatchRef<float> obs, int t, VecRef<float> out) {
      Batchf normal(obs.rows(), obs.cols());
      statistics_.normalize(obs, normal);
      value(normal, t, out);
    };
  }
  const Normalizer& statistics() const { return statistics_; }

  template <class Settings>
  static AnyActor load_actor(const EnvSpec& spec, const Settings& settings, std::uint64_t seed,
                             const StateDict& in, const std::string& prefix) {
    Normalizer statistics(spec.obs_dim);
    statistics.load(in, prefix + "obs_statistics.");
    return mode_actor(unnormalised(Agent::load_policy(spec, settings, seed, in, prefix), statistics));
  }

  static std::vector<AgentFigure> figure_columns() { return Agent::figure_columns(); }
  std::vector<double> figures() const { return agent_.figures(); }

  void save(StateDict& out, const std::string& prefix) const {
    agent_.save(out, prefix);
    statistics_.save(out, prefix + "obs_statistics.");
  }
  void load(const StateDict& in, const std::string& prefix) {
    agent_.load(in, prefix);
    statistics_.load(in, prefix + "obs_statistics.");
  }

 private:
  void normalise(const Transitions& from, Transitions& to) const {
    to = from;
    statistics_.normalize(to.obs, to.obs);
    statistics_.normalize(to.next_obs, to.next_obs);
  }

  Agent agent_;
  Normalizer statistics_;
  mutable Policy policy_;
  Vecd obs_;
  Transitions batch_;
};

}  // namespace mbrl
