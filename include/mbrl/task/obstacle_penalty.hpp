// What keeping clear of forbidden places costs, and how likely they are entered, under a Gaussian.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/task/saturating_cost.hpp"

namespace mbrl {

/// Balls that a place y = map x of features x (F) should stay out of, y of one to three dimensions. Each costs
///   weight exp(-1/2 |y - centre|^2 / width^2),
/// Gaussian-shaped, so that its expectation is exact (Deisenroth, Rasmussen and Fox, "Learning to control a low-cost
/// manipulator using data-efficient reinforcement learning", RSS 2011): what a saturating cost about the centre lacks to 1.
struct ObstaclePenalty {
  Batchd map;           // K x F
  Batchd centres;       // K x N
  Vecd radii, widths;   // N, in units of y
  double weight = 1.0;  // of one at its centre; 0: nothing is charged, probabilities stand

  Index count() const { return centres.cols(); }
  /// Throws mbrl::Error for dimensions that do not fit, radii and widths not above 0, a weight below 0.
  void validate(const char* who) const;
  double operator()(ConstVecRef<double> x) const;
  /// E of it under x ~ N(m, S); `gradient`, unless null, becomes its gradient.
  double expected(const GaussianMoments& in, GaussianMoments* gradient = nullptr) const;
  /// Whether x is inside one of the balls.
  bool hit(ConstVecRef<double> x) const;
  /// P(hit) under N(m, S): the sum over the balls, at most 1; exact where they do not overlap, else a bound.
  double hit_probability(const GaussianMoments& in) const;

 private:
  SaturatingCost about(Index i) const;
  GaussianMoments place(const GaussianMoments& in) const;
};

/// c(x) = goal(x) + obstacles(x).
struct ObstructedCost {
  SaturatingCost goal;
  ObstaclePenalty obstacles;  // count() 0: there are none

  Index dim() const { return goal.dim(); }
  void validate(const char* who) const;
  double operator()(ConstVecRef<double> x) const;
  double expected(const GaussianMoments& in, GaussianMoments* gradient = nullptr) const;
};

/// Of a trajectory of matched Gaussians, which says nothing of how its steps go together: the largest probability of a
/// step, which that of the whole is not below, and the sum, at most 1, which it is not above.
struct CollisionProbability {
  double largest = 0.0, sum = 0.0;

  void add(double step);
};

}  // namespace mbrl
