// Eigen vectors and matrices of jets, so that whole-vector expressions are differentiated too: A * x,
// x.norm().
#pragma once

#include <Eigen/Core>

#include "mbrl/math/jet.hpp"

namespace Eigen {

template <class T, int N>
struct NumTraits<mbrl::Jet<T, N>> : GenericNumTraits<double> {
  using Real = mbrl::Jet<T, N>;
  using NonInteger = mbrl::Jet<T, N>;
  using Nested = mbrl::Jet<T, N>;
  using Literal = double;
  enum { RequireInitialization = 1 };
};

/// Constants mix with jets.
template <class T, int N, class Op>
struct ScalarBinaryOpTraits<mbrl::Jet<T, N>, double, Op> {
  using ReturnType = mbrl::Jet<T, N>;
};
template <class T, int N, class Op>
struct ScalarBinaryOpTraits<double, mbrl::Jet<T, N>, Op> {
  using ReturnType = mbrl::Jet<T, N>;
};

}  // namespace Eigen
