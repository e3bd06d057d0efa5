// What the registry's entries of DHMBPO and SVG have in common.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/replay_algorithm.hpp"
#include "mbrl/algorithms/imagined/dhmbpo.hpp"
#include "mbrl/algorithms/registry.hpp"

namespace mbrl {

struct ValueGradientPreset {
  std::string name, help;
  DhmbpoSettings settings;
};

/// `name` must outlive the registry: a literal.
inline void register_value_gradient(AlgorithmRegistry& registry, const char* name, const std::string& summary,
                                    const DhmbpoSettings& settings, const DhmbpoSettings& quick,
                                    const std::vector<ValueGradientPreset>& more = {}) {
  AlgorithmDescription<DhmbpoSettings> d;
  d.name = name;
  d.summary = summary;
  d.details = "  mbrl train " + d.name +
              " --env Pendulum-v1 --preset quick --out runs/pendulum\n  mbrl train " + d.name +
              " --env HalfCheetah-v4 --steps 100000 --eval-every 5000 --out runs/cheetah";
  d.steps_key = "steps";
  d.blank = settings;
  d.defaults = [settings](const EnvSpec&) { return settings; };
  d.presets.push_back({"quick", "small networks and 3,000 steps, for a first look",
                       [quick](const EnvSpec&) { return quick; }});
  for (const ValueGradientPreset& preset : more)
    d.presets.push_back({preset.name, preset.help, [s = preset.settings](const EnvSpec&) { return s; }});
  d.check = [name](const DhmbpoSettings& s, const EnvSpec& spec) { s.validate(name, spec); };
  d.make = [name](const DhmbpoSettings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<ReplayAlgorithm<DhmbpoAgent>>(
        name, s, context,
        [&](const EnvSpec& spec) { return DhmbpoAgent(name, spec, s, context.seed, context.pool); }));
  };
  d.load_actor = [](const DhmbpoSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    return DhmbpoAgent::load_actor(context.make_environment().spec(), s, context.seed, in, prefix);
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
