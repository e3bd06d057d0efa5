// Cholesky factors of the small matrices of a planning step, in place and without allocating.
#pragma once

#include <cmath>

#include "mbrl/core/types.hpp"

namespace mbrl::detail {

// a = l l' for the leading n x n block of a, whose lower triangle is read and overwritten with l; the
// inverses of l's diagonal go to inverse_diagonal. False, with a spoiled, unless a is positive definite (NaN:
// not).
template <class A, class D>
bool cholesky_in_place(A& a, D& inverse_diagonal, Index n) {
  for (Index j = 0; j < n; ++j) {
    double diagonal = a(j, j);
    for (Index k = 0; k < j; ++k) diagonal -= a(j, k) * a(j, k);
    if (!(diagonal > 0.0) || !std::isfinite(diagonal)) return false;
    const double inverse = 1.0 / std::sqrt(diagonal);
    a(j, j) = diagonal * inverse;
    inverse_diagonal(j) = inverse;
    for (Index i = j + 1; i < n; ++i) {
      double sum = a(i, j);
      for (Index k = 0; k < j; ++k) sum -= a(i, k) * a(j, k);
      a(i, j) = sum * inverse;
    }
  }
  return true;
}

// x = l^-1 b for the leading n entries; x may be b.
template <class A, class D, class B, class X>
void solve_lower(const A& l, const D& inverse_diagonal, const B& b, X& x, Index n) {
  for (Index i = 0; i < n; ++i) {
    double sum = b(i);
    for (Index k = 0; k < i; ++k) sum -= l(i, k) * x(k);
    x(i) = sum * inverse_diagonal(i);
  }
}

// x = -l'^-1 b for the leading n entries; x may be b.
template <class A, class D, class B, class X>
void solve_negative_upper(const A& l, const D& inverse_diagonal, const B& b, X& x, Index n) {
  for (Index i = n; i-- > 0;) {
    double sum = -b(i);
    for (Index k = i + 1; k < n; ++k) sum -= l(k, i) * x(k);
    x(i) = sum * inverse_diagonal(i);
  }
}

// x = -(l l')^-1 b for the leading n entries; x may be b.
template <class A, class D, class B, class X>
void solve_negative(const A& l, const D& inverse_diagonal, const B& b, X& x, Index n) {
  solve_lower(l, inverse_diagonal, b, x, n);
  solve_negative_upper(l, inverse_diagonal, x, x, n);
}

}  // namespace mbrl::detail
