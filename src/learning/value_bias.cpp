#include "mbrl/learning/value_bias.hpp"

#include <cmath>
#include <type_traits>

#include "mbrl/core/error.hpp"
#include "mbrl/learning/discrete_sac.hpp"
#include "mbrl/learning/sac.hpp"
#include "mbrl/learning/td3.hpp"

namespace mbrl {
namespace {

template <class Learner>
double bias(const Learner& learner, const Transitions& episode, const Vecf& bonus) {
  const Index n = episode.obs.cols();
  Vecf q(n), after = Vecf::Zero(1);
  learner.values(episode.obs, episode.action, q);
  if (episode.terminated.back() == 0) {
    const auto& policy = learner.policy();
    typename std::remove_cvref_t<decltype(policy)>::Workspace workspace;
    Batchf action(policy.action_dim(), 1), memory(0, 1);
    const Batchf last = episode.next_obs.rightCols(1);
    policy.mode(last, memory, action, workspace);
    learner.values(last, action, after);
  }
  const Vecd worth =
      realised_values(episode, learner.settings().discount, bonus, static_cast<double>(after(0)));
  return q.cast<double>().mean() - worth.mean();
}

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

double value_bias(const Sac& sac, const Transitions& episode) {
  Vecf bonus = log_probabilities(sac.policy(), episode);
  bonus = -static_cast<float>(sac.temperature()) * (bonus.array() + sac.log_half());
  return bias(sac, episode, bonus);
}

double value_bias(const DiscreteSac& sac, const Transitions& episode) {
  return bias(sac, episode,
              -static_cast<float>(sac.temperature()) * log_probabilities(sac.policy(), episode));
}

double value_bias(const Td3& td3, const Transitions& episode) {
  check_batch("value_bias", episode, td3.policy().obs_dim(), td3.policy().action_dim());
  return bias(td3, episode, {});
}

}  // namespace mbrl
