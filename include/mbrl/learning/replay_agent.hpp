// What a loop over replayed transitions asks of whoever learns in it.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/replay_sampler.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/task_functions.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// Of a loop that acts, remembers and learns: how much of each.
struct ReplaySettings {
  std::int64_t steps = 20'000;       // environment steps, of all environments
  std::int64_t random_steps = 1000;  // of these random ones at the beginning, without updates
  int environments = 1;              // stepped together
  int updates_per_step = 1;          // UTD
  int batch_size = 256;
  std::int64_t capacity = 1'000'000;  // transitions kept
  int n_step = 1;                     // steps whose rewards a target sums before it asks the critics
  PrioritySettings priority = {};     // which transitions are drawn

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps, the random ones among them; an episode under way is finished");
    field("random_steps", s.random_steps, "random steps at the beginning, without updates");
    field("environments", s.environments,
          "environments that are stepped together, on as many threads as there are; an update then sees what "
          "all have done");
    field("updates_per_step", s.updates_per_step, "gradient steps per environment step");
    field("batch_size", s.batch_size, "transitions drawn for each gradient step");
    field("capacity", s.capacity, "transitions kept in the replay buffer");
    field("n_step", s.n_step, "steps whose rewards a target sums before it asks the critics");
    field("priority", s.priority, "which transitions are drawn");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const char* who, const EnvSpec& spec) const;
};

/// These throw mbrl::Error, which begins with `who`: for several environments stepped together, for actions that are
/// choices, and for episodes without a limit.
void require_one_environment(const char* who, const ReplaySettings& settings);
void require_real_actions(const char* who, const EnvSpec& spec);
void require_time_limit(const char* who, const EnvSpec& spec);

/// A column of metrics that an agent fills once an episode.
struct AgentFigure {
  std::string name;
  std::string title{};  // on the terminal; empty: only in the file
  int decimals = 1;
};

// clang-format off
template <class A>
concept ReplayAgent = Checkpointable<A> && requires(A& agent, const A& cagent, ConstVecRef<double> obs, std::int64_t step,
                                                    int t, int lane, const Transitions& batch) {
  agent.begin_episode(lane);                                               // of the environments that are stepped together, in the lane-th
  { agent.explore(obs, step, t, lane) } -> std::same_as<Vecd>;             // the action of environment step `step`, the t-th of its episode
  { agent.learn(batch) } -> std::same_as<bool>;                            // one update; false: a number is not finite or beyond reason
  { cagent.trouble() } -> std::convertible_to<std::string>;                // then: which, and what helps
  { cagent.updates() } -> std::convertible_to<std::int64_t>;
  { cagent.errors() } -> std::convertible_to<const Vecf&>;                 // |TD error| of each transition of the last batch: priorities
  { cagent.discount() } -> std::convertible_to<double>;                    // gamma, for returns over several steps
  { cagent.value_bias(batch) } -> std::convertible_to<double>;             // of the critics, in an episode of the policy's
  { cagent.value() } -> std::same_as<TerminalValueFunction<float>>;        // of a state, by the critics; as it is now, for as long as the agent is there
  requires StochasticPolicy<std::remove_cvref_t<decltype(cagent.policy())>>; // its mode acts without exploration
  { A::figure_columns() } -> std::same_as<std::vector<AgentFigure>>;
  { cagent.figures() } -> std::same_as<std::vector<double>>;               // of the episode so far, in their order
};
// clang-format on

}  // namespace mbrl
