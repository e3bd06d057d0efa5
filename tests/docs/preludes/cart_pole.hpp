// The cart-pole with a quadratic cost, inside a function: model, cost, bounds, x, actions, pool, seed.
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/trajectory_cost.hpp"

inline void snippet() {
  const std::uint64_t seed = 1;
  mbrl::ThreadPool pool;
  const mbrl::AnalyticModel model(mbrl::CartPoleSystem{}, {.dt = 0.02});
  const mbrl::QuadraticCost cost(mbrl::Batchd::Identity(4, 4), 0.01 * mbrl::Batchd::Identity(1, 1),
                                 100 * mbrl::Batchd::Identity(4, 4), mbrl::Vecd{{0.0, 3.14159, 0.0, 0.0}});
  const mbrl::ActionBounds bounds = mbrl::ActionBounds::uniform(1, -100, 100);
  const mbrl::Vecd x = mbrl::Vecd::Zero(4);
  const mbrl::Batchd actions = mbrl::Batchd::Zero(1, 100);
  // SNIPPET
}
