#include "mbrl/algorithms/model_free/td3_algorithm.hpp"

#include <memory>
#include <string>
#include <utility>

#include "algorithms/model_free/td3_description.hpp"
#include "algorithms/replay_algorithm.hpp"
#include "mbrl/learning/normalised_agent.hpp"
#include "mbrl/learning/td3_agent.hpp"

namespace mbrl {

void Td3Configuration::validate(const char* who, const EnvSpec& spec) const {
  ReplaySettings::validate(who, spec);
  require_real_actions(who, spec);
  td3.validate();
  exploration.validate();
}

namespace {

Td3Configuration ddpg() {
  Td3Configuration c;
  c.td3 = ddpg_settings();
  return c;
}

Td3Configuration quick(Td3Configuration c) {
  c.steps = 10'000;
  c.batch_size = 128;
  c.td3.policy.hidden = c.td3.critic.hidden = {64, 64};
  c.td3.policy_adam.learning_rate = c.td3.critic_adam.learning_rate = 1e-3;
  return c;
}

template <class Agent>
AnyAlgorithm make(const std::string& name, const Td3Configuration& c, const AlgorithmContext& context) {
  return AnyAlgorithm(std::make_unique<ReplayAlgorithm<Agent>>(name, c, context, [&](const EnvSpec& spec) {
    return Agent(spec, c.td3, c.exploration, c.random_steps, context.seed, context.pool);
  }));
}

void add(AlgorithmRegistry& registry, const std::string& name, const std::string& summary,
         const Td3Configuration& settings) {
  auto d = td3_description(name, settings, quick(settings), "10,000");
  d.summary = summary;
  d.check = [name](const Td3Configuration& c, const EnvSpec& spec) { c.validate(name.c_str(), spec); };
  d.make = [name](const Td3Configuration& c, const AlgorithmContext& context) {
    return c.normalise_obs ? make<NormalisedAgent<Td3Agent>>(name, c, context)
                           : make<Td3Agent>(name, c, context);
  };
  d.load_actor = [plain = d.load_actor](const Td3Configuration& c, const AlgorithmContext& context,
                                        const StateDict& in, const std::string& prefix) {
    if (!c.normalise_obs) return plain(c, context, in, prefix);
    return NormalisedAgent<Td3Agent>::load_actor(context.make_environment().spec(), c.td3, context.seed, in,
                                                 prefix);
  };
  registry.add(std::move(d));
}

}  // namespace

void register_td3(AlgorithmRegistry& registry) {
  add(registry, "td3",
      "TD3 (Fujimoto et al. 2018): a deterministic policy from replayed transitions, twin critics.", {});
  add(registry, "ddpg",
      "DDPG (Lillicrap et al. 2016): TD3 with one critic, no delay and no noise on the target.", ddpg());
}

}  // namespace mbrl
