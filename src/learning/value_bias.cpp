#include "mbrl/learning/value_bias.hpp"

#include "mbrl/core/error.hpp"
#include "mbrl/learning/discrete_sac.hpp"
#include "mbrl/learning/sac.hpp"
#include "mbrl/learning/td3.hpp"

namespace mbrl {
namespace {

// log pi(a_t | s_t).
template <class P>
Vecf log_probabilities(const P& policy, const Transitions& episode) {
  check_batch("value_bias", episode, policy.obs_dim(), policy.action_dim());
  typename P::Workspace workspace;
  Batchf memory(0, episode.obs.cols());
  Vecf out(episode.obs.cols());
  policy.log_probability(episode.obs, memory, episode.action, out, workspace);
  return out;
}

}  // namespace

Vecd realised_values(const Transitions& episode, double discount, const Vecf& bonus, double after) {
  const Index n = episode.reward.size();
  require(n >= 1, "realised_values: the episode has no step");
  require_dim("realised_values", "terminated", static_cast<Index>(episode.terminated.size()), n);
  if (bonus.size() > 0) require_dim("realised_values", "bonus", bonus.size(), n);
  Vecd worth(n);
  double next = episode.terminated.back() != 0 ? 0.0 : after;
  for (Index t = n - 1; t >= 0; --t) {
    worth(t) = static_cast<double>(episode.reward(t)) + discount * next;
    next = worth(t) + (bonus.size() > 0 ? static_cast<double>(bonus(t)) : 0.0);
  }
  return worth;
}

Vecf entropy_bonus(const MlpPolicy& policy, double alpha, float shift, const Transitions& episode) {
  return -static_cast<float>(alpha) * (log_probabilities(policy, episode).array() + shift);
}

double value_bias(const Sac& sac, const Transitions& episode) {
  const Vecf bonus = entropy_bonus(sac.policy(), sac.temperature(), sac.log_half(), episode);
  return value_bias(sac, sac.settings().discount, bonus, episode);
}

double value_bias(const DiscreteSac& sac, const Transitions& episode) {
  const Vecf bonus = -static_cast<float>(sac.temperature()) * log_probabilities(sac.policy(), episode);
  return value_bias(sac, sac.settings().discount, bonus, episode);
}

double value_bias(const Td3& td3, const Transitions& episode) {
  check_batch("value_bias", episode, td3.policy().obs_dim(), td3.policy().action_dim());
  return value_bias(td3, td3.settings().discount, {}, episode);
}

}  // namespace mbrl
