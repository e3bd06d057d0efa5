// An evaluator of action sequences over a pendulum, inside a function: rollouts, bounds, obs, pool, seed.
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/per_sample_functions.hpp"

inline void snippet() {
  const std::uint64_t seed = 1;
  mbrl::ThreadPool pool;
  const auto upright = mbrl::per_sample_reward([](const auto&, const auto&, const auto& next) {
    return -next(0) * next(0) - 0.1 * next(1) * next(1);
  });
  mbrl::ModelRollout rollouts(mbrl::AnalyticModel(mbrl::PendulumSystem{}, {.dt = 0.05}), upright,
                              {.horizon = 30}, pool);
  const mbrl::ActionBounds bounds = mbrl::ActionBounds::uniform(1, -2, 2);
  const mbrl::Vecd obs = mbrl::Vecd::Zero(2);
  // SNIPPET
}
