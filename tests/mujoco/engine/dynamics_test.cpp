// mujoco::Dynamics: its steps against environments, its Jacobians against differences of its own steps, and
// iLQR on top of it.
#include "mbrl/mujoco/engine/dynamics.hpp"

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/models/analytic/finite_differences.hpp"
#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/mujoco/tasks/inverted_pendulum.hpp"
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

static_assert(DifferentiableModel<Dynamics>);

// A ball joint (quaternion), a filter between control and force (activation), Euler's integrator.
constexpr const char* kBall = R"(
<mujoco>
  <option timestep="0.01" integrator="Euler"/>
  <worldbody>
    <body pos="0 0 1">
      <joint name="ball" type="ball" damping="0.1"/>
      <geom type="capsule" fromto="0 0 0 0.3 0.1 -0.4" size="0.05" contype="0" conaffinity="0"/>
      <body pos="0.3 0.1 -0.4">
        <joint name="hinge" type="hinge" axis="0 1 0" damping="0.1"/>
        <geom type="capsule" fromto="0 0 0 0.2 0 -0.3" size="0.05" contype="0" conaffinity="0"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="ball" gear="1 0.5 0" ctrllimited="false"/>
    <general joint="hinge" dyntype="filter" dynprm="0.1" gainprm="5" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>)";

Vecd as_vector(const std::vector<double>& values) {
  return Eigen::Map<const Vecd>(values.data(), static_cast<Index>(values.size()));
}

// States of an episode of random actions, one a column, and the actions.
struct Trajectory {
  Batchd obs, action;
};
template <class Env>
Trajectory drive(Env env, int skip, int count) {
  env.reset(3);
  Trajectory out{Batchd(static_cast<Index>(env.physics_state().size()), count),
                 Batchd(env.spec().action_dim(), count)};
  for (int t = 0; t < skip + count; ++t) {
    const Vecd action = 0.7 * random_action(env.spec(), 1, t);
    if (t >= skip) {
      out.obs.col(t - skip) = as_vector(env.physics_state());
      out.action.col(t - skip) = action;
    }
    step_on(env, action);
  }
  return out;
}

// Against central differences of `step` in the components of x, entry by entry.
void check_jacobians(const Dynamics& dynamics, const Trajectory& at, double tolerance) {
  const Index nz = dynamics.obs_dim() + dynamics.action_dim(), n = at.obs.cols();
  Batchd jacobian(dynamics.obs_dim(), n * nz), expected(dynamics.obs_dim(), n * nz);
  Dynamics::Workspace workspace;
  dynamics.linearize(at.obs, at.action, jacobian, workspace);
  const FiniteDifferenceModel<Dynamics> oracle(dynamics, {.step = 1e-5});
  FiniteDifferenceModel<Dynamics>::Workspace oracle_workspace;
  oracle.linearize(at.obs, at.action, expected, oracle_workspace);
  REQUIRE(expected.allFinite());
  for (Index t = 0; t < n; ++t) {
    const auto a = jacobian.middleCols(t * nz, nz), b = expected.middleCols(t * nz, nz);
    Index row = 0, entry = 0;
    (a - b).cwiseAbs().maxCoeff(&row, &entry);
    INFO("entry " << row << ", " << entry << " of column " << t << ", error " << (a - b).cwiseAbs().maxCoeff()
                  << " of " << b.cwiseAbs().maxCoeff());
    CHECK((a - b).cwiseAbs().maxCoeff() < tolerance * std::max(1.0, b.cwiseAbs().maxCoeff()));
  }
}

}  // namespace

