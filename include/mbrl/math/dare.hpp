// Regulators and filters for an infinite horizon: the discrete algebraic Riccati equation.
#pragma once

#include "mbrl/core/types.hpp"

namespace mbrl {

struct InfiniteLqr {
  Batchd gain;           // K, nu x nx: u = K x
  Batchd value_hessian;  // P, nx x nx: the cost from x on is 1/2 x'P x
  int iterations = 0;    // doublings
};

/// The gain that minimises sum_t 1/2 (x'Qx + 2 x'N u + u'Ru) under x' = A x + B u: with P of
///   P = Q + A'PA - (A'PB + N)(R + B'PB)^-1 (B'PA + N'),   K = -(R + B'PB)^-1 (B'PA + N').
/// Structure-preserving doubling, which converges quadratically: Chu, Fan, Lin, Wang, "Structure-preserving
/// algorithms for periodic discrete-time algebraic Riccati equations", International Journal of Control 2004.
/// Q and R must be symmetric, R positive definite, (A, B) stabilisable and the cost detectable; throws where
/// they are not, where it does not converge, and on wrong dimensions. An empty cross term (0 x 0) is zero.
InfiniteLqr infinite_lqr(ConstBatchRef<double> a, ConstBatchRef<double> b, ConstBatchRef<double> q,
                         ConstBatchRef<double> r, ConstBatchRef<double> cross = Batchd());

/// What is left of the equation above, largest entry: 0 for its solution.
double dare_residual(ConstBatchRef<double> a, ConstBatchRef<double> b, ConstBatchRef<double> q,
                     ConstBatchRef<double> r, ConstBatchRef<double> cross, ConstBatchRef<double> p);

struct SteadyKalman {
  Batchd gain;        // L, nx x ny: x_hat += L (y - C x_hat)
  Batchd covariance;  // of the prediction x_hat before the measurement, nx x nx
};

/// The steady Kalman filter of x' = A x + B u + w, y = C x + v with covariances W and V: the regulator's dual,
/// A' and C' for A and B. W and V must be symmetric, V positive definite. With the gain K of infinite_lqr,
/// u = K x_hat is the LQG controller.
SteadyKalman steady_kalman(ConstBatchRef<double> a, ConstBatchRef<double> c,
                           ConstBatchRef<double> process_noise, ConstBatchRef<double> measurement_noise);

}  // namespace mbrl
