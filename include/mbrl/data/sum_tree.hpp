// Numbers that change one by one, and which of them a share of their sum falls on, both in log(n) time.
#pragma once

#include <bit>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// A binary tree whose leaves are numbers >= 0 and whose nodes are sums. Memory grows by doubling with the
/// largest index set.
class SumTree {
 public:
  double at(std::size_t i) const { return i < leaves_ ? nodes_[leaves_ + i] : 0.0; }
  double sum() const { return leaves_ > 0 ? nodes_[1] : 0.0; }

  /// Throws mbrl::Error for a value that is not a finite number >= 0.
  void set(std::size_t i, double value) {
    require(value >= 0 && value < std::numeric_limits<double>::infinity(), "SumTree: value ", i, " is ",
            value, ", expected a finite number >= 0");
    if (i >= leaves_) grow(std::bit_ceil(i + 1));
    std::size_t node = leaves_ + i;
    nodes_[node] = value;
    // Sums anew rather than differences: rounding does not pile up.
    for (node /= 2; node >= 1; node /= 2) nodes_[node] = nodes_[2 * node] + nodes_[2 * node + 1];
  }

  /// The i for which [value_0 + ... + value_{i-1}, ... + value_i) holds `at`; never one whose value is 0 unless
  /// all are. `at` in [0, sum()).
  std::size_t find(double at) const {
    std::size_t node = 1;
    while (node < leaves_) {
      const std::size_t left = 2 * node;
      if (at < nodes_[left] || nodes_[left + 1] <= 0) {
        node = left;
      } else {
        at -= nodes_[left];
        node = left + 1;
      }
    }
    return node - leaves_;
  }

 private:
  void grow(std::size_t leaves) {
    std::vector<double> nodes(2 * leaves, 0.0);
    for (std::size_t i = 0; i < leaves_; ++i) nodes[leaves + i] = nodes_[leaves_ + i];
    for (std::size_t node = leaves - 1; node >= 1; --node)
      nodes[node] = nodes[2 * node] + nodes[2 * node + 1];
    nodes_ = std::move(nodes);
    leaves_ = leaves;
  }

  std::size_t leaves_ = 0;     // a power of two
  std::vector<double> nodes_;  // 1: the root; i has children 2 i and 2 i + 1
};

}  // namespace mbrl