TEST_CASE("mujoco dynamics: a step is the environment's to the solver's tolerance, and a pure function") {
  const auto check = [](auto env, auto task) {
    CAPTURE(task.spec().name);
    const Trajectory at = drive(std::move(env), 5, 20);
    ThreadPool pool(3);
    const Dynamics serial(task), parallel(task, {}, &pool);
    Dynamics::Workspace one, several;
    Batchd next(serial.obs_dim(), 20), again(serial.obs_dim(), 20);
    serial.step(at.obs, at.action, next, one);
    for (Index t = 0; t + 1 < 20; ++t) CHECK((next.col(t) - at.obs.col(t + 1)).norm() < 1e-6);
    parallel.step(at.obs, at.action, again, several);
    CHECK(again == next);
    serial.step(at.obs, at.action, again, one);
    CHECK(again == next);
    const Index nz = serial.obs_dim() + serial.action_dim();
    Batchd jacobian(serial.obs_dim(), 20 * nz), other(serial.obs_dim(), 20 * nz);
    serial.linearize(at.obs, at.action, jacobian, one);
    parallel.linearize(at.obs, at.action, other, several);
    CHECK(jacobian == other);
    serial.linearize(at.obs, at.action, other, several);
    CHECK(jacobian == other);
  };
  check(HalfCheetah(), HalfCheetahTask());
  check(TaskEnvironment<PetsCartPoleTask>(), PetsCartPoleTask());
}

TEST_CASE("mujoco dynamics: Jacobians are those of its steps") {
  // The engine's own derivatives, five a control step; contacts after the first steps.
  check_jacobians(Dynamics(HalfCheetahTask()), drive(HalfCheetah(), 0, 4), 1e-4);
  check_jacobians(Dynamics(HalfCheetahTask()), drive(HalfCheetah(), 40, 4), 1e-3);
  // RK4: differences of the step.
  check_jacobians(Dynamics(PetsCartPoleTask()), drive(TaskEnvironment<PetsCartPoleTask>(), 0, 10), 1e-5);
  check_jacobians(Dynamics(HopperTask()), drive(Hopper(), 0, 4), 1e-3);
  // Quaternions, with RK4 and with Euler's integrator; a filtered control.
  check_jacobians(Dynamics(AntTask()), drive(TaskEnvironment<AntTask>(), 0, 2), 1e-3);
  const Model ball = Model::from_string(kBall, "ball");
  const Dynamics dynamics(ball, 3);
  REQUIRE(dynamics.obs_dim() == 5 + 4 + 1);
  Trajectory at{Batchd(10, 2), Batchd::Constant(2, 2, 0.3)};
  at.obs.col(0) << 0.8, 0.4, -0.2, 0.4, 0.3, 0.5, -1.0, 0.7, 2.0, 0.4;
  at.obs.col(1) << 1.0, 0.0, 0.0, 0.0, -0.6, 0.0, 0.3, 0.0, 0.0, -0.2;
  at.obs.col(0).head<4>().normalize();
  at.action(1, 1) = -2.0;
  check_jacobians(dynamics, at, 1e-5);
}

TEST_CASE("mujoco dynamics: Jacobians are those of its steps with every integrator and gain") {
  const std::vector<std::string> integrators = {"Euler", "RK4", "implicit",
#if mjVERSION_HEADER >= 300
                                                "implicitfast"
#endif
  };
  // A plain motor, a servo, and gains that depend on the velocity.
  const std::vector<std::string> actuators = {
      R"(<motor joint="j"/>)",
      R"(<position joint="j" kp="4"/>)",
      R"(<velocity joint="j" kv="2"/>)",
      R"(<damper joint="j" kv="3" ctrlrange="0 1"/>)",
      R"(<general joint="j" gaintype="affine" gainprm="2 0.5 -1.5" ctrllimited="false"/>)",
      R"(<muscle joint="j" force="20" lengthrange="-1 1" ctrllimited="true" ctrlrange="0 1"/>)"};
  for (const std::string& integrator : integrators)
    for (const std::string& actuator : actuators) {
      INFO(integrator << " " << actuator);
      const Dynamics dynamics(
          Model::from_string(R"(<mujoco><option timestep="0.005" integrator=")" + integrator +
                             R"("/><worldbody><body><joint name="j" axis="0 1 0" damping="0.1"/>
                             <geom type="capsule" size="0.03" fromto="0 0 0 0.4 0 0"/></body></worldbody>
                             <actuator>)" +
                             actuator + "</actuator></mujoco>"),
          5);
      Trajectory at{Batchd::Constant(dynamics.obs_dim(), 1, 0.3), Batchd::Constant(1, 1, 0.6)};
      at.obs(1, 0) = 1.5;
      check_jacobians(dynamics, at, 1e-5);
    }
}

