#include "mbrl/learning/td3_agent.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl {

Td3Agent::Td3Agent(const EnvSpec& spec, const Td3Settings& settings, const ActorNoiseSettings& exploration,
                   std::int64_t random_steps, std::uint64_t seed, ThreadPool& pool)
    : td3_(spec.obs_dim, action_bounds(spec), settings, seed, pool),
      explorer_(spec, exploration, random_steps, seed) {}

void Td3Agent::begin_episode(int lane) {
  explorer_.begin_episode(lane);
  means_.clear();
}

bool Td3Agent::learned(const Td3Report& report, const Transitions& batch) {
  last_ = report;
  bound_.see(batch, 0);
  if (!last_.finite() || !bound_.trouble(last_.value, discount()).empty()) return false;
  means_.add({last_.critic_loss, last_.value, last_.policy_loss});
  return true;
}

std::string Td3Agent::trouble() const {
  if (const std::string beyond = bound_.trouble(last_.value, discount()); !beyond.empty())
    return detail::concat("update ", td3_.updates(), ": ", beyond,
                          "; a smaller td3.critic_adam.learning_rate, fewer updates per step or "
                          "td3.critic.layer_norm=true may help");
  return detail::concat("update ", td3_.updates(), " gave a loss that is not finite (critics' ",
                        last_.critic_loss, ", policy's ", last_.policy_loss,
                        "); a smaller td3.critic_adam.learning_rate, or rewards of order 1, may help");
}

MlpPolicy Td3Agent::load_policy(const EnvSpec& spec, const Td3Settings& settings, std::uint64_t seed,
                                const StateDict& in, const std::string& prefix) {
  MlpPolicy policy = Td3::new_policy(spec.obs_dim, action_bounds(spec), settings, seed);
  policy.load(in, prefix + "td3.policy.");
  return policy;
}

AnyActor Td3Agent::load_actor(const EnvSpec& spec, const Td3Settings& settings, std::uint64_t seed,
                              const StateDict& in, const std::string& prefix) {
  return mode_actor(load_policy(spec, settings, seed, in, prefix));
}

std::vector<AgentFigure> Td3Agent::figure_columns() {
  return {{.name = "critic_loss", .title = "critics", .decimals = 3},
          {.name = "value", .title = "Q"},
          {.name = "policy_loss", .title = "policy", .decimals = 2}};
}

void Td3Agent::save(StateDict& out, const std::string& prefix) const {
  td3_.save(out, prefix + "td3.");
  explorer_.save(out, prefix);
  means_.save(out, prefix + "td3_means");
  bound_.save(out, prefix + "td3_bound");
}

void Td3Agent::load(const StateDict& in, const std::string& prefix) {
  td3_.load(in, prefix + "td3.");
  explorer_.load(in, prefix);
  means_.load(in, prefix + "td3_means");
  bound_.load(in, prefix + "td3_bound");
}

}  // namespace mbrl
