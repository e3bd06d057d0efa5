#include "mbrl/task/obstacle_penalty.hpp"

#include <algorithm>
#include <cmath>

#include "mbrl/core/error.hpp"
#include "mbrl/math/ball_probability.hpp"

namespace mbrl {

void ObstaclePenalty::validate(const char* who) const {
  require(map.rows() >= 1 && map.rows() <= 3, who, ": the obstacles' map has ", map.rows(),
          " rows, expected 1 to 3, one a dimension of a place");
  require_dim(who, "the obstacles' centres", centres.rows(), map.rows());
  require_dim(who, "the obstacles' radii", radii.size(), count());
  require_dim(who, "the obstacles' widths", widths.size(), count());
  require(map.allFinite() && centres.allFinite() && radii.allFinite() && widths.allFinite(), who,
          ": the obstacles are not finite, expected numbers");
  require((radii.array() > 0.0).all() && (widths.array() > 0.0).all(), who, ": the obstacles' radii are ",
          radii.transpose(), ", their widths ", widths.transpose(), ", expected more than 0");
  require(std::isfinite(weight) && weight >= 0.0, who, ": the obstacles' weight is ", weight,
          ", expected at least 0");
}

// In the space of places.
SaturatingCost ObstaclePenalty::about(Index i) const {
  return {Batchd::Identity(map.rows(), map.rows()) / widths(i), centres.col(i)};
}

GaussianMoments ObstaclePenalty::place(const GaussianMoments& in) const {
  return {map * in.mean, map * in.covariance * map.transpose()};
}

double ObstaclePenalty::operator()(ConstVecRef<double> x) const {
  const Vecd y = map * x;
  double total = 0.0;
  for (Index i = 0; i < count(); ++i) total += weight * (1.0 - about(i)(y));
  return total;
}

double ObstaclePenalty::expected(const GaussianMoments& in, GaussianMoments* gradient) const {
  const GaussianMoments y = place(in);
  GaussianMoments by_place, one;
  by_place.set_zero(y.dim());
  double total = 0.0;
  for (Index i = 0; i < count(); ++i) {
    total += weight * (1.0 - about(i).expected(y, gradient ? &one : nullptr));
    if (!gradient) continue;
    by_place.mean -= weight * one.mean;
    by_place.covariance -= weight * one.covariance;
  }
  if (gradient) {
    gradient->mean = map.transpose() * by_place.mean;
    gradient->covariance = map.transpose() * by_place.covariance * map;
  }
  return total;
}

bool ObstaclePenalty::hit(ConstVecRef<double> x) const {
  const Vecd y = map * x;
  for (Index i = 0; i < count(); ++i)
    if ((y - centres.col(i)).norm() < radii(i)) return true;
  return false;
}

double ObstaclePenalty::hit_probability(const GaussianMoments& in) const {
  const GaussianMoments y = place(in);
  double total = 0.0;
  for (Index i = 0; i < count(); ++i) total += ball_probability(y, centres.col(i), radii(i));
  return std::min(total, 1.0);  // in this order NaN stays
}

void ObstructedCost::validate(const char* who) const {
  goal.validate(who);
  if (obstacles.count() == 0) return;
  obstacles.validate(who);
  require_dim(who, "the columns of the obstacles' map (one a feature)", obstacles.map.cols(), dim());
}

double ObstructedCost::operator()(ConstVecRef<double> x) const {
  return obstacles.count() == 0 ? goal(x) : goal(x) + obstacles(x);
}

double ObstructedCost::expected(const GaussianMoments& in, GaussianMoments* gradient) const {
  double total = goal.expected(in, gradient);
  if (obstacles.count() == 0) return total;
  GaussianMoments own;
  total += obstacles.expected(in, gradient ? &own : nullptr);
  if (gradient) {
    gradient->mean += own.mean;
    gradient->covariance += own.covariance;
  }
  return total;
}

void CollisionProbability::add(double step) {
  // NaN, of a prediction that is none, stays in both.
  if (!(step <= largest) && !std::isnan(largest)) largest = step;
  sum = std::min(sum + step, 1.0);
}

}  // namespace mbrl
