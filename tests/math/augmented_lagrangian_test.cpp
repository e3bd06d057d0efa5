// The augmented Lagrangian and dual ascent: against the optimality conditions, solved densely, and a
// published test problem, and what becomes of programmes that have no solution.
#include "mbrl/math/augmented_lagrangian.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// 1/2 x'Hx + g'x with c_low <= Ax <= c_high, dense.
struct QuadraticProgram : NonlinearProgram {
  Batchd h, a;
  Vecd g, x_low, x_high, c_low, c_high;

  QuadraticProgram(Batchd hessian, Vecd gradient, Batchd jacobian, const Vecd& equals)
      : h(std::move(hessian)), a(std::move(jacobian)), g(std::move(gradient)), c_low(equals), c_high(equals) {
    x_low.setConstant(g.size(), -kInf);
    x_high.setConstant(g.size(), kInf);
  }
  int variables() const override { return static_cast<int>(g.size()); }
  int constraints() const override { return static_cast<int>(a.rows()); }
  void limits(VecRef<double> xl, VecRef<double> xh, VecRef<double> cl, VecRef<double> ch) const override {
    xl = x_low;
    xh = x_high;
    cl = c_low;
    ch = c_high;
  }
  double evaluate(ConstVecRef<double> x, VecRef<double> c) override {
    c = a * x;
    return 0.5 * x.dot(h * x) + g.dot(x);
  }
  void derivatives(ConstVecRef<double> x, VecRef<double> gradient, SparseEntries& jacobian) override {
    gradient = h * x + g;
    jacobian.clear();
    for (int i = 0; i < a.rows(); ++i)
      for (int j = 0; j < a.cols(); ++j) jacobian.push_back({i, j, a(i, j)});
  }
  void hessian(ConstVecRef<double>, ConstVecRef<double>, SparseEntries& out) override {
    out.clear();
    for (int j = 0; j < h.cols(); ++j)
      for (int i = j; i < h.rows(); ++i) out.push_back({i, j, h(i, j)});
  }
};

// Solution and multipliers of the equality-constrained programme, from its dense optimality conditions.
std::pair<Vecd, Vecd> exact(const QuadraticProgram& p) {
  const Index n = p.g.size(), m = p.a.rows();
  Batchd kkt = Batchd::Zero(n + m, n + m);
  kkt.topLeftCorner(n, n) = p.h;
  kkt.topRightCorner(n, m) = p.a.transpose();
  kkt.bottomLeftCorner(m, n) = p.a;
  Vecd rhs(n + m);
  rhs << -p.g, p.c_low;
  const Vecd z = kkt.fullPivLu().solve(rhs);
  return {z.head(n), z.tail(m)};
}

Batchd random_matrix(int rows, int cols, std::uint32_t seed) {
  const RandomStream random(seed, Stream::kUser);
  return Batchd::NullaryExpr(rows, cols, [&](Index i, Index j) {
    return random.normal(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j));
  });
}

// Curvatures from 1e-3 to 1e3, constraints from 1e-1 to 1e1.
QuadraticProgram badly_scaled() {
  constexpr int kN = 12, kM = 5;
  const Vecd curvature = Vecd::LinSpaced(kN, -3.0, 3.0).unaryExpr([](double e) { return std::pow(10.0, e); });
  const Vecd rows = Vecd::LinSpaced(kM, -1.0, 1.0).unaryExpr([](double e) { return std::pow(10.0, e); });
  return QuadraticProgram(curvature.asDiagonal(), random_matrix(kN, 1, 2),
                          rows.asDiagonal() * random_matrix(kM, kN, 3), random_matrix(kM, 1, 4));
}

TEST_CASE("augmented lagrangian solves a badly scaled programme in few updates, dual ascent does not") {
  QuadraticProgram p = badly_scaled();
  const auto [x, y] = exact(p);
  AugmentedLagrangianSettings settings;
  settings.feasibility = 1e-8;
  settings.outer_iterations = 19;
  const ProgramResult r = minimize(p, Vecd::Zero(x.size()), settings);
  CAPTURE(r.violation, r.optimality, r.penalty, r.trace.size());
  CHECK(r.status == ProgramStatus::kConverged);
  CHECK(r.violation < 1e-8);
  CHECK((r.x() - x).norm() < 1e-5 * x.norm());
  CHECK((r.y() - y).norm() < 1e-5 * y.norm());

  settings.method = DualMethod::kDualAscent;
  const ProgramResult slow = minimize(p, Vecd::Zero(x.size()), settings);
  CHECK(slow.status == ProgramStatus::kIterationLimit);
  CHECK_FALSE(slow.violation < 1e-8);
}

