// What the registry's entries of ME-TRPO, MB-MPO, SLBO and RL^2 have in common.
#pragma once

#include <memory>
#include <string>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// Throws for what makes no sense in any of them: their numbers, the environment.
template <class Settings>
void check_rounds_in_model(const char* who, const Settings& s, const EnvSpec& spec) {
  require(s.steps >= 1, who, ": steps is ", s.steps, ", expected at least 1");
  require(s.collect >= 1, who, ": collect is ", s.collect, ", expected at least 1");
  require(s.rollouts >= 1, who, ": rollouts is ", s.rollouts, ", expected at least 1");
  require(s.policy_updates >= 1, who, ": policy_updates is ", s.policy_updates, ", expected at least 1");
  require(s.imagination.horizon >= 1, who, ": imagination.horizon is ", s.imagination.horizon,
          ", expected at least 1");
  require_real_actions(who, spec);
  require_time_limit(who, spec);
}
/// The policy's learner, too.
template <class Settings>
void check_trpo_in_model(const char* who, const Settings& s, const EnvSpec& spec) {
  check_rounds_in_model(who, s, spec);
  s.trpo.validate();
}

/// What their presets `quick` begin with.
template <class Settings>
Settings quick_rounds_in_model() {
  Settings s;
  s.steps = 8000;
  s.collect = 1000;
  s.imagination.horizon = 200;
  s.model.hidden = {64, 64};
  s.training.batch_size = 64;
  return s;
}
template <class Settings>
Settings quick_trpo_in_model() {
  auto s = quick_rounds_in_model<Settings>();
  s.trpo.discount = 0.95;
  return s;
}

/// But for how the actor is loaded.
template <class Algorithm, class Settings>
AlgorithmDescription<Settings> rounds_in_model_description(const std::string& name,
                                                           const std::string& summary,
                                                           const std::string& example,
                                                           const Settings& quick) {
  AlgorithmDescription<Settings> d;
  d.name = name;
  d.summary = summary;
  d.details = "  mbrl train " + name +
              " --env Pendulum-v1 --preset quick --out runs/pendulum\n  mbrl train " + name + " " + example;
  d.steps_key = "steps";
  d.presets.push_back({"quick", "small networks and 8,000 steps, for a first look",
                       [quick](const EnvSpec&) { return quick; }});
  d.check = [](const Settings& s, const EnvSpec& spec) { s.validate(spec); };
  d.make = [](const Settings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Algorithm>(s, context));
  };
  return d;
}
template <class Algorithm, class Settings>
AlgorithmDescription<Settings> trpo_in_model_description(const std::string& name, const std::string& summary,
                                                         const std::string& example, const Settings& quick) {
  auto d = rounds_in_model_description<Algorithm>(name, summary, example, quick);
  d.load_actor = [](const Settings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(Trpo::new_policy(spec.obs_dim, action_bounds(spec), s.trpo, context.seed), in,
                        prefix + "trpo.policy.");
  };
  return d;
}

}  // namespace mbrl
