// Shared by the MuJoCo tests.
#pragma once

#include <string>

#include "mbrl/core/random.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/environments.hpp"

namespace mbrl {

inline const EnvRegistry& all_environments() {
  static const EnvRegistry registry = [] {
    EnvRegistry r;
    register_analytic_environments(r);
    mujoco::register_environments(r);
    return r;
  }();
  return registry;
}

// Uniform within the bounds; depends on (seed, t) alone.
inline Vecd random_action(const EnvSpec& spec, std::uint64_t seed, int t) {
  const RandomStream random(seed, Stream::kUser);
  Vecd action(spec.action_dim());
  for (Index i = 0; i < action.size(); ++i)
    action(i) = random.uniform(spec.action_low(i), spec.action_high(i), static_cast<std::uint32_t>(t),
                               static_cast<std::uint32_t>(i));
  return action;
}

}  // namespace mbrl
