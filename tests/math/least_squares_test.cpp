// Levenberg-Marquardt where the minimum is known.
#include "mbrl/math/least_squares.hpp"

#include <Eigen/LU>

#include <cmath>

#include "catch.hpp"

namespace mbrl {
namespace {

// Rosenbrock's valley as two residuals: the minimum is 0 at (1, 1).
struct Valley {
  Vecd residuals(const Vecd& x) const { return Vecd{{10 * (x(1) - x(0) * x(0)), 1 - x(0)}}; }
  Batchd jacobian(const Vecd& x) const { return Batchd{{-20 * x(0), 10}, {-1, 0}}; }
};

// r = A x - b.
struct Affine {
  Batchd a;
  Vecd b;
  Vecd residuals(const Vecd& x) const { return a * x - b; }
  Batchd jacobian(const Vecd&) const { return a; }
};

TEST_CASE("least squares: Rosenbrock's valley from its classic start") {
  const LeastSquaresResult found = least_squares(Valley{}, Vecd{{-1.2, 1}});
  CHECK(found.converged);
  CHECK(found.x(0) == Approx(1).margin(1e-8));
  CHECK(found.x(1) == Approx(1).margin(1e-8));
  CHECK(found.iterations < 40);
}

TEST_CASE("least squares: a linear problem has the normal equations' solution") {
  const Affine problem{Batchd{{1, 2}, {3, -1}, {0.5, 4}, {-2, 1}}, Vecd{{1, 0, 2, -3}}};
  const LeastSquaresResult found = least_squares(problem, Vecd::Zero(2));
  const Vecd expected = (problem.a.transpose() * problem.a).inverse() * problem.a.transpose() * problem.b;
  CHECK((found.x - expected).norm() < 1e-6);
  CHECK(found.cost == Approx(0.5 * (problem.a * expected - problem.b).squaredNorm()));
  CHECK((found.jacobian - problem.a).norm() == 0);
}

TEST_CASE("least squares: what the residuals do not see stays where it was") {
  // The third column is 0, and the first two are equal: only x0 + x1 is seen.
  const Affine problem{Batchd{{1, 1, 0}, {2, 2, 0}, {-1, -1, 0}}, Vecd{{3, 6, -3}}};
  const LeastSquaresResult found = least_squares(problem, Vecd{{1, 0, 7}});
  CHECK(found.converged);
  CHECK(found.x(0) + found.x(1) == Approx(3).margin(1e-6));
  CHECK(found.x(0) - found.x(1) == Approx(1).margin(1e-6));
  CHECK(found.x(2) == 7);
}

TEST_CASE("least squares: steps where residuals are not finite are taken back") {
  struct Log {  // log x = 1, from where Gauss-Newton's first step leads to a negative number
    Vecd residuals(const Vecd& x) const { return Vecd{{std::log(x(0)) - 1}}; }
    Batchd jacobian(const Vecd& x) const { return Batchd{{1 / x(0)}}; }
  };
  const LeastSquaresResult found = least_squares(Log{}, Vecd{{50}});
  CHECK(found.x(0) == Approx(std::exp(1.0)).margin(1e-6));
  CHECK_THROWS_WITH(least_squares(Log{}, Vecd{{-1}}), Catch::Contains("not finite at the start"));
  CHECK_THROWS_WITH(least_squares(Valley{}, Vecd{{0, 0}}, {.iterations = 0}),
                    Catch::Contains("iterations is 0"));
  CHECK_THROWS_WITH(least_squares(Valley{}, Vecd{{0, 0}}, {.damping = -1}), Catch::Contains("damping is -1"));
}

}  // namespace
}  // namespace mbrl
