// Columns of a head's arrays in chunks that stay in the first-level cache: padded, aligned, on the stack.
#pragma once

#include <algorithm>
#include <cstddef>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/nn/distributions.hpp"
#include "nn/padding.hpp"

namespace mbrl::nn {

constexpr Index kChunk = 256;  // columns
static_assert(kChunk % kPad == 0);

// How much of a chunk elementary functions run over.
inline std::size_t padded_count(Index count) {
  return static_cast<std::size_t>(padded(static_cast<int>(count)));
}

template <class S>
struct Chunk {
  alignas(AlignedFloats::kAlignment) S values[kChunk];

  S& operator[](Index i) { return values[i]; }
  S operator[](Index i) const { return values[i]; }
  S* data() { return values; }
  Eigen::Map<Vec<S>> column(Index count) { return Eigen::Map<Vec<S>>(values, count); }

  void fill(S value) { std::fill_n(values, kChunk, value); }
  // Columns [first, first + count) of a row; what pads them is 0.
  template <class M>
  void load(const M& from, Index row, Index first, Index count) {
    std::copy_n(from.data() + row * from.outerStride() + first, count, values);
    std::fill(values + count, values + padded_count(count), S(0));
  }
};

// body(first, count) for every chunk of n columns.
template <class Body>
void for_chunks(Index n, Body&& body) {
  for (Index first = 0; first < n; first += kChunk) body(first, std::min(kChunk, n - first));
}

template <class M>
void check_shape(const char* where, const char* what, const M& m, Index rows, Index columns) {
  require_dim(where, what, m.rows(), rows);
  require(m.cols() == columns, where, ": ", what, " has ", m.cols(), " columns, expected ", columns);
}

// What a Gaussian is in some columns of one dimension.
template <class S>
struct Gaussian<S>::Terms {
  Chunk<S> mean, logvar, std, slope;  // slope: of the bounded log-variance by the raw one
};

}  // namespace mbrl::nn
