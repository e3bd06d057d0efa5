// How far critics are from what turned out: the figure that tells an overestimating critic before the return does.
// Chen et al., "Randomized ensembled double Q-learning", ICLR 2021, section 3 ("estimation bias").
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// What each step of an episode, whole and in order, turned out to be worth:
///   G_t = r_t + gamma (bonus_{t+1} + G_{t+1}),
/// and after the last one 0 where the episode terminated, gamma `after` where it was cut off. bonus: one a step,
/// what earns besides rewards (SAC: -alpha log pi(a_t | s_t)); empty: nothing. Throws mbrl::Error for an episode
/// without a step and for other dimensions.
Vecd realised_values(const Transitions& episode, double discount, const Vecf& bonus, double after);

class DiscreteSac;
class Sac;
class Td3;

/// mean_t Q(s_t, a_t) - G_t of the learner's smallest critic, for an episode that its policy acted in. What comes
/// after a time limit is taken from the critic itself, at the policy's mode. Throws mbrl::Error for other dimensions.
double value_bias(const Sac& sac, const Transitions& episode);
double value_bias(const DiscreteSac& sac, const Transitions& episode);
double value_bias(const Td3& td3, const Transitions& episode);

}  // namespace mbrl
