// Small dense linear algebra in double precision, with the machine's widest vectors chosen at run time: what
// the Riccati recursion spends its time in. Matrices are column-major with leading dimensions (distance of
// columns).
#pragma once

#include "mbrl/core/types.hpp"

namespace mbrl::dense {

/// d = c + a b, or c - a b. b is read entry by entry, so it may have any strides: a transpose costs nothing. d
/// must not overlap the others.
struct Product {
  Index rows = 0, cols = 0, depth = 0;
  const double* a = nullptr;  // rows x depth
  Index lda = 0;
  const double* b = nullptr;  // entry (k, j) at b[k * b_row + j * b_col]
  Index b_row = 0, b_col = 0;
  const double* c = nullptr;  // rows x cols; null: zero
  Index ldc = 0;
  double* d = nullptr;  // rows x cols
  Index ldd = 0;
  bool subtract = false;
  bool lower = false;  // of d only the lower triangle is asked for; what lies above is undefined
};
void product(const Product& p);

/// out (cols x rows) = a' for a (rows x cols).
void transpose(Index rows, Index cols, const double* a, Index lda, double* out, Index ldout);

/// Copies the lower triangle of a (n x n) to the upper.
void mirror_lower(Index n, double* a, Index lda);

/// out = c + a' x for a (rows x cols); c null: zero.
void transposed_times(Index rows, Index cols, const double* a, Index lda, const double* x, const double* c,
                      double* out);

/// For q (rows x n) and a lower triangle l (n x n) with the inverses of its diagonal apart: y with y l' = q,
/// and then g with g l = -y, so that g = -q (l l')^-1 and y y' = q (l l')^-1 q'.
void solve_gain(Index rows, Index n, const double* l, Index ldl, const double* inverse_diagonal,
                const double* q, Index ldq, double* y, Index ldy, double* g, Index ldg);

}  // namespace mbrl::dense
