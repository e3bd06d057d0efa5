// How likely a Gaussian point lies in a ball: a collision's probability.
#pragma once

#include "mbrl/math/gaussian.hpp"

namespace mbrl {

/// P(|x - centre| < radius) for x ~ N(m, S) of one to three dimensions, by Gauss-Legendre quadrature to about 1e-12. Along
/// the principal axes x is independent: the widest one is integrated exactly, by the error function, the narrower ones
/// outside, where the integrand is smooth; an axis of no variance is a point. NaN where S is not a covariance,
/// by more than rounding. Throws
/// mbrl::Error for other dimensions and a radius that is not positive.
double ball_probability(const GaussianMoments& x, ConstVecRef<double> centre, double radius);

}  // namespace mbrl
