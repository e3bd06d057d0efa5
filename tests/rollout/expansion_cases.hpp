// Models that are written down rather than learned, and what a policy is worth in them: what expanded targets are
// compared with.
#pragma once

#include <cstdint>

#include "mbrl/learning/td3.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl::testing {

// s' = (1 + slope) s + gain a + step, exactly, by every member.
inline MlpEnsemble linear_model(int members, float slope, float gain, float step) {
  MlpEnsemble model = MlpEnsemble::create({.members = members, .hidden = {}, .gaussian = false},
                                          ObsEncoding::identity(1), 1, 1);
  for (auto& layers : model.members) {
    layers[0].weight = {slope, gain};
    layers[0].bias = {step};
  }
  return model;
}

// r = -(s^2 + 0.1 a^2), as linear_quadratic has it (learning/replay_batches.hpp).
inline RewardFunction<float> quadratic_reward() {
  return [](ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float>, int,
            VecRef<float> out) {
    out = -(obs.row(0).array().square() + 0.1f * action.row(0).array().square()).matrix().transpose();
  };
}

// As it is made, with one critic as DDPG has it.
inline Td3 random_td3(ThreadPool& pool, int critics = 1) {
  Td3Settings settings = ddpg_settings();
  settings.critics = critics;
  settings.policy.hidden = settings.critic.hidden = {16};
  return {1, ActionBounds::uniform(1, -3, 3), settings, 4, pool};
}

inline double action_of(const MlpPolicy& policy, double obs) {
  Batchf action(1, 1), memory(0, 1);
  MlpPolicy::Workspace workspace;
  policy.mode(Batchf::Constant(1, 1, static_cast<float>(obs)), memory, action, workspace);
  return static_cast<double>(action(0, 0));
}

// The value of a target critic at the target policy's action.
inline double target_value(const Td3& td3, int critic, double obs) {
  const MlpPolicy& policy = td3.policy_target();
  Batchf input(2, 1), q(1, 1);
  input << static_cast<float>(obs),
      (static_cast<float>(action_of(policy, obs)) - policy.mid()[0]) / policy.half()[0];
  td3.critic_target(critic).evaluate(input, q);
  return static_cast<double>(q(0, 0));
}

}  // namespace mbrl::testing
