// The batch types every interface speaks: a batch is a `dim x batch` matrix, one column a sample.
#pragma once

#include <Eigen/Core>

#include "mbrl/core/eigen_memory.hpp"

namespace mbrl {

using Index = Eigen::Index;

/// A column of `dim` numbers: one observation, one action, one gradient.
template <class S>
using Vec = Eigen::Matrix<S, Eigen::Dynamic, 1>;

/// `dim x batch`, column-major: byte for byte a contiguous `[batch, dim]` tensor.
template <class S>
using Batch = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

/// What functions take: any contiguous-column matrix expression, without a copy.
template <class S>
using VecRef = Eigen::Ref<Vec<S>>;
template <class S>
using ConstVecRef = Eigen::Ref<const Vec<S>>;
template <class S>
using BatchRef = Eigen::Ref<Batch<S>>;
template <class S>
using ConstBatchRef = Eigen::Ref<const Batch<S>>;

using Vecd = Vec<double>;
using Vecf = Vec<float>;
using Batchd = Batch<double>;
using Batchf = Batch<float>;

}  // namespace mbrl
