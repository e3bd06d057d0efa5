// How far critics are from what turned out: the figure that tells an overestimating critic before the return does.
// Chen et al., "Randomized ensembled double Q-learning", ICLR 2021, section 3 ("estimation bias").
#pragma once

#include <type_traits>

#include "mbrl/core/types.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// What each step of an episode, whole and in order, turned out to be worth:
///   G_t = r_t + gamma (bonus_{t+1} + G_{t+1}),
/// and after the last one 0 where the episode terminated, gamma `after` where it was cut off. bonus: one a step,
/// what earns besides rewards (SAC: -alpha log pi(a_t | s_t)); empty: nothing. Throws mbrl::Error for an episode
/// without a step and for other dimensions.
Vecd realised_values(const Transitions& episode, double discount, const Vecf& bonus, double after);

/// mean_t Q(s_t, a_t) - G_t of anything that has policy() and values(obs, action, out), for an episode, whole and in order,
/// that the policy acted in. What comes after a time limit is taken from the values themselves, at the policy's mode.
template <class Critic>
double value_bias(const Critic& critic, double discount, const Vecf& bonus, const Transitions& episode) {
  Vecf q(episode.obs.cols()), after = Vecf::Zero(1);
  critic.values(episode.obs, episode.action, q);
  if (episode.terminated.back() == 0) {
    const auto& policy = critic.policy();
    typename std::remove_cvref_t<decltype(policy)>::Workspace workspace;
    Batchf action(policy.action_dim(), 1), memory(0, 1);
    const Batchf last = episode.next_obs.rightCols(1);
    policy.mode(last, memory, action, workspace);
    critic.values(last, action, after);
  }
  const Vecd worth = realised_values(episode, discount, bonus, static_cast<double>(after(0)));
  return q.cast<double>().mean() - worth.mean();
}

/// -alpha (log pi(a_t | s_t) + shift) of each step: what a step earns by its entropy, with densities of actions scaled to
/// [-1, 1] where `shift` is what those of actions have to be raised by.
Vecf entropy_bonus(const MlpPolicy& policy, double alpha, float shift, const Transitions& episode);

class DiscreteSac;
class Sac;
class Td3;

/// The same of the learner's smallest critic. Throws mbrl::Error for other dimensions.
double value_bias(const Sac& sac, const Transitions& episode);
double value_bias(const DiscreteSac& sac, const Transitions& episode);
double value_bias(const Td3& td3, const Transitions& episode);

}  // namespace mbrl
