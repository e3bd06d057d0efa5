// The policies that on-policy learners begin with.
#pragma once

#include <concepts>
#include <cstdint>

#include "mbrl/nn/network.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// A policy of kind P with a network of these settings.
template <class P>
P policy_of(int obs_dim, const ActionBounds& bounds, const nn::NetworkSettings& network, std::uint64_t seed) {
  if constexpr (std::same_as<P, CategoricalPolicy>)
    return P(obs_dim, bounds, network, seed);
  else
    return P(obs_dim, bounds, {.network = network}, seed);
}

}  // namespace mbrl
