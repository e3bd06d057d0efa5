// Action noise that is correlated in time: its power falls with the frequency as f^-beta.
// Timmer, Koenig, "On generating power law noise", Astronomy and Astrophysics 300, 1995; used for planning by
// Pinneri et al., "Sample-efficient cross-entropy method for real-time planning", CoRL 2020, section 3.1. And the
// Ornstein-Uhlenbeck process, which forgets exponentially: Uhlenbeck, Ornstein, Physical Review 36, 1930.
#pragma once

#include <cmath>
#include <numbers>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// The matrix M (horizon x horizon) that turns white noise z ~ N(0, I) into a stationary sequence x = M z of
/// unit variance whose power spectral density at f_j = j / horizon is proportional to f_j^-beta; the mean (j =
/// 0) has the power of the lowest frequency, as in the paper's code. Columns are the real Fourier basis,
/// scaled:
///   x_t = sum_j a_j sqrt(2 / H) (z_c cos(2 pi j t / H) + z_s sin(2 pi j t / H)),  a_j = c max(j, 1)^(-beta / 2),
/// with one column each for j = 0 and (H even) j = H / 2. beta = 0 gives an orthogonal M: white noise.
inline Batchd coloured_noise_mixing(int horizon, double beta) {
  require(horizon >= 1, "coloured noise: horizon is ", horizon, ", expected at least 1");
  require(beta >= 0 && std::isfinite(beta), "coloured noise: beta is ", beta, ", expected a number >= 0");
  Batchd mixing(horizon, horizon);
  const double h = horizon;
  Index column = 0;
  for (int j = 0; 2 * j <= horizon; ++j) {
    const double amplitude = std::pow(j == 0 ? 1.0 : static_cast<double>(j), -0.5 * beta);
    const bool single = j == 0 || 2 * j == horizon;
    for (int t = 0; t < horizon; ++t) {
      // The product is reduced first: the angle stays small and exact.
      const double angle =
          2.0 * std::numbers::pi * static_cast<double>((static_cast<long>(j) * t) % horizon) / h;
      mixing(t, column) = amplitude * std::sqrt((single ? 1.0 : 2.0) / h) * std::cos(angle);
      if (!single) mixing(t, column + 1) = amplitude * std::sqrt(2.0 / h) * std::sin(angle);
    }
    column += single ? 1 : 2;
  }
  // Every row has the same norm: sines and cosines of a frequency share its power at every t.
  return mixing / mixing.row(0).norm();
}

/// The same for the Ornstein-Uhlenbeck process, begun in its stationary state: x_0 = z_0,
///   x_t = rho x_{t-1} + sqrt(1 - rho^2) z_t,  rho = e^-theta,
/// of unit variance, with correlations rho^k between steps k apart.
inline Batchd ornstein_uhlenbeck_mixing(int horizon, double theta) {
  require(horizon >= 1, "Ornstein-Uhlenbeck noise: horizon is ", horizon, ", expected at least 1");
  require(theta > 0 && std::isfinite(theta), "Ornstein-Uhlenbeck noise: theta is ", theta,
          ", expected more than 0");
  Batchd mixing = Batchd::Zero(horizon, horizon);
  const double rho = std::exp(-theta);
  mixing(0, 0) = 1;
  for (Index t = 1; t < horizon; ++t) {
    mixing.row(t) = rho * mixing.row(t - 1);
    mixing(t, t) = std::sqrt(1 - rho * rho);
  }
  return mixing;
}

}  // namespace mbrl
