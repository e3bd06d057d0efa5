// What the registry's entries of ME-TRPO, MB-MPO and SLBO have in common.
#pragma once

#include <memory>
#include <string>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/trpo.hpp"

namespace mbrl {

template <class Algorithm, class Settings>
AlgorithmDescription<Settings> trpo_in_model_description(const std::string& name, const std::string& summary,
                                                         const std::string& example, const Settings& quick) {
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
  d.load_actor = [](const Settings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(Trpo::new_policy(spec.obs_dim, action_bounds(spec), s.trpo, context.seed), in,
                        prefix + "trpo.policy.");
  };
  return d;
}

}  // namespace mbrl
