// What has learned from normalised observations, for observations as they are.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

/// The first layer does what was done to the inputs: W (x - mean) / scale + b = W' x + b'. The network must be without
/// batch_norm.
inline void take_raw_inputs(nn::Network& network, const Vecf& mean, const Vecf& scale) {
  nn::Network::Plain first = network.layer(0);
  first.weight = (first.weight * scale.cwiseInverse().asDiagonal()).eval();
  first.bias -= first.weight * mean;
  network.set_layer(0, first);
}

/// The other way: what took inputs as they are takes (x - mean) / scale.
inline void take_normalised_inputs(nn::Network& network, const Vecf& mean, const Vecf& scale) {
  nn::Network::Plain first = network.layer(0);
  first.bias += first.weight * mean;
  first.weight = (first.weight * scale.asDiagonal()).eval();
  network.set_layer(0, first);
}

/// The policy that takes observations as they are, of one that takes (obs - mean) / scale.
template <class Policy>
Policy unnormalised(Policy policy, const Vecf& mean, const Vecf& scale) {
  take_raw_inputs(policy.network(), mean, scale);
  return policy;
}

template <class Policy>
Policy unnormalised(Policy policy, const Normalizer& statistics) {
  take_raw_inputs(policy.network(), statistics.mean().cast<float>(), statistics.scale().cast<float>());
  return policy;
}

}  // namespace mbrl
