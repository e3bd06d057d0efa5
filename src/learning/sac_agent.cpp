#include "mbrl/learning/sac_agent.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl {

SacAgent::SacAgent(const EnvSpec& spec, const SacSettings& settings, std::int64_t random_steps,
                   std::uint64_t seed, ThreadPool& pool)
    : sac_(spec.obs_dim, action_bounds(spec), settings, seed, pool),
      explorer_(spec, {}, random_steps, seed) {}

void SacAgent::begin_episode() {
  explorer_.begin_episode();
  means_.clear();
}

bool SacAgent::learn(const Transitions& batch) {
  last_ = sac_.update(batch);
  if (!last_.finite()) return false;
  means_.add({last_.critic_loss, last_.value, last_.entropy});
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

AnyActor SacAgent::load_actor(const EnvSpec& spec, const SacSettings& settings, std::uint64_t seed,
                              const StateDict& in, const std::string& prefix) {
  MlpPolicySettings shape;
  shape.network = settings.policy;
  return load_mode_actor(spec, shape, seed, in, prefix + "sac.policy.");
}

std::vector<AgentFigure> SacAgent::figure_columns() {
  return {{.name = "critic_loss", .title = "critics", .decimals = 3},
          {.name = "value", .title = "Q"},
          {.name = "entropy", .title = "entropy", .decimals = 2},
          {.name = "temperature", .title = "temp.", .decimals = 3}};
}

std::vector<double> SacAgent::figures() const {
  std::vector<double> all = means_.values();
  all.push_back(sac_.temperature());
  return all;
}

void SacAgent::save(StateDict& out, const std::string& prefix) const {
  sac_.save(out, prefix + "sac.");
  means_.save(out, prefix + "sac_means");
}

void SacAgent::load(const StateDict& in, const std::string& prefix) {
  sac_.load(in, prefix + "sac.");
  means_.load(in, prefix + "sac_means");
}

}  // namespace mbrl
