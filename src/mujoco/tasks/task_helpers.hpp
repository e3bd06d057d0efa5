// What the tasks' sources share: a specification in one call, noise on start states, clipping.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "mbrl/core/random.hpp"
#include "mbrl/env/environment.hpp"

namespace mbrl::mujoco {

// Observations as they are, changes predicted, no reward and no termination for planners.
inline EnvSpec make_spec(std::string name, std::string source, int obs_dim, int actions, double high,
                         int max_steps, double dt) {
  EnvSpec spec;
  spec.name = std::move(name);
  spec.source = std::move(source);
  spec.obs_dim = obs_dim;
  spec.action_low = Vecd::Constant(actions, -high);
  spec.action_high = Vecd::Constant(actions, high);
  spec.max_steps = max_steps;
  spec.dt = dt;
  spec.encoding = ObsEncoding::identity(obs_dim);
  return spec;
}

// Draws of one start state; positions and velocities take them from different blocks.
inline constexpr std::uint32_t kPositions = 0, kVelocities = 1, kPlaces = 2;

inline void add_uniform(const RandomStream& random, double half_width, std::uint32_t block,
                        Eigen::Ref<Vecd> out) {
  for (Index i = 0; i < out.size(); ++i)
    out(i) += random.uniform(-half_width, half_width, static_cast<std::uint32_t>(i), block);
}

inline void add_normal(const RandomStream& random, double sd, std::uint32_t block, Eigen::Ref<Vecd> out) {
  for (Index i = 0; i < out.size(); ++i) out(i) += sd * random.normal(static_cast<std::uint32_t>(i), block);
}

inline void copy_clipped(const double* in, int count, double bound, double* out) {
  std::transform(in, in + count, out, [bound](double x) { return std::clamp(x, -bound, bound); });
}

}  // namespace mbrl::mujoco
