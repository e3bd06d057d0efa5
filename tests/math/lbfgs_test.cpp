// L-BFGS on functions whose minima are known, and what it says where there is none to be found.
#include "mbrl/math/lbfgs.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

// Rosenbrock's valley in n dimensions, minimum 0 at ones.
double rosenbrock_with_gradient(const Vecd& x, Vecd& g) {
  double f = 0.0;
  g.setZero();
  for (Index i = 0; i + 1 < x.size(); ++i) {
    const double off = x[i + 1] - x[i] * x[i], left = 1.0 - x[i];
    f += 100.0 * off * off + left * left;
    g[i] -= 400.0 * off * x[i] + 2.0 * left;
    g[i + 1] += 200.0 * off;
  }
  return f;
}

TEST_CASE("lbfgs: Rosenbrock's valley leads to its minimum") {
  for (const int n : {2, 10}) {
    const LbfgsResult r = minimize_lbfgs(rosenbrock_with_gradient, Vecd::Constant(n, -1.2),
                                         {.iterations = 500, .gradient_tolerance = 1e-9});
    CAPTURE(n, r.iterations, r.evaluations, r.value);
    CHECK(r.status == LbfgsStatus::kConverged);
    CHECK((n == 10 ||
           (r.x - Vecd::Ones(n)).norm() < 1e-7));  // in ten dimensions there is a second, local minimum
    CHECK(r.gradient <= 1e-9);
    CHECK(r.evaluations < 2 * r.iterations + 20);
  }
  const LbfgsResult r = minimize_lbfgs(rosenbrock_with_gradient, Vecd::Zero(10),
                                       {.iterations = 500, .gradient_tolerance = 1e-9});
  CHECK((r.x - Vecd::Ones(10)).norm() < 1e-7);
}

TEST_CASE("lbfgs: a quadratic form, of curvatures 1 to 1000") {
  const Vecd curvature = Vecd::LinSpaced(20, 0.0, 3.0).unaryExpr([](double e) { return std::pow(10.0, e); });
  const Vecd centre = Vecd::LinSpaced(20, -3.0, 5.0);
  const SmoothFunction f = [&](const Vecd& x, Vecd& g) {
    g = curvature.cwiseProduct(x - centre);
    return 0.5 * (x - centre).dot(g) - 7.0;
  };
  const LbfgsResult r = minimize_lbfgs(f, Vecd::Zero(20), {.iterations = 300, .gradient_tolerance = 1e-6});
  CHECK(r.status == LbfgsStatus::kConverged);
  CHECK((r.x - centre).cwiseAbs().maxCoeff() < 1e-5);
  CHECK(r.value == Approx(-7.0));
  CHECK(minimize_lbfgs(f, Vecd::Zero(20), {.iterations = 3}).status == LbfgsStatus::kIterationLimit);
  CHECK(minimize_lbfgs(f, Vecd::Zero(20), {.iterations = 3}).iterations == 3);
  const LbfgsResult at_once = minimize_lbfgs(f, centre);
  CHECK(at_once.status == LbfgsStatus::kConverged);
  CHECK(at_once.evaluations == 1);
}

TEST_CASE("lbfgs: where the function ends, steps are shortened") {
  // log's domain: minimum 1 at 1; the first steps lead to negative numbers.
  const SmoothFunction f = [](const Vecd& x, Vecd& g) {
    g[0] = 1.0 - 1.0 / x[0];
    return x[0] > 0.0 ? x[0] - std::log(x[0]) : std::numeric_limits<double>::quiet_NaN();
  };
  const LbfgsResult r = minimize_lbfgs(f, Vecd::Constant(1, 30.0), {.gradient_tolerance = 1e-9});
  CHECK(r.status == LbfgsStatus::kConverged);
  CHECK(r.x[0] == Approx(1.0));
  CHECK(minimize_lbfgs(f, Vecd::Constant(1, -1.0)).status == LbfgsStatus::kDivergedStart);
}

TEST_CASE("lbfgs: what goes wrong is told") {
  const SmoothFunction lies = [](const Vecd& x, Vecd& g) {
    g = -2.0 * x;
    return x.squaredNorm();
  };
  const LbfgsResult r = minimize_lbfgs(lies, Vecd::Ones(2));
  CHECK(r.status == LbfgsStatus::kStalled);
  CHECK(r.x == Vecd::Ones(2));
  CHECK_THROWS_AS(minimize_lbfgs(rosenbrock_with_gradient, Vecd()), Error);
  CHECK_THROWS_AS(minimize_lbfgs(rosenbrock_with_gradient, Vecd::Constant(2, std::nan(""))), Error);
  CHECK_THROWS_AS(minimize_lbfgs(rosenbrock_with_gradient, Vecd::Ones(2), {.memory = 0}), Error);
  CHECK_THROWS_AS(minimize_lbfgs(rosenbrock_with_gradient, Vecd::Ones(2), {.armijo = 0.9, .curvature = 0.5}),
                  Error);
}

}  // namespace
}  // namespace mbrl
