// PILCO's reacher: against Lagrange's equations, its reward and what PILCO takes for its cost, and where it can go.
#include "mbrl/mujoco/tasks/pilco_reacher.hpp"

#include <Eigen/LU>
#include <cmath>

#include "catch.hpp"
#include "mbrl/algorithms/imagined/pilco.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using mujoco::PilcoReacher;
using mujoco::PilcoReacherTask;

namespace {

// Accelerations of the links' directions: th1, th2, their rates; torques of shoulder and elbow.
Vecd acceleration(const Vecd& s, const Vecd& torque) {
  constexpr double kL = 0.3, kMass = 0.4, kTip = 0.01, kRadius = 0.02, kTipRadius = 0.022, kArmature = 0.005,
                   kFriction = 0.3;
  const double cylinder = kMass * kL / (kL + 4.0 / 3.0 * kRadius), ends = kMass - cylinder;
  const double about_middle = cylinder * (kL * kL / 12.0 + kRadius * kRadius / 4.0) +
                              ends * (0.4 * kRadius * kRadius + kL * kL / 4.0 + 0.375 * kL * kRadius);
  const double link = about_middle + kMass * kL * kL / 4.0;
  const double coupling = (0.5 * kMass + kTip) * kL * kL, apart = s(0) - s(1);
  Eigen::Matrix2d inertia;
  inertia(0, 0) = link + (kMass + kTip) * kL * kL + 2.0 * kArmature;
  inertia(1, 1) = link + kTip * (kL * kL + 0.4 * kTipRadius * kTipRadius) + kArmature;
  inertia(0, 1) = inertia(1, 0) = coupling * std::cos(apart) - kArmature;
  const double shoulder = torque(0) - kFriction * s(2), elbow = torque(1) - kFriction * (s(3) - s(2));
  return inertia.inverse() * Eigen::Vector2d(shoulder - elbow - coupling * std::sin(apart) * s(3) * s(3),
                                             elbow + coupling * std::sin(apart) * s(2) * s(2));
}

Vecd derivative(const Vecd& s, const Vecd& torque) {
  Vecd d(4);
  d << s.tail<2>(), acceleration(s, torque);
  return d;
}

}  // namespace

TEST_CASE("pilco/Reacher: moves as Lagrange's equations say") {
  PilcoReacher env;
  Vecd s = env.reset(3);
  for (int t = 0; t < 30; ++t) {
    const Vecd torque = mbrl::random_action(env.spec(), 5, t);
    constexpr double kStep = 0.01;
    for (int i = 0; i < 10; ++i) {
      const Vecd a = derivative(s, torque), b = derivative(s + 0.5 * kStep * a, torque),
                 c = derivative(s + 0.5 * kStep * b, torque), d = derivative(s + kStep * c, torque);
      s += kStep / 6.0 * (a + 2.0 * b + 2.0 * c + d);
    }
    REQUIRE((env.step(torque).obs - s).cwiseAbs().maxCoeff() < 1e-8);
  }
}

TEST_CASE("pilco/Reacher: PILCO's default cost is what its reward lacks to 1") {
  PilcoReacher env;
  const EnvSpec& spec = env.spec();
  const ObstructedCost cost = default_pilco(spec).cost.make(spec.encoding.feature_dim());
  env.reset(1);
  Batchd features(6, 1);
  for (int t = 0; t < 30; ++t) {
    const StepResult result = env.step(Vecd{{0.4, -0.1}});
    spec.encoding.encode<double>(result.obs, features);
    CHECK(cost(features.col(0)) == Approx(1.0 - result.reward).margin(1e-9));
  }
}

TEST_CASE(
    "pilco/Reacher: starts on one side of the disc, the goal lies on the other, and the straight line goes "
    "through") {
  PilcoReacher env;
  const EnvSpec& spec = env.spec();
  const ObstructedCost cost = default_pilco(spec).cost.make(spec.encoding.feature_dim());
  const auto features = [&](double shoulder, double elbow) {
    Batchd out(6, 1);
    spec.encoding.encode<double>(Vecd{{shoulder, shoulder + elbow, 0.0, 0.0}}, out);
    return Vecd(out.col(0));
  };
  CHECK_FALSE(cost.obstacles.hit(features(-1.5, 1.6)));
  CHECK(cost.goal(features(-1.5, 1.6)) > 0.9);
  CHECK(cost.goal(features(-0.0976, 1.597)) < 1e-4);
  const Vecd start = cost.obstacles.map * features(-1.5, 1.6), goal = cost.obstacles.map * cost.goal.target;
  CHECK((goal - Vecd{{0.32, 0.27}}).norm() < 1e-12);
  const double along =
      (cost.obstacles.centres.col(0) - start).dot(goal - start) / (goal - start).squaredNorm();
  const Vecd nearest = start + along * (goal - start);
  CHECK((nearest - cost.obstacles.centres.col(0)).norm() < 0.5 * cost.obstacles.radii(0));
}
