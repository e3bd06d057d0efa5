#include "mbrl/learning/sac_agent.hpp"

#include <cmath>

#include "mbrl/core/error.hpp"

namespace mbrl {

template <class Learner>
BasicSacAgent<Learner>::BasicSacAgent(const EnvSpec& spec, const SacSettings& settings,
                                      std::int64_t random_steps, std::uint64_t seed, ThreadPool& pool)
    : sac_(spec.obs_dim, action_bounds(spec), settings, seed, pool),
      explorer_(spec, {}, random_steps, seed) {}

template <class Learner>
void BasicSacAgent<Learner>::begin_episode(int lane) {
  explorer_.begin_episode(lane);
  means_.clear();
}

template <class Learner>
bool BasicSacAgent<Learner>::learn(const Transitions& batch) {
  last_ = sac_.update(batch);
  if (!last_.finite()) return false;
  bound_.see(batch, last_.temperature * std::abs(last_.entropy));
  if (!bound_.trouble(last_.value, discount()).empty()) return false;
  means_.add({last_.critic_loss, last_.value, last_.entropy});
  return true;
}

template <class Learner>
std::string BasicSacAgent<Learner>::trouble() const {
  if (const std::string beyond = bound_.trouble(last_.value, discount()); !beyond.empty())
    return detail::concat("update ", sac_.updates(), ": ", beyond,
                          "; a smaller sac.adam.learning_rate, fewer updates per step or "
                          "sac.critic.layer_norm=true may help");
  return detail::concat("update ", sac_.updates(),
                        " of soft actor-critic gave a loss, an entropy or a temperature that is not finite "
                        "(critics' loss ",
                        last_.critic_loss, ", policy's ", last_.policy_loss, ", entropy ", last_.entropy,
                        ", temperature ", last_.temperature,
                        "); a smaller sac.adam.learning_rate, or rewards of order 1, may help");
}

template <class Learner>
typename BasicSacAgent<Learner>::Policy BasicSacAgent<Learner>::load_policy(const EnvSpec& spec,
                                                                            const SacSettings& settings,
                                                                            std::uint64_t seed,
                                                                            const StateDict& in,
                                                                            const std::string& prefix) {
  Policy policy = Learner::new_policy(spec.obs_dim, action_bounds(spec), settings, seed);
  policy.load(in, prefix + "sac.policy.");
  return policy;
}

template <class Learner>
AnyActor BasicSacAgent<Learner>::load_actor(const EnvSpec& spec, const SacSettings& settings,
                                            std::uint64_t seed, const StateDict& in,
                                            const std::string& prefix) {
  return mode_actor(load_policy(spec, settings, seed, in, prefix));
}

template <class Learner>
std::vector<AgentFigure> BasicSacAgent<Learner>::figure_columns() {
  return {{.name = "critic_loss", .title = "critics", .decimals = 3},
          {.name = "value", .title = "Q"},
          {.name = "entropy", .title = "entropy", .decimals = 2},
          {.name = "temperature", .title = "temp.", .decimals = 3}};
}

template <class Learner>
std::vector<double> BasicSacAgent<Learner>::figures() const {
  std::vector<double> all = means_.values();
  all.push_back(sac_.temperature());
  return all;
}

template <class Learner>
void BasicSacAgent<Learner>::save(StateDict& out, const std::string& prefix) const {
  sac_.save(out, prefix + "sac.");
  means_.save(out, prefix + "sac_means");
  bound_.save(out, prefix + "sac_bound");
}

template <class Learner>
void BasicSacAgent<Learner>::load(const StateDict& in, const std::string& prefix) {
  sac_.load(in, prefix + "sac.");
  means_.load(in, prefix + "sac_means");
  bound_.load(in, prefix + "sac_bound");
}

template class BasicSacAgent<Sac>;
template class BasicSacAgent<DiscreteSac>;

}  // namespace mbrl