TEST_CASE("dual ascent converges linearly to the optimality conditions' solution") {
  const Batchd root = random_matrix(6, 6, 5);
  QuadraticProgram p(root * root.transpose() + Batchd::Identity(6, 6), random_matrix(6, 1, 6),
                     random_matrix(3, 6, 7), random_matrix(3, 1, 8));
  const auto [x, y] = exact(p);
  // The error of y is multiplied by I - alpha S, S = A H^-1 A': with this alpha the norm of that is its
  // bound.
  const Batchd s = p.a * p.h.inverse() * p.a.transpose();
  const Vecd spectrum = Eigen::SelfAdjointEigenSolver<Batchd>(s).eigenvalues().reverse();
  const double alpha = 2.0 / (spectrum(0) + spectrum(2));
  const double rate = (spectrum(0) - spectrum(2)) / (spectrum(0) + spectrum(2));
  AugmentedLagrangianSettings settings;
  settings.method = DualMethod::kDualAscent;
  settings.initial_penalty = alpha;
  settings.optimality = 1e-12;
  settings.feasibility = 1e-14;
  double last = y.norm();
  for (int updates = 1; updates <= 40; ++updates) {
    settings.outer_iterations = updates;
    const ProgramResult r = minimize(p, Vecd::Zero(6), settings);
    const double error = (r.y() - y).norm();
    CHECK(error <= rate * last * (1 + 1e-6) + 1e-12);
    last = error;
  }
  settings.outer_iterations = 10000;
  settings.optimality = settings.feasibility = 1e-9;
  const ProgramResult r = minimize(p, Vecd::Zero(6), settings);
  CHECK(r.status == ProgramStatus::kConverged);
  CHECK((r.x() - x).norm() < 1e-7);
}

// Problem 71 of Hock and Schittkowski, "Test examples for nonlinear programming codes", 1981.
struct Hs071 : NonlinearProgram {
  int variables() const override { return 4; }
  int constraints() const override { return 2; }
  void limits(VecRef<double> xl, VecRef<double> xh, VecRef<double> cl, VecRef<double> ch) const override {
    xl.setConstant(1.0);
    xh.setConstant(5.0);
    cl << 25.0, 40.0;
    ch << kInf, 40.0;
  }
  double evaluate(ConstVecRef<double> x, VecRef<double> c) override {
    c << x.prod(), x.squaredNorm();
    return x(0) * x(3) * (x(0) + x(1) + x(2)) + x(2);
  }
  void derivatives(ConstVecRef<double> x, VecRef<double> g, SparseEntries& jacobian) override {
    const double sum = x(0) + x(1) + x(2);
    g << x(3) * (sum + x(0)), x(0) * x(3), x(0) * x(3) + 1, x(0) * sum;
    jacobian.clear();
    for (int j = 0; j < 4; ++j) {
      jacobian.push_back({0, j, x.prod() / x(j)});
      jacobian.push_back({1, j, 2 * x(j)});
    }
  }
  void hessian(ConstVecRef<double> x, ConstVecRef<double> y, SparseEntries& out) override {
    Batchd h = Batchd::Zero(4, 4);
    h(0, 0) = 2 * x(3);
    h(1, 0) = h(2, 0) = x(3);
    h(3, 0) = 2 * x(0) + x(1) + x(2);
    h(3, 1) = h(3, 2) = x(0);
    out.clear();
    for (int j = 0; j < 4; ++j)
      for (int i = j; i < 4; ++i)
        out.push_back({i, j, h(i, j) + (i == j ? 2 * y(1) : y(0) * x.prod() / (x(i) * x(j)))});
  }
};

TEST_CASE("augmented lagrangian solves Hock and Schittkowski's problem 71") {
  Hs071 p;
  const Vecd start = (Vecd(4) << 1.0, 5.0, 5.0, 1.0).finished();
  AugmentedLagrangianSettings settings;
  settings.optimality = 1e-9;
  const ProgramResult r = minimize(p, start, settings);
  CAPTURE(static_cast<int>(r.status), r.violation, r.optimality, r.penalty, r.newton_steps);
  CHECK(r.status == ProgramStatus::kConverged);
  CHECK(std::abs(r.objective - 17.0140173) < 1e-6);
  const Vecd published = (Vecd(4) << 1.0, 4.7429994, 3.8211503, 1.3794082).finished();
  CHECK((r.x() - published).cwiseAbs().maxCoeff() < 1e-6);
  CHECK(r.y()(0) == Approx(-0.5522937).epsilon(1e-5));
  CHECK(r.y()(1) == Approx(0.1614686).epsilon(1e-5));
  CHECK(r.x()(0) == 1.0);  // on its limit exactly
}

