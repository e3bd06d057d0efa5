// Between panels of weights and plain matrices.
#pragma once

#include <algorithm>
#include <cstddef>

#include "mbrl/nn/network.hpp"
#include "nn/padding.hpp"

namespace mbrl::nn {

// Calls f(offset in the block, offset in the plain out x in, length) for all stretches that lie alike in both.
template <class F>
void for_each_run(const Network::Layer& layer, F&& f) {
  for (int first = 0; first < layer.out; first += kPad)
    for (int i = 0; i < layer.in; ++i)
      f(layer.weight + static_cast<std::size_t>(first * layer.in + i * kPad),
        static_cast<std::size_t>(i * layer.out + first), std::min(kPad, layer.out - first));
}

}  // namespace mbrl::nn
