// Arrays of a pass as matrices: one row a number, one column a sample, rows contiguous.
#pragma once

#include "mbrl/core/types.hpp"

namespace mbrl::nn {

template <class S>
using RowBatch = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// What functions take: any matrix of contiguous rows, without a copy.
template <class S>
using Rows = Eigen::Ref<RowBatch<S>, 0, Eigen::OuterStride<>>;
template <class S>
using ConstRows = Eigen::Ref<const RowBatch<S>, 0, Eigen::OuterStride<>>;

/// The first `samples` columns of a [rows][stride] array.
template <class S>
using RowMap = Eigen::Map<RowBatch<S>, 0, Eigen::OuterStride<>>;
template <class S>
using ConstRowMap = Eigen::Map<const RowBatch<S>, 0, Eigen::OuterStride<>>;

}  // namespace mbrl::nn
