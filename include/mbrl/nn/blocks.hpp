// A network at more columns than a pass has room for.
#pragma once

#include <algorithm>
#include <utility>

#include "mbrl/core/types.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// Forward passes through all columns of x (in x n), block by block; f(const Pass&, first, count) after each, with the
/// outputs of columns [first, first + count).
template <class F>
void in_blocks(GrowingPass& pass, const Network& network, ConstBatchRef<float> x, F&& f) {
  constexpr Index kBlock = 256;  // columns of a pass
  pass.fit(network, std::min(x.cols(), kBlock));
  for (Index first = 0; first < x.cols(); first += kBlock) {
    const Index count = std::min(kBlock, x.cols() - first);
    pass->set_input(x.middleCols(first, count));
    pass->forward(network, static_cast<int>(count));
    f(*std::as_const(pass), first, count);
  }
}

}  // namespace mbrl::nn
