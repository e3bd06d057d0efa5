#include "mbrl/algorithms/trpo_algorithm.hpp"

#include <memory>
#include <string>
#include <utility>

#include "algorithms/load_mode_actor.hpp"
#include "algorithms/on_policy_run.hpp"

namespace mbrl {

void TrpoConfiguration::validate(const EnvSpec& spec) const {
  OnPolicySettings::validate("trpo", spec);
  trpo.validate();
}

namespace {

TrpoConfiguration quick_trpo(const EnvSpec&) {
  TrpoConfiguration c;
  c.steps = 100'000;
  c.environments = 4;
  c.horizon = 256;
  c.trpo.discount = 0.95;
  return c;
}

}  // namespace

void register_trpo(AlgorithmRegistry& registry) {
  AlgorithmDescription<TrpoConfiguration> trpo;
  trpo.name = "trpo";
  trpo.summary =
      "TRPO (Schulman et al. 2015): natural gradient steps within a bound on how far the policy moves.";
  trpo.details =
      "  mbrl train trpo --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train trpo --env InvertedPendulum-v4 --steps 200000 --out runs/pole";
  trpo.steps_key = "steps";
  trpo.presets.push_back({"quick", "100,000 steps that look less far ahead, for a first look", quick_trpo});
  trpo.check = [](const TrpoConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  trpo.make = [](const TrpoConfiguration& c, const AlgorithmContext& context) {
    const EnvSpec spec = context.make_environment().spec();
    Trpo learner(spec.obs_dim, action_bounds(spec), c.trpo, context.seed, context.pool);
    return AnyAlgorithm(std::make_unique<OnPolicyRun<Trpo>>("trpo", c, context, std::move(learner)));
  };
  trpo.load_actor = [](const TrpoConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                       const std::string& prefix) {
    return load_mode_actor(context.make_environment().spec(), c.trpo.policy, context.seed, in,
                           prefix + "acting.");
  };
  registry.add(std::move(trpo));
}

}  // namespace mbrl
