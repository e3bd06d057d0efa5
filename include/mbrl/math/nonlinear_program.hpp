// What a nonlinear programme offers to the solver of mbrl/math/augmented_lagrangian.hpp.
#pragma once

#include <vector>

#include "mbrl/core/types.hpp"

namespace mbrl {

struct SparseEntry {
  int row = 0, col = 0;
  double value = 0;
};
using SparseEntries = std::vector<SparseEntry>;  // entries at one place add up

/// minimise f(x) subject to x_low <= x <= x_high and c_low <= c(x) <= c_high: n variables, m constraints.
/// Equal limits make an equality, infinite ones none. Functions need not be finite everywhere: a step to where
/// they are not is shortened. Derivatives are asked for where the values were finite, and list the same
/// places, in the same order, at every call.
class NonlinearProgram {
 public:
  NonlinearProgram() = default;
  NonlinearProgram(const NonlinearProgram&) = delete;
  NonlinearProgram& operator=(const NonlinearProgram&) = delete;
  virtual ~NonlinearProgram() = default;

  virtual int variables() const = 0;
  virtual int constraints() const = 0;
  virtual void limits(VecRef<double> x_low, VecRef<double> x_high, VecRef<double> c_low,
                      VecRef<double> c_high) const = 0;
  /// Returns f(x), writes c(x).
  virtual double evaluate(ConstVecRef<double> x, VecRef<double> c) = 0;
  /// Writes the gradient of f and replaces `jacobian` (m x n) by that of c.
  virtual void derivatives(ConstVecRef<double> x, VecRef<double> gradient, SparseEntries& jacobian) = 0;
  /// Replaces `hessian` (n x n) by the lower triangle (row >= col) of that of f + weights'c.
  virtual void hessian(ConstVecRef<double> x, ConstVecRef<double> weights, SparseEntries& hessian) = 0;
};

}  // namespace mbrl
