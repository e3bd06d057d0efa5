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
  const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out);
  for (std::size_t first = 0; first < out; first += kPad)
    for (std::size_t i = 0; i < in; ++i)
      f(layer.weight + first * in + i * kPad, i * out + first,
        static_cast<int>(std::min<std::size_t>(kPad, out - first)));
}

}  // namespace mbrl::nn
