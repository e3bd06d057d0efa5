// Quadratic programs in a box against their optimality conditions.
#include "mbrl/math/box_qp.hpp"

#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

TEST_CASE("box quadratic programs satisfy the optimality conditions") {
  const RandomStream random(2, Stream::kUser);
  for (std::uint32_t problem = 0; problem < 200; ++problem) {
    const int n = 1 + static_cast<int>(problem % 8);
    Batchd root(n, n);
    Vecd g(n), low(n), high(n);
    for (Index i = 0; i < n; ++i) {
      const auto e = static_cast<std::uint32_t>(i);
      g(i) = 3 * random.normal(problem, 1, e);
      low(i) = -random.uniform(problem, 2, e);
      high(i) = random.uniform(problem, 3, e);
      for (Index j = 0; j < n; ++j) root(i, j) = random.normal(problem, 4, e, static_cast<std::uint32_t>(j));
    }
    const Batchd h = root * root.transpose() + 0.01 * Batchd::Identity(n, n);
    BoxQp<> qp(n);
    qp.x().setConstant(10.0);
    REQUIRE(qp.solve(h, g, low, high) == BoxQpStatus::kSolved);
    const Vecd gradient = h * qp.x() + g;
    for (Index i = 0; i < n; ++i) {
      CHECK((qp.x()(i) >= low(i) && qp.x()(i) <= high(i)));
      if (qp.x()(i) == low(i))
        CHECK(gradient(i) > -1e-7);
      else if (qp.x()(i) == high(i))
        CHECK(gradient(i) < 1e-7);
      else
        CHECK(std::abs(gradient(i)) < 1e-7);
    }
  }
  BoxQp<> qp(2);
  CHECK(qp.solve(-Batchd::Identity(2, 2), Vecd::Constant(2, 0.1), Vecd::Constant(2, -1.0), Vecd::Ones(2)) ==
        BoxQpStatus::kIndefinite);
  CHECK_THROWS_AS(BoxQp<>(0), Error);
  CHECK_THROWS_AS(BoxQp<>(2, {.iterations = 0}), Error);
  CHECK_THROWS_AS(BoxQp<>(2, {.gradient_tolerance = -1.0}), Error);
  CHECK_THROWS_AS(BoxQp<>(2, {.armijo = 1.0}), Error);
  CHECK_THROWS_AS(BoxQp<>(2, {.shrink = 1.0}), Error);  // its line search would not end
}

}  // namespace
}  // namespace mbrl
