// Derivatives of every analytic system against finite differences, integrators against closed forms and their
// orders.
#include "mbrl/models/analytic/analytic_model.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/analytic/finite_differences.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/model_rollout.hpp"

namespace mbrl {
namespace {

static_assert(TwiceDifferentiableModel<AnalyticModel<CartPoleSystem>>);
static_assert(TwiceDifferentiableModel<LinearModel>);
static_assert(DifferentiableModel<FiniteDifferenceModel<LinearModel>>);
static_assert(TwiceDifferentiableModel<HessianByDifferences<FiniteDifferenceModel<LinearModel>>>);
static_assert(kStaticObsDim<AnalyticModel<QuadrotorSystem>> == 12);
static_assert(kStaticObsDim<LinearModel> == Eigen::Dynamic);

Batchd random_batch(Index rows, Index cols, std::uint32_t id, double scale = 1.0) {
  const RandomStream random(3, Stream::kUser);
  Batchd m(rows, cols);
  for (Index j = 0; j < cols; ++j)
    for (Index i = 0; i < rows; ++i)
      m(i, j) =
          random.uniform(-scale, scale, id, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j));
  return m;
}

// Largest difference relative to the larger of 1 and the entries.
double distance(const Batchd& a, const Batchd& b) {
  return (a - b).cwiseAbs().maxCoeff() / std::max(1.0, b.cwiseAbs().maxCoeff());
}

template <class System>
void check_derivatives(System system) {
  constexpr int kN = 20;
  for (const Integrator method :
       {Integrator::kEuler, Integrator::kSemiImplicit, Integrator::kMidpoint, Integrator::kRk4}) {
    if (method == Integrator::kSemiImplicit && System::kObsDim % 2 == 1) continue;
    const AnalyticModel<System> model(system, {0.05, method, 2});
    const Batchd x = random_batch(model.obs_dim(), kN, 1, 0.9),
                 u = random_batch(model.action_dim(), kN, 2, 2.0);
    const Batchd weights = random_batch(model.obs_dim(), kN, 3);
    const Index nz = model.obs_dim() + model.action_dim();
    Batchd exact(model.obs_dim(), kN * nz), differences = exact, hessian(nz, kN * nz), hessian_fd = hessian;

    typename AnalyticModel<System>::Workspace none;
    model.linearize(x, u, exact, none);
    model.weighted_hessian(x, u, weights, hessian, none);

    const FiniteDifferenceModel<AnalyticModel<System>> fd(model);
    typename FiniteDifferenceModel<AnalyticModel<System>>::Workspace w;
    fd.linearize(x, u, differences, w);
    INFO("integrator " << static_cast<int>(method));
    CHECK(distance(exact, differences) < 1e-8);

    const HessianByDifferences<AnalyticModel<System>> second(model);
    typename HessianByDifferences<AnalyticModel<System>>::Workspace w2;
    second.weighted_hessian(x, u, weights, hessian_fd, w2);
    CHECK(distance(hessian, hessian_fd) < 1e-7);
  }
}

TEST_CASE("derivatives of the analytic systems equal finite differences") {
  SECTION("point mass") { check_derivatives(PointMassSystem{.mass = 1.3, .drag = 0.2}); }
  SECTION("pendulum") { check_derivatives(PendulumSystem{.damping = 0.1}); }
  SECTION("cart-pole") { check_derivatives(CartPoleSystem{}); }
  SECTION("unicycle") { check_derivatives(UnicycleSystem{}); }
  SECTION("acrobot") { check_derivatives(AcrobotSystem{}); }
  SECTION("planar quadrotor") { check_derivatives(PlanarQuadrotorSystem{}); }
  SECTION("quadrotor") { check_derivatives(QuadrotorSystem{}); }
}

TEST_CASE("jets differentiate every function they offer") {
  using D = Jet<double, 1>;
  using DD = Jet<D, 1>;
  const auto check = [](auto f) {
    const double at = 0.7, h = 1e-4;
    const DD y = f(DD::variable(D::variable(at, 0), 0));
    CHECK(y.v.v == Approx(f(at)).epsilon(1e-14));
    CHECK(y.v.d[0] == Approx((f(at + h) - f(at - h)) / (2 * h)).epsilon(1e-7));
    CHECK(y.d[0].d[0] == Approx((f(at + h) - 2 * f(at) + f(at - h)) / (h * h)).epsilon(1e-5));
    CHECK(y.v.d[0] == Approx(y.d[0].v).epsilon(1e-14));
  };
  using std::sin, std::cos, std::tan, std::exp, std::log, std::sqrt, std::tanh;
  check([](auto x) { return sin(x) * cos(x) - x; });
  check([](auto x) { return tan(x) / (1.0 + x * x); });
  check([](auto x) { return exp(-x) * 3.0 + 2.0 / x - 1.0; });
  check([](auto x) { return log(x) * sqrt(x) + (1.0 - x) / 4.0; });
  check([](auto x) {
    auto y = tanh(x);
    y *= x;
    y /= x + 2.0;
    y -= x;
    y += 0.5;
    return y;
  });
}

TEST_CASE("integrators have their orders") {
  const Vecd start = (Vecd(2) << 2.0, -1.0).finished(), torque = Vecd::Constant(1, 0.7);
  const auto after_a_second = [&](Integrator method, int substeps) {
    const AnalyticModel model(PendulumSystem{}, {1.0, method, substeps});
    AnalyticModel<PendulumSystem>::Workspace none;
    Vecd next(2);
    model.step(start, torque, next, none);
    return next;
  };
  const Vecd truth = after_a_second(Integrator::kRk4, 4000);
  const std::vector<std::pair<Integrator, double>> orders{{Integrator::kEuler, 1},
                                                          {Integrator::kSemiImplicit, 1},
                                                          {Integrator::kMidpoint, 2},
                                                          {Integrator::kRk4, 4}};
  for (const auto& [method, order] : orders) {
    const double coarse = (after_a_second(method, 100) - truth).norm(),
                 fine = (after_a_second(method, 200) - truth).norm();
    CHECK(std::log2(coarse / fine) == Approx(order).margin(0.15));
  }
}

TEST_CASE("systems keep what physics keeps") {
  // Energy of the free cart-pole and acrobot.
  const auto drift = [](auto model, Vecd x, auto energy) {
    typename decltype(model)::Workspace none;
    const double before = energy(x);
    Vecd next(x.size());
    for (int t = 0; t < 200; ++t) {
      model.step(x, Vecd::Zero(model.action_dim()), next, none);
      x = next;
    }
    return std::abs(energy(x) - before);
  };
  const CartPoleSystem c;
  CHECK(drift(AnalyticModel(c, {0.01}), (Vecd(4) << 0.1, 2.0, 0.5, -1.0).finished(), [&](const Vecd& x) {
          const double vx = x(2) + c.length * x(3) * std::cos(x(1)), vy = c.length * x(3) * std::sin(x(1));
          return 0.5 * c.cart_mass * x(2) * x(2) + 0.5 * c.pole_mass * (vx * vx + vy * vy) -
                 c.pole_mass * c.gravity * c.length * std::cos(x(1));
        }) < 1e-5);
  const AcrobotSystem a;
  CHECK(drift(AnalyticModel(a, {0.01}), (Vecd(4) << 1.5, 0.8, 0.3, -0.7).finished(), [&](const Vecd& x) {
          // Kinetic energy of both links about the hinge and of the second about its centre.
          const double w2 = x(2) + x(3), v1 = a.length1 * x(2), v2 = a.com2 * w2;
          const double kinetic = 0.5 * (a.mass1 * a.com1 * a.com1 + a.inertia1) * x(2) * x(2) +
                                 0.5 * a.mass2 * (v1 * v1 + v2 * v2 + 2 * v1 * v2 * std::cos(x(1))) +
                                 0.5 * a.inertia2 * w2 * w2;
          return kinetic - (a.mass1 * a.com1 + a.mass2 * a.length1) * a.gravity * std::cos(x(0)) -
                 a.mass2 * a.com2 * a.gravity * std::cos(x(0) + x(1));
        }) < 1e-5);
}

TEST_CASE("the quadrotor hovers, turns and accelerates along its axis") {
  const QuadrotorSystem q;
  const AnalyticModel model(q, {0.01});
  AnalyticModel<QuadrotorSystem>::Workspace none;
  Vecd x = Vecd::Zero(12), next(12);
  const Vecd hover = Vecd::Constant(4, q.mass * q.gravity / 4);
  model.step(x, hover, next, none);
  CHECK(next.norm() < 1e-14);
  // Turning at a constant rate about an axis: tan(angle / 4).
  x(9) = 1.0;
  for (int t = 0; t < 100; ++t) {
    model.step(x, hover, next, none);
    x = next;
  }
  CHECK(x(3) == Approx(std::tan(0.25)).epsilon(1e-9));
  // Rolled by a right angle, the thrust points along -y.
  std::array<double, 12> s{}, ds{};
  s[3] = std::tan(std::acos(-1.0) / 8);
  q.derivative(s, std::array<double, 4>{1, 1, 1, 1}, ds);
  CHECK(ds[6] == Approx(0.0).margin(1e-12));
  CHECK(ds[7] == Approx(-4.0 / q.mass));
  CHECK(ds[8] == Approx(-q.gravity));
}

TEST_CASE("finite differences are the same for any number of threads") {
  const AnalyticModel<CartPoleSystem> model;
  const Batchd x = random_batch(4, 37, 1), u = random_batch(1, 37, 2);
  ThreadPool pool(3);
  using Fd = FiniteDifferenceModel<AnalyticModel<CartPoleSystem>>;
  Fd::Workspace w1, w3, wo;
  Batchd serial(4, 37 * 5), parallel = serial, one_sided = serial;
  Fd(model).linearize(x, u, serial, w1);
  Fd(model, {}, &pool).linearize(x, u, parallel, w3);
  Fd(model, {.step = 1e-7, .central = false, .block = 5}).linearize(x, u, one_sided, wo);
  CHECK(serial == parallel);
  CHECK(distance(one_sided, serial) < 1e-5);
  CHECK_THROWS_AS(Fd(model).linearize(x, u.leftCols(3), serial, w1), Error);
  CHECK_THROWS_AS(Fd(model).linearize(x, u, serial.leftCols(5), w1), Error);
  CHECK_THROWS_AS(Fd(model, {.step = 0.0}), Error);
  CHECK_THROWS_AS(Fd(model, {.block = 0}), Error);
}

TEST_CASE("analytic models name mistakes") {
  CHECK_THROWS_AS(AnalyticModel(CartPoleSystem{}, {.dt = 0.0}), Error);
  CHECK_THROWS_AS(AnalyticModel(CartPoleSystem{}, {.dt = std::numeric_limits<double>::quiet_NaN()}), Error);
  CHECK_THROWS_AS(AnalyticModel(CartPoleSystem{}, {.substeps = 0}), Error);
  CHECK_THROWS_AS(AnalyticModel(UnicycleSystem{}, {.method = Integrator::kSemiImplicit}), Error);
  const AnalyticModel<CartPoleSystem> model;
  AnalyticModel<CartPoleSystem>::Workspace none;
  Batchd next(4, 1);
  CHECK_THROWS_AS(model.step(Batchd::Zero(3, 1), Batchd::Zero(1, 1), next, none), Error);
  CHECK_THROWS_AS(model.step(Batchd::Zero(4, 1), Batchd::Zero(1, 2), next, none), Error);
  CHECK_THROWS_AS(LinearModel(Batchd::Identity(2, 3), Batchd::Ones(2, 1)), Error);
  CHECK_THROWS_AS(LinearModel(Batchd::Identity(2, 2), Batchd::Ones(3, 1)), Error);
}

TEST_CASE("a sampling planner drives an analytic model") {
  ThreadPool pool(2);
  const auto reward = [](ConstBatchRef<double>, ConstBatchRef<double> action, ConstBatchRef<double> next, int,
                         VecRef<double> out) {
    out = -(next.topRows(2).colwise().squaredNorm() + 0.01 * action.colwise().squaredNorm()).transpose();
  };
  ModelRollout rollouts(AnalyticModel(PointMassSystem{}, {0.1}), RewardFunction<double>(reward),
                        {.horizon = 15}, pool);
  ICem planner(rollouts, ActionBounds::uniform(2, -1, 1), {}, 1);
  const auto plan = planner.plan((Vecd(4) << 1.0, 0.0, 0.0, 0.0).finished(), 0);
  CHECK(plan.actions(0, 0) < -0.5);
}

}  // namespace
}  // namespace mbrl
