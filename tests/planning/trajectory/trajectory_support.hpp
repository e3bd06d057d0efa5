// Systems, costs and small matrices that the tests of trajectory optimisation share.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl::planning_test {

using PendulumModel = AnalyticModel<PendulumSystem>;
using CartPoleModel = AnalyticModel<CartPoleSystem>;

inline Batchd diagonal(std::vector<double> entries) {
  return Eigen::Map<const Vecd>(entries.data(), static_cast<Index>(entries.size())).asDiagonal();
}
inline Vecd column(std::vector<double> entries) {
  return Eigen::Map<const Vecd>(entries.data(), static_cast<Index>(entries.size()));
}

inline LinearModel double_integrator() {
  return LinearModel((Batchd(2, 2) << 1.0, 0.1, 0.0, 1.0).finished(), (Batchd(2, 1) << 0.005, 0.1).finished(),
                     column({0.01, -0.02}));
}
inline QuadraticCost regulator() {
  return QuadraticCost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({10.0, 10.0}), column({0.5, 0.0}));
}

struct SwingUp {
  static constexpr int kSteps = 100;
  static constexpr double kDt = 0.02;  // 2 s
  CartPoleModel model{CartPoleSystem{}, {kDt}};
  // The integral of F^2; the goal, 0.8 m away with the pole up, as a penalty.
  QuadraticCost cost{Batchd::Zero(4, 4), diagonal({2 * kDt}), 1e5 * Batchd::Identity(4, 4),
                     column({0.8, std::numbers::pi, 0.0, 0.0})};
  ActionBounds bounds = ActionBounds::uniform(1, -100, 100);
};

struct Exploding {  // leaves the finite numbers when pushed hard
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    for (Index i = 0; i < obs.cols(); ++i)
      next(0, i) =
          std::abs(action(0, i)) > 1.0 ? std::numeric_limits<double>::infinity() : obs(0, i) + action(0, i);
  }
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double>, BatchRef<double> jacobian,
                 Workspace&) const {
    jacobian.setOnes();
    if (obs(0, 0) == 77.0) jacobian(0, 0) = std::numeric_limits<double>::quiet_NaN();
  }
};

}  // namespace mbrl::planning_test
