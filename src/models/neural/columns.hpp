// Some columns of all, in another order.
#pragma once

#include <cstdint>
#include <span>

#include "mbrl/core/types.hpp"

namespace mbrl {

inline void take_columns(const Batchf& from, std::span<const std::uint32_t> columns, Batchf& to) {
  to.resize(from.rows(), static_cast<Index>(columns.size()));
  for (Index j = 0; j < to.cols(); ++j) to.col(j) = from.col(columns[static_cast<std::size_t>(j)]);
}

}  // namespace mbrl
