// A policy that has learned from normalised observations, for observations as they are.
#pragma once

#include <utility>

#include "mbrl/core/types.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

/// The policy that takes observations as they are, of one that takes them normalised: the first layer does it. Its
/// network must be without batch_norm.
template <class Policy>
Policy unnormalised(Policy policy, const Normalizer& statistics) {
  nn::Network::Plain first = policy.network().layer(0);
  const Vecf scale = statistics.scale().template cast<float>(),
             mean = statistics.mean().template cast<float>();
  first.weight = (first.weight * scale.cwiseInverse().asDiagonal()).eval();
  first.bias -= first.weight * mean;
  policy.network().set_layer(0, first);
  return policy;
}

}  // namespace mbrl
