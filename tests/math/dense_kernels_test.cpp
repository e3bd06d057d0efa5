// The vector kernels against Eigen, with every instruction set this processor has.
#include "mbrl/math/dense_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "catch.hpp"
#include "each_target.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/small_cholesky.hpp"

namespace mbrl {
namespace {

Batchd random_matrix(Index rows, Index cols, std::uint32_t problem, std::uint32_t id) {
  const RandomStream random(5, Stream::kUser);
  Batchd m(rows, cols);
  for (Index i = 0; i < m.size(); ++i)
    m.data()[i] = random.normal(problem, id, static_cast<std::uint32_t>(i));
  return m;
}

TEST_CASE("dense kernels compute what Eigen computes for every size") {
  testing::for_each_target([&](const std::string& target) {
    INFO("instruction set " << target);
    for (Index rows = 1; rows <= 27; ++rows)
      for (const Index cols : {1, 2, 3, 7, 13, 24})
        for (const Index depth : {1, 5, 9}) {
          const Batchd a = random_matrix(rows + 2, depth, 1, 1).topRows(rows + 2),
                       b = random_matrix(depth, cols, 1, 2), c = random_matrix(rows, cols, 1, 3);
          const Batchd top = a.topRows(rows), bt = b.transpose();
          Batchd d = Batchd::Constant(rows, cols, 77.0);
          dense::Product p{rows, cols,  depth,   a.data(), rows + 2, b.data(),
                           1,    depth, nullptr, 0,        d.data(), rows};
          dense::product(p);
          CHECK((d - top * b).cwiseAbs().maxCoeff() < 1e-12);
          p.c = c.data();
          p.ldc = rows;
          p.subtract = true;
          p.b = bt.data();
          p.b_row = cols;
          p.b_col = 1;
          dense::product(p);
          CHECK((d - (c - top * b)).cwiseAbs().maxCoeff() < 1e-12);
          p.subtract = false;
          p.lower = true;
          dense::product(p);
          const Batchd expected = c + top * b;
          double worst = 0;
          for (Index j = 0; j < cols; ++j)
            for (Index i = j; i < rows; ++i) worst = std::max(worst, std::abs(d(i, j) - expected(i, j)));
          CHECK(worst < 1e-12);
        }
    for (Index n = 1; n <= 20; ++n) {
      const Batchd a = random_matrix(n, 5, 2, 1);
      Batchd t(5, n);
      dense::transpose(n, 5, a.data(), n, t.data(), 5);
      CHECK(t == a.transpose());
      const Vecd x = random_matrix(n, 1, 2, 2), c = random_matrix(5, 1, 2, 3);
      Vecd y(5);
      dense::transposed_times(n, 5, a.data(), n, x.data(), c.data(), y.data());
      CHECK((y - (a.transpose() * x + c)).norm() < 1e-12);
      dense::transposed_times(n, 5, a.data(), n, x.data(), nullptr, y.data());
      CHECK((y - a.transpose() * x).norm() < 1e-12);
      Batchd m = random_matrix(n, n, 2, 4);
      const Batchd lower = m.triangularView<Eigen::Lower>();
      dense::mirror_lower(n, m.data(), n);
      CHECK(m == Batchd(lower.selfadjointView<Eigen::Lower>()));

      Batchd root = random_matrix(5, 5, 2, 5);
      const Batchd h = root * root.transpose() + Batchd::Identity(5, 5);
      Batchd l = h;
      Vecd inverse(5);
      REQUIRE(detail::cholesky_in_place(l, inverse, 5));
      Batchd yy(n, 5), g(n, 5);
      dense::solve_gain(n, 5, l.data(), 5, inverse.data(), a.data(), n, yy.data(), n, g.data(), n);
      CHECK((g * h + a).norm() < 1e-11);
      CHECK((yy * yy.transpose() + g * a.transpose()).norm() < 1e-11);
    }
  });
}

TEST_CASE("a small Cholesky factor refuses what is not positive definite") {
  Batchd indefinite = -Batchd::Identity(2, 2);
  Vecd inverse(2);
  CHECK_FALSE(detail::cholesky_in_place(indefinite, inverse, 2));
}

}  // namespace
}  // namespace mbrl
