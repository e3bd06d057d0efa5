// What a learned critic says of a state, as the value at the end of a planner's horizon: short plans then know what
// comes after them. Lowrey et al., "Plan online, learn offline", ICLR 2019; Sikchi, Zhou, Held, "Learning off-policy
// with online planning", CoRL 2021.
#pragma once

#include <type_traits>

#include "mbrl/core/types.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// V(s) = min_i Q_i(s, pi(s)), with the mode of the learner's policy: for set_terminal_value of a rollout whose
/// discount is the learner's. The learner (Sac, DiscreteSac, Td3, DhmbpoAgent) must outlive it and must not learn while it is asked; any number
/// of threads may ask.
template <class Learner>
TerminalValueFunction<float> critic_value(const Learner& learner) {
  return [&learner](ConstBatchRef<float> obs, int /*t*/, VecRef<float> out) {
    const auto& policy = learner.policy();
    typename std::remove_cvref_t<decltype(policy)>::Workspace workspace;
    Batchf action(policy.action_dim(), obs.cols()), memory(0, obs.cols());
    policy.mode(obs, memory, action, workspace);
    learner.values(obs, action, out);
  };
}

}  // namespace mbrl
