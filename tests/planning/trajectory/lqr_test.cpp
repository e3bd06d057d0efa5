// LQR against a dense solve of the optimality conditions, its value function, the infinite horizon, and what
// the vector kernels compute against Eigen.
#include "mbrl/planning/trajectory/lqr.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/dare.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {
namespace {

Batchd random_matrix(Index rows, Index cols, std::uint32_t problem, std::uint32_t id) {
  const RandomStream random(5, Stream::kUser);
  Batchd m(rows, cols);
  for (Index i = 0; i < m.size(); ++i)
    m.data()[i] = random.normal(problem, id, static_cast<std::uint32_t>(i));
  return m;
}

void fill(LqrProblem<>& p, std::uint32_t problem) {
  const Index nx = p.nx, nz = p.nz();
  std::uint32_t id = 0;
  for (int t = 0; t < p.horizon; ++t) {
    p.dynamics_at(t) = random_matrix(nx, nz, problem, id++) / std::sqrt(static_cast<double>(nz));
    const Batchd root = random_matrix(nz, nz, problem, id++);
    p.cost_at(t) = root * root.transpose() / static_cast<double>(nz) + 0.1 * Batchd::Identity(nz, nz);
    p.offset.col(t) = random_matrix(nx, 1, problem, id++);
    p.cost_gradient.col(t) = random_matrix(nz, 1, problem, id++);
  }
  const Batchd root = random_matrix(nx, nx, problem, id++);
  p.final_cost = root * root.transpose() / static_cast<double>(nx);
  p.final_gradient = random_matrix(nx, 1, problem, id++);
}

struct Dense {
  Batchd states, actions;
  double cost = 0;
};

// Unknowns z_0, ..., z_{N-1}, x_N and a multiplier for every state: one linear system.
Dense solve_dense(const LqrProblem<>& p, const Vecd& x0) {
  const Index nx = p.nx, nz = p.nz(), n = p.horizon;
  const Index primal = n * nz + nx, dual = (n + 1) * nx;
  Batchd kkt = Batchd::Zero(primal + dual, primal + dual);
  Vecd rhs = Vecd::Zero(primal + dual);
  for (Index t = 0; t < n; ++t) {
    kkt.block(t * nz, t * nz, nz, nz) = p.cost_at(static_cast<int>(t));
    rhs.segment(t * nz, nz) = -p.cost_gradient.col(t);
  }
  kkt.block(n * nz, n * nz, nx, nx) = p.final_cost;
  rhs.segment(n * nz, nx) = -p.final_gradient;
  Batchd constraints = Batchd::Zero(dual, primal);
  constraints.block(0, 0, nx, nx).setIdentity();
  rhs.segment(primal, nx) = x0;
  for (Index t = 0; t < n; ++t) {
    constraints.block((t + 1) * nx, t * nz, nx, nz) = -p.dynamics_at(static_cast<int>(t));
    constraints.block((t + 1) * nx, (t + 1) * nz, nx, nx).setIdentity();
    rhs.segment(primal + (t + 1) * nx, nx) = p.offset.col(t);
  }
  kkt.block(primal, 0, dual, primal) = constraints;
  kkt.block(0, primal, primal, dual) = constraints.transpose();
  const Vecd solution = kkt.partialPivLu().solve(rhs);
  Dense out{Batchd(nx, n + 1), Batchd(p.nu, n)};
  for (Index t = 0; t < n; ++t) {
    const Vecd z = solution.segment(t * nz, nz);
    out.states.col(t) = z.head(nx);
    out.actions.col(t) = z.tail(p.nu);
    out.cost += 0.5 * z.dot(p.cost_at(static_cast<int>(t)) * z) + p.cost_gradient.col(t).dot(z);
  }
  const Vecd last = solution.segment(n * nz, nx);
  out.states.col(n) = last;
  out.cost += 0.5 * last.dot(p.final_cost * last) + p.final_gradient.dot(last);
  return out;
}

template <int Nx, int Nu>
double worst_distance(int nx, int nu, int horizon, std::uint32_t problem) {
  LqrProblem<> any(nx, nu, horizon);
  fill(any, problem);
  LqrProblem<Nx, Nu> p(nx, nu, horizon);
  p.dynamics = any.dynamics;
  p.offset = any.offset;
  p.cost = any.cost;
  p.cost_gradient = any.cost_gradient;
  p.final_cost = any.final_cost;
  p.final_gradient = any.final_gradient;
  const Vecd x0 = random_matrix(nx, 1, problem, 1000);
  const Dense expected = solve_dense(any, x0);
  Lqr<Nx, Nu> lqr(nx, nu, horizon);
  lqr.solve(p);
  Batchd states(nx, horizon + 1), actions(nu, horizon);
  lqr.roll_out(p, x0, states, actions);
  const double scale = 1.0 + expected.actions.cwiseAbs().maxCoeff() + expected.states.cwiseAbs().maxCoeff();
  const double off = std::max((actions - expected.actions).cwiseAbs().maxCoeff(),
                              (states - expected.states).cwiseAbs().maxCoeff()) /
                     scale;
  return std::max(off, std::abs(lqr.value(0, x0) - expected.cost) / (1.0 + std::abs(expected.cost)));
}

TEST_CASE("lqr equals a dense solve of the optimality conditions on 100 random problems") {
  double worst = 0;
  for (std::uint32_t problem = 0; problem < 100; ++problem) {
    const int nx = 1 + static_cast<int>(problem % 13), nu = 1 + static_cast<int>(problem % 5),
              horizon = 1 + static_cast<int>(problem % 7);
    worst = std::max(worst, worst_distance<Eigen::Dynamic, Eigen::Dynamic>(nx, nu, horizon, problem));
  }
  CHECK(worst < 1e-10);
  // Sizes fixed at compile time, and those of a humanoid.
  double fixed = 0;
  for (std::uint32_t problem = 0; problem < 5; ++problem) {
    fixed = std::max(fixed, worst_distance<4, 1>(4, 1, 6, problem));
    fixed = std::max(fixed, worst_distance<3, 2>(3, 2, 6, problem));
    fixed = std::max(fixed, worst_distance<18, 6>(18, 6, 3, problem));
    fixed = std::max(fixed, worst_distance<12, 1>(12, 1, 3, problem));
  }
  fixed = std::max(fixed, worst_distance<Eigen::Dynamic, Eigen::Dynamic>(37, 12, 3, 1));
  CHECK(fixed < 1e-10);
  INFO("largest distance " << worst << ", with fixed sizes " << fixed);
}

TEST_CASE("lqr's gains and value function hold at every stage and state") {
  LqrProblem<> p(3, 2, 5);
  fill(p, 7);
  Lqr<> lqr(3, 2, 5);
  lqr.solve(p);
  for (int t = 0; t < 5; ++t) {
    // Bellman's equation at a random state: the law's action has the value, any other costs more.
    const Vecd x = random_matrix(3, 1, 8, static_cast<std::uint32_t>(t));
    const auto cost_of = [&](const Vecd& u) {
      Vecd z(5);
      z << x, u;
      const Vecd next = p.dynamics_at(t) * z + p.offset.col(t);
      return 0.5 * z.dot(p.cost_at(t) * z) + p.cost_gradient.col(t).dot(z) + lqr.value(t + 1, next);
    };
    const Vecd best = lqr.gain(t) * x + lqr.feedforward(t);
    CHECK(cost_of(best) == Approx(lqr.value(t, x)).epsilon(1e-12));
    for (std::uint32_t i = 0; i < 10; ++i)
      CHECK(cost_of(best + 0.1 * random_matrix(2, 1, 9, i)) > cost_of(best));
    CHECK(lqr.value_hessian(t).isApprox(lqr.value_hessian(t).transpose(), 1e-14));
  }
}

TEST_CASE("lqr names mistakes and refuses problems without a minimum") {
  CHECK_THROWS_AS(LqrProblem<>(3, 2, 0), Error);
  CHECK_THROWS_AS(LqrProblem<>(0, 2, 3), Error);
  CHECK_THROWS_AS((LqrProblem<4, 1>(3, 1, 3)), Error);
  CHECK_THROWS_AS(Lqr<>(3, 2, 0), Error);
  LqrProblem<> p(3, 2, 5);
  fill(p, 1);
  Lqr<> other(3, 2, 4), lqr(3, 2, 5);
  CHECK_THROWS_AS(other.solve(p), Error);
  Batchd states(3, 6), actions(2, 4);
  lqr.solve(p);
  CHECK_THROWS_AS(lqr.roll_out(p, Vecd::Zero(3), states, actions), Error);
  LqrProblem<> indefinite = p;
  indefinite.cost_at(2).bottomRightCorner(2, 2) -= 100.0 * Batchd::Identity(2, 2);
  CHECK(lqr.try_solve(indefinite) == 2);
  CHECK_THROWS_AS(lqr.solve(indefinite), Error);
  for (const int stage : {0, 3}) {
    LqrProblem<> nan = p;
    nan.cost_at(stage)(0, 0) = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(lqr.solve(nan), Error);
  }
}

TEST_CASE("the infinite horizon's gain solves the Riccati equation and is the finite horizon's limit") {
  for (std::uint32_t problem = 0; problem < 20; ++problem) {
    const int nx = 1 + static_cast<int>(problem % 6), nu = 1 + static_cast<int>(problem % 3);
    LqrProblem<> p(nx, nu, 400);
    fill(p, problem);
    const Batchd a = 2.0 * p.dynamics_at(0).leftCols(nx),
                 b = p.dynamics_at(0).rightCols(nu);  // often unstable
    const Batchd q = p.cost_at(0).topLeftCorner(nx, nx), r = p.cost_at(0).bottomRightCorner(nu, nu),
                 cross = p.cost_at(0).topRightCorner(nx, nu);
    const InfiniteLqr infinite = infinite_lqr(a, b, q, r, cross);
    const double scale = 1.0 + infinite.value_hessian.cwiseAbs().maxCoeff();
    CHECK(dare_residual(a, b, q, r, cross, infinite.value_hessian) / scale < 1e-10);
    const int horizon = p.horizon;
    const Batchd cost = p.cost_at(0);
    for (int t = 0; t < horizon; ++t) {
      p.dynamics_at(t).leftCols(nx) = a;
      p.dynamics_at(t).rightCols(nu) = b;
      p.cost_at(t) = cost;
    }
    p.offset.setZero();
    p.cost_gradient.setZero();
    p.final_gradient.setZero();
    Lqr<> lqr(nx, nu, horizon);
    lqr.solve(p);
    CHECK((lqr.gain(0) - infinite.gain).cwiseAbs().maxCoeff() / scale < 1e-8);
    CHECK((lqr.value_hessian(0) - infinite.value_hessian).cwiseAbs().maxCoeff() / scale < 1e-8);
  }
}

TEST_CASE("infinite horizon: a closed form, no stabilising solution, mistakes") {
  // x' = x + u, Q = R = 1: P = (1 + sqrt 5) / 2.
  const Batchd one = Batchd::Ones(1, 1);
  CHECK(infinite_lqr(one, one, one, one).value_hessian(0, 0) ==
        Approx((1 + std::sqrt(5.0)) / 2).epsilon(1e-14));
  const Batchd unstable = 2.0 * one, zero = Batchd::Zero(1, 1);
  CHECK_THROWS_AS(infinite_lqr(unstable, zero, one, one), Error);  // nothing to act with
  CHECK_THROWS_AS(infinite_lqr(unstable, one, zero, one),
                  Error);  // P = 0 solves the equation, but does not stabilise
  CHECK_THROWS_AS(infinite_lqr(one, one, one, zero), Error);
  CHECK_THROWS_AS(infinite_lqr(one, Batchd::Ones(2, 1), one, one), Error);
  CHECK_THROWS_AS(infinite_lqr(one, one, Batchd::Ones(2, 2), one), Error);
}

TEST_CASE("the steady Kalman filter is the limit of its recursion") {
  const Batchd a = (Batchd(2, 2) << 1.0, 0.1, 0.0, 1.0).finished(), c = (Batchd(1, 2) << 1.0, 0.0).finished();
  const Batchd w = (Batchd(2, 2) << 1e-4, 0.0, 0.0, 1e-2).finished(), v = Batchd::Constant(1, 1, 0.05);
  const SteadyKalman steady = steady_kalman(a, c, w, v);
  Batchd p = Batchd::Identity(2, 2), gain;
  for (int i = 0; i < 2000; ++i) {
    gain = p * c.transpose() / (c * p * c.transpose() + v)(0, 0);
    const Batchd after = p - gain * c * p;
    p = a * after * a.transpose() + w;
  }
  CHECK((steady.gain - gain).norm() < 1e-10);
  CHECK((steady.covariance - p).norm() < 1e-10);
}

TEST_CASE("the steady Kalman filter names its own arguments") {
  const Batchd a = (Batchd(2, 2) << 1.0, 0.1, 0.0, 1.0).finished(), c = (Batchd(1, 2) << 1.0, 0.0).finished();
  const Batchd w = Batchd::Identity(2, 2), v = Batchd::Identity(1, 1);
  const auto message = [](const Batchd& a1, const Batchd& c1, const Batchd& w1, const Batchd& v1) {
    try {
      steady_kalman(a1, c1, w1, v1);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(message(a, Batchd::Ones(1, 3), w, v) == "steady_kalman: C is 1 x 3, expected 1 x 2");
  CHECK(message(a, c, Batchd::Identity(3, 3), v) == "steady_kalman: W is 3 x 3, expected 2 x 2");
  CHECK(message(a, c, w, -v) == "steady_kalman: V is not positive definite");
  const Batchd blind = (Batchd(1, 2) << 0.0, 0.0).finished();
  CHECK(message(1.1 * a, blind, w, v).find("(A, C) is not detectable") != std::string::npos);
}

// What `call` throws; empty where it does not.
template <class Call>
std::string complaint_of(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST_CASE("matrices of quadratic forms that are not symmetric are refused by name") {
  const Batchd a = (Batchd(2, 2) << 1.0, 0.1, 0.0, 1.0).finished(), eye = Batchd::Identity(2, 2);
  const Batchd skewed = (Batchd(2, 2) << 1.0, 0.4, 0.0, 1.0).finished();
  const auto refused = [](const std::string& message, const std::string& matrix) {
    INFO(message);
    CHECK(message.find(matrix + " is not symmetric: entry (0, 1) is 0.4 and (1, 0) is 0;") !=
          std::string::npos);
  };
  refused(complaint_of([&] { infinite_lqr(a, eye, skewed, eye); }), "infinite_lqr: Q");
  refused(complaint_of([&] { infinite_lqr(a, eye, eye, skewed); }), "infinite_lqr: R");
  refused(complaint_of([&] { steady_kalman(a, eye, skewed, eye); }), "steady_kalman: W");
  refused(complaint_of([&] { steady_kalman(a, eye, eye, skewed); }), "steady_kalman: V");
  refused(complaint_of([&] { dare_residual(a, eye, eye, skewed, Batchd(), eye); }), "dare_residual: R");
  // The symmetric part is the same form; rounding is no asymmetry.
  const Batchd part = 0.5 * (skewed + skewed.transpose());
  Batchd rounded = part;
  rounded(0, 1) += 1e-16;
  CHECK(infinite_lqr(a, eye, eye, rounded).gain.isApprox(infinite_lqr(a, eye, eye, part).gain, 1e-12));

  LqrProblem<> problem(2, 1, 3);
  for (int t = 0; t < 3; ++t) problem.cost_at(t).setIdentity();
  Lqr<> lqr(2, 1, 3);
  lqr.solve(problem);
  problem.cost_at(1)(0, 1) = 0.4;
  refused(complaint_of([&] { lqr.solve(problem); }), "lqr: a stage's cost");
  problem.cost_at(1)(0, 1) = 0;
  problem.final_cost = skewed;
  refused(complaint_of([&] { lqr.solve(problem); }), "lqr: the final cost");

  const auto cost = [&](const Batchd& q, const Batchd& r, const Batchd& q_final) {
    return complaint_of([&] { QuadraticCost(q, r, q_final, Vecd::Zero(2)); });
  };
  CHECK(cost(skewed, eye, eye).find("QuadraticCost: q is") != std::string::npos);
  CHECK(cost(eye, skewed, eye).find("QuadraticCost: r is") != std::string::npos);
  CHECK(cost(eye, eye, skewed).find("QuadraticCost: q_final is") != std::string::npos);
  CHECK(cost(eye, eye, eye).empty());
}

}  // namespace
}  // namespace mbrl
