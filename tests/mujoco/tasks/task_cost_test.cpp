// TaskCost: its values against environments, its gradient against differences of another step, and iLQR with
// nothing but the task's reward.
#include "mbrl/mujoco/tasks/task_cost.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/mujoco/engine/dynamics.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/reacher.hpp"
#include "mbrl/mujoco/tasks/swimmer.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

static_assert(TrajectoryCost<TaskCost<HalfCheetahTask>>);

template <class Env>
Vecd physics_of(const Env& env) {
  const auto values = env.physics_state();
  return Eigen::Map<const Vecd>(values.data(), static_cast<Index>(values.size()));
}

}  // namespace

TEST_CASE("task cost: minus the environment's reward, and the slope of it") {
  const auto check = [](auto task, double tolerance) {
    CAPTURE(task.spec().name);
    using Task = decltype(task);
    TaskEnvironment<Task> env(task);
    env.reset(1);
    ThreadPool pool(3);
    const TaskCost<Task> cost(task), parallel(task, {}, &pool);
    const Index nx = physics_of(env).size(), nz = nx + env.action_dim();
    for (int t = 0; t < 5; ++t) {
      const Vecd x = physics_of(env), u = 0.7 * random_action(env.spec(), 1, t);
      const double value = cost.stage(x, u, t);
      CHECK(value == Approx(-step_on(env, u).reward).epsilon(1e-6).margin(1e-7));
      Vecd gradient(nz), other(nz);
      Batchd hessian(nz, nz), other_hessian(nz, nz);
      cost.stage_derivatives(x, u, t, gradient, hessian);
      parallel.stage_derivatives(x, u, t, other, other_hessian);
      CHECK(gradient == other);
      CHECK(hessian == other_hessian);
      for (Index j = 0; j < nz; ++j) {
        Vecd plus(nz);
        plus << x, u;
        Vecd minus = plus;
        plus(j) += 1e-4;
        minus(j) -= 1e-4;
        const double slope = (cost.stage(plus.head(nx), plus.tail(nz - nx), t) -
                              cost.stage(minus.head(nx), minus.tail(nz - nx), t)) /
                             2e-4;
        CHECK(gradient(j) == Approx(slope).epsilon(tolerance).margin(tolerance));
      }
      CHECK(hessian.topRows(nx).isZero());
      CHECK(hessian.bottomRightCorner(nz - nx, nz - nx).isDiagonal());
    }
  };
  check(HalfCheetahTask(), 0.02);
  check(SwimmerTask(), 1e-3);
  check(ReacherTask(), 1e-3);
}

TEST_CASE("task cost: the curvature is the action cost's, mistakes throw, a breakdown costs NaN") {
  const TaskCost<ReacherTask> cost;  // |a|^2 and a distance
  Vecd gradient(10);
  Batchd hessian(10, 10);
  Vecd x = Vecd::Zero(8);
  x(2) = 0.1;
  cost.stage_derivatives(x, Vecd::Zero(2), 0, gradient, hessian);
  CHECK(hessian(8, 8) == Approx(2.0).epsilon(0.05));
  CHECK(hessian(9, 9) == Approx(2.0).epsilon(0.05));
  CHECK_THROWS_AS(cost.stage(Vecd::Zero(7), Vecd::Zero(2), 0), Error);
  CHECK_THROWS_AS(cost.stage(x, Vecd::Zero(3), 0), Error);
  CHECK_THROWS_AS(TaskCost<ReacherTask>(ReacherTask(), {.step = 0.0}), Error);
  x(4) = 1e13;
  CHECK(std::isnan(cost.stage(x, Vecd::Zero(2), 0)));
}

TEST_CASE("task cost: iLQR reaches with nothing but the task's reward") {
  ThreadPool pool(2);
  const ReacherTask task;
  const Dynamics dynamics(task, {}, &pool);
  IlqrSettings settings;
  settings.iterations = 4;
  Mpc mpc(IlqrPlanner(dynamics, TaskCost(task, {}, &pool), 12, settings, ActionBounds::uniform(2, -1.0, 1.0),
                      {}, nullptr, {.starts = 1}));
  TaskEnvironment<ReacherTask> env(task);
  for (const std::uint64_t seed : {1u, 2u}) {
    env.reset(seed);
    mpc.reset();
    double first = 0.0, last = 0.0;
    for (int t = 0; t < 50; ++t) {
      const double reward = env.step(mpc.act(physics_of(env))).reward;
      if (t == 0) first = reward;
      if (t >= 40) last += reward / 10;
    }
    INFO("first " << first << ", last " << last);
    CHECK(last > -0.02);  // m: at the target
    CHECK(first < -0.05);
  }
}
