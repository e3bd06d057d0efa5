#include "mbrl/learning/td3_agent.hpp"

#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/policy/policy_actor.hpp"

namespace mbrl {

Td3Agent::Td3Agent(const EnvSpec& spec, const Td3Settings& settings, const ExplorationSettings& exploration,
                   std::int64_t random_steps, std::uint64_t seed, ThreadPool& pool)
    : spec_(spec),
      random_steps_(random_steps),
      seed_(seed),
      td3_(spec.obs_dim, action_bounds(spec), settings, seed, pool),
      noise_(action_bounds(spec), exploration, seed),
      obs_(spec.obs_dim, 1),
      action_(spec.action_dim(), 1),
      memory_(0, 1) {}

void Td3Agent::begin_episode() {
  noise_.next_episode();
  critic_loss_ = value_ = policy_loss_ = count_ = 0;
}

Vecd Td3Agent::explore(ConstVecRef<double> obs, std::int64_t step, int t) {
  if (step < random_steps_) {
    const RandomStream random(seed_, Stream::kRandomAction);
    return spec_.random_action([&](double low, double high, std::uint32_t i) {
      return random.uniform(low, high, static_cast<std::uint32_t>(step), i);
    });
  }
  obs_.col(0) = obs.cast<float>();
  td3_.policy().act(obs_, memory_, {}, action_, workspace_);
  noise_.disturb(t, action_.col(0));
  return action_.col(0).cast<double>();
}

bool Td3Agent::learn(const Transitions& batch) {
  last_ = td3_.update(batch);
  if (!last_.finite()) return false;
  critic_loss_ += last_.critic_loss;
  value_ += last_.value;
  policy_loss_ += last_.policy_loss;
  count_ += 1;
  return true;
}

std::string Td3Agent::trouble() const {
  return detail::concat("update ", td3_.updates(), " gave a loss that is not finite (critics' ",
                        last_.critic_loss, ", policy's ", last_.policy_loss,
                        "); a smaller td3.critic_adam.learning_rate, or rewards of order 1, may help");
}

AnyActor Td3Agent::actor() const { return AnyActor(PolicyActor<MlpPolicy>(td3_.policy(), ActMode::kMode)); }

AnyActor Td3Agent::load_actor(const EnvSpec& spec, const Td3Settings& settings, std::uint64_t seed,
                              const StateDict& in, const std::string& prefix) {
  MlpPolicy policy(spec.obs_dim, action_bounds(spec),
                   MlpPolicySettings{.network = settings.policy, .output = PolicyOutput::kTanh}, seed);
  policy.load(in, prefix + "td3.policy.");
  return AnyActor(PolicyActor<MlpPolicy>(policy, ActMode::kMode));
}

std::vector<AgentFigure> Td3Agent::figure_columns() {
  return {{.name = "critic_loss", .title = "critics", .decimals = 3},
          {.name = "value", .title = "Q"},
          {.name = "policy_loss", .title = "policy", .decimals = 2}};
}

std::vector<double> Td3Agent::figures() const {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto mean = [&](double sum) { return count_ > 0 ? sum / count_ : none; };
  return {mean(critic_loss_), mean(value_), mean(policy_loss_)};
}

void Td3Agent::save(StateDict& out, const std::string& prefix) const {
  td3_.save(out, prefix + "td3.");
  noise_.save(out, prefix + "noise.");
  out.put(prefix + "td3_means", std::vector<double>{critic_loss_, value_, policy_loss_, count_});
}

void Td3Agent::load(const StateDict& in, const std::string& prefix) {
  const auto means = in.get<double>(prefix + "td3_means");
  require_dim("checkpoint of td3", "'td3_means'", means.size(), 4);
  td3_.load(in, prefix + "td3.");
  noise_.load(in, prefix + "noise.");
  critic_loss_ = means[0];
  value_ = means[1];
  policy_loss_ = means[2];
  count_ = means[3];
}

}  // namespace mbrl
