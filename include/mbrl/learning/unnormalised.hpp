// A policy that has learned from normalised observations, for observations as they are.
#pragma once

#include <utility>

#include "mbrl/core/types.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

/// The policy that takes observations as they are, of one that takes (obs - mean) / scale: the first layer does it. Its
/// network must be without batch_norm.
template <class Policy>
Policy unnormalised(Policy policy, const Vecf& mean, const Vecf& scale) {
  nn::Network::Plain first = policy.network().layer(0);
  first.weight = (first.weight * scale.cwiseInverse().asDiagonal()).eval();
  first.bias -= first.weight * mean;
  policy.network().set_layer(0, first);
  return policy;
}

template <class Policy>
Policy unnormalised(Policy policy, const Normalizer& statistics) {
  const Vecf mean = statistics.mean().template cast<float>(),
             scale = statistics.scale().template cast<float>();
  return unnormalised(std::move(policy), mean, scale);
}

}  // namespace mbrl