TEST_CASE("inequalities and limits end at a point that satisfies the optimality conditions") {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Batchd root = random_matrix(8, 8, 100 + seed);
    QuadraticProgram p(root * root.transpose() + 0.1 * Batchd::Identity(8, 8),
                       3 * random_matrix(8, 1, 200 + seed), random_matrix(5, 8, 300 + seed), Vecd::Zero(5));
    p.x_low.setConstant(-0.5);
    p.x_high.setConstant(0.4);
    p.c_low.setConstant(-0.3);
    p.c_high << 0.2, kInf, 0.2, 0.0, kInf;
    const ProgramResult r = minimize(p, Vecd::Constant(8, 7.0));
    CAPTURE(seed, r.newton_steps, r.violation, r.optimality);
    REQUIRE(r.status == ProgramStatus::kConverged);
    const Vecd x = r.x(), y = r.y(), c = p.a * x, slope = p.h * x + p.g + p.a.transpose() * y;
    for (Index i = 0; i < 8; ++i) {
      CHECK((x(i) >= -0.5 && x(i) <= 0.4));
      if (x(i) > -0.5 && x(i) < 0.4) CHECK(std::abs(slope(i)) < 1e-5);
      if (x(i) == -0.5) CHECK(slope(i) > -1e-5);
      if (x(i) == 0.4) CHECK(slope(i) < 1e-5);
    }
    for (Index i = 0; i < 5; ++i) {
      CHECK((c(i) >= p.c_low(i) - 1e-8 && c(i) <= p.c_high(i) + 1e-8));
      if (y(i) > 1e-9) CHECK(c(i) == Approx(p.c_high(i)).margin(1e-8));
      if (y(i) < -1e-9) CHECK(c(i) == Approx(p.c_low(i)).margin(1e-8));
    }
  }
}

TEST_CASE("programmes without a solution end with a status, wrong input throws") {
  QuadraticProgram p = badly_scaled();
  const Index n = p.g.size();
  SECTION("constraints that contradict each other") {
    p.a.row(1) = p.a.row(0);
    p.c_low(1) = p.c_high(1) = p.c_low(0) + 1.0;
    CHECK(minimize(p, Vecd::Zero(n)).status == ProgramStatus::kInfeasible);
  }
  SECTION("a start that is not finite there") {
    p.g(0) = std::numeric_limits<double>::quiet_NaN();
    const ProgramResult r = minimize(p, Vecd::Zero(n));
    CHECK(r.status == ProgramStatus::kDivergedStart);
    CHECK(std::isinf(r.violation));  // nothing is known of it, least of all that it is feasible
    CHECK(std::isinf(r.optimality));
  }
  SECTION("an indefinite Hessian, bounded by the box alone") {
    QuadraticProgram q(-Batchd::Identity(2, 2), Vecd::Constant(2, 0.1), Batchd(0, 2), Vecd());
    q.x_low.setConstant(-1.0);
    q.x_high.setConstant(2.0);
    const ProgramResult r = minimize(q, Vecd::Zero(2));
    CHECK(r.status == ProgramStatus::kConverged);
    CHECK(r.factorizations > r.newton_steps);
    CHECK(r.x() == Vecd::Constant(2, -1.0));  // downhill from the start
  }
  SECTION("unbounded below") {
    QuadraticProgram q(-Batchd::Identity(2, 2), Vecd::Constant(2, 0.1), Batchd(0, 2), Vecd());
    CHECK(minimize(q, Vecd::Zero(2)).status != ProgramStatus::kConverged);
  }
  SECTION("wrong input") {
    const Vecd zero = Vecd::Zero(n);
    CHECK_THROWS_AS(minimize(p, Vecd::Zero(n + 1)), Error);
    CHECK_THROWS_AS(minimize(p, Vecd::Constant(n, std::numeric_limits<double>::quiet_NaN())), Error);
    CHECK_THROWS_AS(minimize(p, zero, {}, Vecd::Zero(2)), Error);
    CHECK_THROWS_AS(minimize(p, zero, {.outer_iterations = 0}), Error);
    CHECK_THROWS_AS(minimize(p, zero, {.initial_penalty = 0.0}), Error);
    CHECK_THROWS_AS(minimize(p, zero, {.penalty_factor = 1.0}), Error);
    CHECK_THROWS_AS(minimize(p, zero, {.shrink = 1.0}), Error);
    p.x_low(0) = 1.0;
    p.x_high(0) = 0.0;
    CHECK_THROWS_AS(minimize(p, zero), Error);
  }
}

}  // namespace
}  // namespace mbrl
