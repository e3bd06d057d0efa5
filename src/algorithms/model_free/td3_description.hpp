// What the registry's entries of TD3, DDPG and their expansions by a learned model have in common.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "algorithms/replay_algorithm.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/td3_agent.hpp"

namespace mbrl {

/// All but the summary, the check and what makes it. `quick`: settings of the preset of that name, which takes
/// `quick_steps` steps.
template <class Settings>
AlgorithmDescription<Settings> td3_description(const std::string& name, const Settings& settings,
                                               const Settings& quick, const std::string& quick_steps) {
  AlgorithmDescription<Settings> d;
  d.name = name;
  d.details = "  mbrl train " + name +
              " --env Pendulum-v1 --preset quick --out runs/pendulum\n  mbrl train " + name +
              " --env HalfCheetah-v5 --steps 100000 --eval-every 10000 --out runs/cheetah";
  d.steps_key = "steps";
  d.blank = settings;
  d.defaults = [settings](const EnvSpec&) { return settings; };
  d.presets.push_back({"quick", "small networks and " + quick_steps + " steps, for a first look",
                       [quick](const EnvSpec&) { return quick; }});
  d.load_actor = [](const Settings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    return Td3Agent::load_actor(context.make_environment().spec(), s.td3, context.seed, in, prefix);
  };
  return d;
}

inline AgentFigure model_loss_column() { return {.name = "model_loss", .title = "model", .decimals = 3}; }

template <class Agent, class Settings>
void register_expansion(AlgorithmRegistry& registry, const std::string& name, const std::string& summary,
                        const Settings& settings, const Settings& quick) {
  auto d = td3_description(name, settings, quick, "3,000");
  d.summary = summary;
  d.check = [name](const Settings& s, const EnvSpec& spec) { s.validate(name.c_str(), spec); };
  d.make = [name](const Settings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<ReplayAlgorithm<Agent>>(
        name, s, context, [&](const EnvSpec& spec) { return Agent(spec, s, context.seed, context.pool); }));
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