TEST_CASE("mujoco dynamics: at a control's limit the derivative is the one from inside, beyond it zero") {
  const Trajectory at{Batchd::Zero(4, 3), (Batchd(1, 3) << 3.0, 2.9, 3.5).finished()};
  const Dynamics dynamics{PetsCartPoleTask()};
  const auto& model = *dynamics.model();
  REQUIRE(model.actuator_ctrllimited[0] != 0);
  REQUIRE(model.actuator_ctrlrange[1] == 3.0);
  Batchd jacobian(4, 15);
  Dynamics::Workspace workspace;
  dynamics.linearize(at.obs, at.action, jacobian, workspace);
  CHECK((jacobian.col(4) - jacobian.col(9)).norm() < 1e-3 * jacobian.col(9).norm());
  CHECK(jacobian.col(9).norm() > 1e-2);
  CHECK(jacobian.col(14).isZero());
}

TEST_CASE("mujoco dynamics: mistakes throw, a breakdown gives NaN and is no contagion") {
  const Dynamics dynamics{HalfCheetahTask()};
  Dynamics::Workspace workspace;
  Trajectory at{Batchd::Zero(18, 3), Batchd::Zero(6, 3)};
  Batchd next(18, 3), alone(18, 1), jacobian(18, 3 * 24);
  CHECK_THROWS_AS(dynamics.step(at.obs.topRows(17), at.action, next, workspace), Error);
  CHECK_THROWS_AS(dynamics.step(at.obs, at.action.topRows(5), next, workspace), Error);
  CHECK_THROWS_AS(dynamics.step(at.obs, at.action.leftCols(2), next, workspace), Error);
  CHECK_THROWS_AS(dynamics.step(at.obs, at.action, alone, workspace), Error);
  CHECK_THROWS_AS(dynamics.linearize(at.obs, at.action, next, workspace), Error);
  CHECK_THROWS_AS(Dynamics(HalfCheetahTask(), {.step = 0.0}), Error);
  CHECK_THROWS_AS(Dynamics(HalfCheetahTask().model(), 0), Error);
  at.obs(9, 1) = 1e12;
  dynamics.step(at.obs, at.action, next, workspace);
  CHECK(next.col(1).array().isNaN().all());
  Dynamics::Workspace fresh;
  dynamics.step(at.obs.col(2), at.action.col(2), alone, fresh);
  CHECK(next.col(2) == alone.col(0));
  CHECK(next.col(0) == alone.col(0));
  dynamics.linearize(at.obs, at.action, jacobian, workspace);
  CHECK(jacobian.middleCols(24, 24).array().isNaN().all());
  CHECK(jacobian.rightCols(24).allFinite());
}

TEST_CASE("mujoco dynamics: iLQR swings PETS's cart-pole up and holds it, on the environment itself") {
  using CartPole = TaskEnvironment<PetsCartPoleTask>;
  const Dynamics dynamics{PetsCartPoleTask()};
  // It hangs at angle 0.
  const Vecd goal = (Vecd(4) << 0.0, std::numbers::pi, 0.0, 0.0).finished();
  const Vecd q = (Vecd(4) << 0.5, 5.0, 0.05, 0.05).finished();
  const QuadraticCost cost(q.asDiagonal(), Batchd::Constant(1, 1, 0.1), 10.0 * Batchd(q.asDiagonal()), goal);
  IlqrSettings settings;
  settings.iterations = 30;
  Mpc mpc(IlqrPlanner(dynamics, cost, 50, settings, ActionBounds::uniform(1, -3.0, 3.0), {}, nullptr,
                      {.starts = 1}));
  CartPole env;
  env.set_physics_state({0.0, 0.0, 0.0, 0.0});
  double reward = 0.0;
  for (int t = 0; t < 100; ++t) {
    const StepResult result = env.step(mpc.act(as_vector(env.physics_state())));
    if (t >= 80) reward += result.reward;
  }
  CHECK(reward > 19.0);  // of 20: the tip stands still above the middle
}
