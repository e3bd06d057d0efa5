// From the root to a leaf: where a forest spends its time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "mbrl/core/types.hpp"
#include "mbrl/models/forest/forest_model.hpp"

namespace mbrl::forest {

// use(column, leaf) for every column of features (input_dim x n). Columns go down the tree eight abreast:
// each waits for memory at every node, and which way it goes is a coin's toss to a processor, so ways are
// taken by arithmetic. A column that has arrived stays where it is until all have.
template <class Use>
void for_each_leaf(const RegressionTree& tree, const Batchf& features, Use&& use) {
  constexpr Index kAbreast = 8;
  const RegressionTree::Node* nodes = tree.nodes.data();
  for (Index first = 0; first < features.cols(); first += kAbreast) {
    const Index count = std::min(kAbreast, features.cols() - first);
    std::array<const float*, kAbreast> column;
    std::array<std::int32_t, kAbreast> at{};
    for (Index k = 0; k < kAbreast; ++k)  // the last column stands in for those that are not there
      column[static_cast<std::size_t>(k)] = &features(0, first + std::min(k, count - 1));
    for (bool moving = true; moving;) {
      moving = false;
      for (std::size_t k = 0; k < kAbreast; ++k) {
        const RegressionTree::Node node = nodes[at[k]];
        const bool inner = node.feature >= 0;
        const float value = column[k][inner ? node.feature : 0];
        const std::int32_t child = node.left + static_cast<std::int32_t>(value > node.threshold);
        at[k] = inner ? child : at[k];
        moving |= inner;
      }
    }
    for (Index k = 0; k < count; ++k) use(first + k, nodes[at[static_cast<std::size_t>(k)]].left);
  }
}

}  // namespace mbrl::forest
