#include "mbrl/learning/sac_agent.hpp"

#include <limits>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/policy/policy_actor.hpp"

namespace mbrl {

SacAgent::SacAgent(const EnvSpec& spec, const SacSettings& settings, std::int64_t random_steps,
                   std::uint64_t seed, ThreadPool& pool)
    : spec_(spec),
      random_steps_(random_steps),
      seed_(seed),
      sac_(spec.obs_dim, action_bounds(spec), settings, seed, pool),
      obs_(spec.obs_dim, 1),
      action_(spec.action_dim(), 1),
      memory_(0, 1) {}

Vecd SacAgent::explore(ConstVecRef<double> obs, std::int64_t step, int /*t*/) {
  const auto number = static_cast<std::uint32_t>(step);
  if (step < random_steps_) {
    const RandomStream random(seed_, Stream::kRandomAction);
    return spec_.random_action(
        [&](double low, double high, std::uint32_t i) { return random.uniform(low, high, number, i); });
  }
  obs_.col(0) = obs.cast<float>();
  sac_.policy().act(obs_, memory_, {RandomStream(seed_, Stream::kPolicy).key(), number, {}}, action_,
                    workspace_);
  return action_.col(0).cast<double>();
}

bool SacAgent::learn(const Transitions& batch) {
  last_ = sac_.update(batch);
  if (!last_.finite()) return false;
  critic_loss_ += last_.critic_loss;
  value_ += last_.value;
  entropy_ += last_.entropy;
  count_ += 1;
  return true;
}

std::string SacAgent::trouble() const {
  return detail::concat("update ", sac_.updates(),
                        " of soft actor-critic gave a loss, an entropy or a temperature that is not finite "
                        "(critics' loss ",
                        last_.critic_loss, ", policy's ", last_.policy_loss, ", entropy ", last_.entropy,
                        ", temperature ", last_.temperature,
                        "); a smaller sac.adam.learning_rate, or rewards of order 1, may help");
}

AnyActor SacAgent::actor() const { return AnyActor(PolicyActor<MlpPolicy>(sac_.policy(), ActMode::kMode)); }

AnyActor SacAgent::load_actor(const EnvSpec& spec, const SacSettings& settings, std::uint64_t seed,
                              const StateDict& in, const std::string& prefix) {
  MlpPolicySettings shape;
  shape.network = settings.policy;
  MlpPolicy policy(spec.obs_dim, action_bounds(spec), shape, seed);
  policy.load(in, prefix + "sac.policy.");
  return AnyActor(PolicyActor<MlpPolicy>(policy, ActMode::kMode));
}

void SacAgent::begin_episode() { critic_loss_ = value_ = entropy_ = count_ = 0; }

std::vector<AgentFigure> SacAgent::figure_columns() {
  return {{.name = "critic_loss", .title = "critics", .decimals = 3},
          {.name = "value", .title = "Q"},
          {.name = "entropy", .title = "entropy", .decimals = 2},
          {.name = "temperature", .title = "temp.", .decimals = 3}};
}

std::vector<double> SacAgent::figures() const {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto mean = [&](double sum) { return count_ > 0 ? sum / count_ : none; };
  return {mean(critic_loss_), mean(value_), mean(entropy_), sac_.temperature()};
}

void SacAgent::save(StateDict& out, const std::string& prefix) const {
  sac_.save(out, prefix + "sac.");
  out.put(prefix + "sac_means", std::vector<double>{critic_loss_, value_, entropy_, count_});
}

void SacAgent::load(const StateDict& in, const std::string& prefix) {
  const auto means = in.get<double>(prefix + "sac_means");
  require_dim("checkpoint of soft actor-critic", "'sac_means'", means.size(), 4);
  sac_.load(in, prefix + "sac.");
  critic_loss_ = means[0];
  value_ = means[1];
  entropy_ = means[2];
  count_ = means[3];
}

}  // namespace mbrl
