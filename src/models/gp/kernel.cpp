#include "models/gp/kernel.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/for_each.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/math/dense_kernels.hpp"
#include "models/gp/exponential.hpp"
#include "models/gp/factor.hpp"

namespace mbrl::gp {
namespace {

// Row by row: of an expression the quotient of whole columns would allocate.
void divide_rows(ConstVecRef<double> squared, BatchRef<double> out) {
  for (Index i = 0; i < squared.size(); ++i) out.row(i) /= std::sqrt(squared[i]);
}

}  // namespace

void left_exponents(ConstBatchRef<double> x, ConstVecRef<double> centre, ConstVecRef<double> lengthscale2,
                    double signal2, Batchd& out) {
  const Index d = x.rows();
  out.resize(d + 2, x.cols());
  out.topRows(d) = x.colwise() - centre;
  divide_rows(lengthscale2, out);
  out.row(d) = (-0.5 * out.topRows(d).colwise().squaredNorm()).array() + std::log(signal2);
  out.row(d + 1).setOnes();
}

void right_exponents(ConstBatchRef<double> x, ConstVecRef<double> centre, ConstVecRef<double> lengthscale2,
                     BatchRef<double> out) {
  const Index d = x.rows();
  out.topRows(d) = x.colwise() - centre;
  divide_rows(lengthscale2, out);
  out.row(d + 1) = -0.5 * out.topRows(d).colwise().squaredNorm();
  out.row(d).setOnes();
}

Batchd self_covariance(ConstBatchRef<double> x, ConstVecRef<double> lengthscale2, double signal2) {
  Batchd k;
  se_covariance(x, x, lengthscale2, signal2, k);
  dense::mirror_lower(k.rows(), k.data(), k.rows());
  k.diagonal().setConstant(signal2);
  return k;
}

void SelfCovariance::lower(ConstBatchRef<double> x, const GpHyperparameters& h, BatchRef<double> out,
                           ThreadPool* pool) {
  constexpr Index kBlock = Factor::kBlock;
  const Index d = x.rows(), n = x.cols(), ld = out.outerStride();
  const double signal2 = h.signal2();
  centre_ = x.rowwise().mean();
  lengthscale2_ = (2.0 * h.log_lengthscale).array().exp();
  right_.resize(d + 2, n);
  left_exponents(x, centre_, lengthscale2_, signal2, left_);
  right_exponents(x, centre_, lengthscale2_, right_);
  columns_ = left_.transpose();
  for_each(pool, static_cast<int>(Factor::blocks(n)), [&](int number) {
    const Index j = number * kBlock, cols = std::min(kBlock, n - j);
    dense::product({.rows = n - j,
                    .cols = cols,
                    .depth = d + 2,
                    .a = &columns_(j, 0),
                    .lda = n,
                    .b = &right_(0, j),
                    .b_row = 1,
                    .b_col = d + 2,
                    .d = &out(j, j),
                    .ldd = ld});
    exponential(&out(j, j), n - j, cols, ld);
    out.diagonal().segment(j, cols).setConstant(signal2);
  });
}

// With M the weights: sum_ij M_ij (a_i - b_j)^2 = sum_i (sum_j M_ij) a_i^2 + sum_j (sum_i M_ij) b_j^2 - 2 a M b'.
void add_covariance_gradient(ConstBatchRef<double> a, ConstBatchRef<double> b, const Batchd& weighted,
                             ConstVecRef<double> lengthscale2, Vecd& gradient, Batchd* of_b) {
  const Index d = a.rows();
  const Vecd centre = b.rowwise().mean();
  const Batchd x = a.colwise() - centre, z = b.colwise() - centre;
  const Vecd of_a_rows = weighted.rowwise().sum();
  const Vecd of_b_rows = weighted.colwise().sum();
  const Batchd mixed = x * weighted;  // D x q
  const Vecd squares = x.array().square().matrix() * of_a_rows + z.array().square().matrix() * of_b_rows -
                       2.0 * mixed.cwiseProduct(z).rowwise().sum();
  gradient.head(d).array() += squares.array() / lengthscale2.array();
  gradient[d] += 2.0 * of_b_rows.sum();
  if (of_b != nullptr)
    of_b->array() += (mixed - z * of_b_rows.asDiagonal()).array().colwise() / lengthscale2.array();
}

void check_data(const char* who, ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                const GpHyperparameters& hyperparameters) {
  require(inputs.rows() >= 1 && inputs.cols() >= 1, who, ": the inputs are ", inputs.rows(), " x ",
          inputs.cols(), ", expected at least one entry and one point");
  require_dim(who, "targets", targets.size(), inputs.cols());
  require_dim(who, "the lengthscales", hyperparameters.dim(), inputs.rows());
  require(inputs.allFinite(), who, ": an input is not finite");
  require(targets.allFinite(), who, ": a target is not finite");
  const GpHyperparameters& h = hyperparameters;
  if (!h.log_lengthscale.allFinite() || !std::isfinite(h.log_signal) || !std::isfinite(h.log_noise))
    fail(who, ": a hyperparameter is not finite: ", h.packed().transpose());
}

void check_memory(Index n, Index entries, int at_once) {
  constexpr double kKept = 2.5, kComputing = 2.5;  // matrices of an entry: its posterior, its evidence
  const double needed = 8.0 * static_cast<double>(n) * static_cast<double>(n) *
                        (kKept * static_cast<double>(entries) + kComputing * static_cast<double>(at_once));
  const double there =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  require(needed < there, "Gaussian processes: ", n, " points of ", entries, " entries need ",
          std::llround(needed / 1e9), " GB, the machine has ", std::llround(there / 1e9),
          " GB; expected fewer points, or inducing inputs");
}

std::string closest_points(ConstBatchRef<double> inputs, ConstVecRef<double> lengthscale2) {
  double closest = std::numeric_limits<double>::infinity();
  Index first = 0, second = 0;
  const Batchd x = inputs.array().colwise() / lengthscale2.array().sqrt();
  for (Index j = 1; j < x.cols(); ++j) {
    Index i = 0;
    const double distance = (x.leftCols(j).colwise() - x.col(j)).colwise().squaredNorm().minCoeff(&i);
    if (distance >= closest) continue;
    closest = distance;
    first = i;
    second = j;
  }
  if (x.cols() < 2) return "there is one point";
  return detail::concat("points ", first, " and ", second, " are ", std::sqrt(closest),
                        " lengthscales apart");
}

}  // namespace mbrl::gp

namespace mbrl {

void se_covariance(ConstBatchRef<double> a, ConstBatchRef<double> b, ConstVecRef<double> lengthscale2,
                   double signal2, Batchd& out) {
  require_dim("se_covariance", "a point", a.rows(), lengthscale2.size());
  require_dim("se_covariance", "a point", b.rows(), lengthscale2.size());
  if (a.cols() == 0 || b.cols() == 0) {
    out.resize(a.cols(), b.cols());
    return;
  }
  const Vecd centre = a.rowwise().mean();
  Batchd left, right(b.rows() + 2, b.cols());
  gp::left_exponents(a, centre, lengthscale2, signal2, left);
  gp::right_exponents(b, centre, lengthscale2, right);
  out = gp::product(left.transpose(), right);
  gp::exponential(out.data(), out.rows(), out.cols(), out.rows());
}

}  // namespace mbrl
