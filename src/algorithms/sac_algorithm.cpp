#include "mbrl/algorithms/sac_algorithm.hpp"

#include <memory>
#include <string>
#include <utility>

#include "algorithms/replay_algorithm.hpp"
#include "mbrl/learning/sac_agent.hpp"

namespace mbrl {

void SacConfiguration::validate(const EnvSpec& spec) const {
  ReplaySettings::validate("sac", spec);
  sac.validate();
}

namespace {

SacConfiguration quick_sac(const EnvSpec&) {
  SacConfiguration c;
  c.steps = 10'000;
  c.batch_size = 128;
  c.sac.policy.hidden = c.sac.critic.hidden = {64, 64};
  c.sac.adam.learning_rate = 1e-3;
  return c;
}

// The authors' settings for 20 updates a step.
SacConfiguration many_updates() {
  SacConfiguration c;
  c.random_steps = 5000;
  c.updates_per_step = c.sac.policy_delay = 20;
  return c;
}

SacConfiguration redq(const EnvSpec&) {
  SacConfiguration c = many_updates();
  c.sac.critics = 10;
  c.sac.objective = PolicyObjective::kMean;
  return c;
}

SacConfiguration droq(const EnvSpec&) {
  SacConfiguration c = many_updates();
  c.sac.critic.layer_norm = true;
  c.sac.critic.dropout = 0.01;
  c.sac.objective = PolicyObjective::kMean;
  return c;
}

}  // namespace

void register_sac(AlgorithmRegistry& registry) {
  AlgorithmDescription<SacConfiguration> sac;
  sac.name = "sac";
  sac.summary =
      "Soft actor-critic (Haarnoja et al. 2018): a stochastic policy from replayed transitions, without a "
      "model.";
  sac.details =
      "  mbrl train sac --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train sac --env HalfCheetah-v5 --steps 100000 --eval-every 10000 --out runs/cheetah";
  sac.steps_key = "steps";
  sac.presets.push_back({"quick", "small networks and 10,000 steps, for a first look", quick_sac});
  sac.presets.push_back({"redq", "REDQ (Chen et al. 2021): ten critics, 20 updates a step", redq});
  sac.presets.push_back(
      {"droq", "DroQ (Hiraoka et al. 2022): two critics with dropout, 20 updates a step", droq});
  sac.check = [](const SacConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  sac.make = [](const SacConfiguration& c, const AlgorithmContext& context) {
    return AnyAlgorithm(
        std::make_unique<ReplayAlgorithm<SacAgent>>("sac", c, context, [&](const EnvSpec& spec) {
          return SacAgent(spec, c.sac, c.random_steps, context.seed, context.pool);
        }));
  };
  sac.load_actor = [](const SacConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                      const std::string& prefix) {
    return SacAgent::load_actor(context.make_environment().spec(), c.sac, context.seed, in, prefix);
  };
  registry.add(std::move(sac));
}

}  // namespace mbrl
