// Matrices of random numbers for tests.
#pragma once

#include <cstdint>

#include "mbrl/core/random.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl::testing {

// Entries N(0, 1), functions of the stream, of which matrix it is (`ids`) and of where they lie.
template <class Matrix, class... Ids>
Matrix normals(const RandomStream& random, Index rows, Index cols, Ids... ids) {
  std::uint32_t i = 0;
  return Matrix::NullaryExpr(
      rows, cols, [&] { return static_cast<typename Matrix::Scalar>(random.normal(ids..., i++)); });
}

}  // namespace mbrl::testing
