// What a fit's residuals and derivatives say: spread, what is not seen, what is missing.
#pragma once

#include <vector>

#include "mbrl/models/identification/identification.hpp"

namespace mbrl::detail {

// Components of a unit direction below this are left unsaid.
inline constexpr double kPart = 0.1;

struct Direction {
  Vecd along;              // of unit length
  double uncertainty = 0;  // standard deviation
};

struct ParameterSpread {
  Batchd covariance;             // noise^2 (J'J)^-1 within what is determined
  std::vector<bool> determined;  // a parameter has no part in an unseen direction
  std::vector<Direction> unseen;
};

ParameterSpread parameter_spread(const Batchd& jacobian, double noise);

// x with P(T < x) = p for Student's T of so many degrees of freedom; p > 1/2.
double student_quantile(double p, double freedom);

// `errors`: s' - f(s, a), `change`: root mean square of s' - s.
std::vector<DimensionFit> dimension_fits(const IdentificationData& data, const Batchd& errors,
                                         const Vecd& change);

}  // namespace mbrl::detail
