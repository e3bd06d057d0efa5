// What acts, of a squashed Gaussian policy in a checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// Acts by the mode of a policy with this network, whose arrays begin with `prefix`.
inline AnyActor load_mode_actor(const EnvSpec& spec, const nn::NetworkSettings& network, std::uint64_t seed,
                                const StateDict& in, const std::string& prefix) {
  MlpPolicy policy(spec.obs_dim, action_bounds(spec), {.network = network}, seed);
  policy.load(in, prefix);
  return mode_actor(policy);
}

}  // namespace mbrl
