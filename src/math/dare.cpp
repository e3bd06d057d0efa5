// The discrete algebraic Riccati equation by structure-preserving doubling.
#include "mbrl/math/dare.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include "mbrl/core/error.hpp"
#include "mbrl/math/symmetric.hpp"

namespace mbrl {
namespace {

void check(const char* where, const ConstBatchRef<double>& a, const ConstBatchRef<double>& b,
           const ConstBatchRef<double>& q, const ConstBatchRef<double>& r,
           const ConstBatchRef<double>& cross) {
  require(a.rows() >= 1 && a.rows() == a.cols(), where, ": A is ", a.rows(), " x ", a.cols(),
          ", expected a square matrix");
  require(b.rows() == a.rows() && b.cols() >= 1, where, ": B is ", b.rows(), " x ", b.cols(), ", expected ",
          a.rows(), " rows");
  require(q.rows() == a.rows() && q.cols() == a.rows(), where, ": Q is ", q.rows(), " x ", q.cols(),
          ", expected ", a.rows(), " x ", a.rows());
  require(r.rows() == b.cols() && r.cols() == b.cols(), where, ": R is ", r.rows(), " x ", r.cols(),
          ", expected ", b.cols(), " x ", b.cols());
  require(cross.size() == 0 || (cross.rows() == a.rows() && cross.cols() == b.cols()), where,
          ": the cross term is ", cross.rows(), " x ", cross.cols(), ", expected ", a.rows(), " x ",
          b.cols());
  require(a.allFinite() && b.allFinite() && q.allFinite() && r.allFinite() && cross.allFinite(), where,
          ": a number is not finite");
  require_symmetric(where, "Q", q);
  require_symmetric(where, "R", r);
}

Batchd gain_of(const ConstBatchRef<double>& a, const ConstBatchRef<double>& b, const ConstBatchRef<double>& r,
               const Batchd& n, const Batchd& p) {
  return -(r + b.transpose() * p * b).llt().solve(b.transpose() * p * a + n.transpose());
}

// What is missing where there is no solution, in the words of the regulator or of the filter.
struct Words {
  const char *where, *r, *no_solution;
};

InfiniteLqr solve(const Words& words, ConstBatchRef<double> a, ConstBatchRef<double> b,
                  ConstBatchRef<double> q, ConstBatchRef<double> r, ConstBatchRef<double> cross) {
  const Index nx = a.rows();
  const Batchd n = cross.size() > 0 ? Batchd(cross) : Batchd::Zero(nx, b.cols());
  const Eigen::LLT<Batchd> r_factor(symmetrised(r));
  require(r_factor.info() == Eigen::Success, words.where, ": ", words.r, " is not positive definite");

  // A state feedback u = -R^-1 N'x + w removes the cross term.
  Batchd ak = a - b * r_factor.solve(n.transpose());
  Batchd g = symmetrised(b * r_factor.solve(b.transpose()));
  Batchd h = symmetrised(q - n * r_factor.solve(n.transpose()));
  InfiniteLqr out;
  constexpr int kLimit = 60;  // doublings: 2^60 steps
  for (double change = 1.0; change > 1e-15; ++out.iterations) {
    require(out.iterations < kLimit, words.where, ": no convergence; ", words.no_solution);
    const Eigen::PartialPivLU<Batchd> lu(Batchd::Identity(nx, nx) + g * h);
    const Batchd wa = lu.solve(ak), wg = lu.solve(g);
    const Batchd step = ak.transpose() * h * wa;
    g = symmetrised(g + ak * wg * ak.transpose());
    h = symmetrised(h + step);
    ak = ak * wa;
    const double size = h.cwiseAbs().maxCoeff();
    require(h.allFinite() && ak.allFinite(), words.where, ": no convergence; ", words.no_solution);
    change = size > 0 ? step.cwiseAbs().maxCoeff() / size : 0.0;
  }
  out.value_hessian = h;
  out.gain = gain_of(a, b, r, n, h);
  const Batchd closed = a + b * out.gain;
  // A solution that does not stabilise is not the one sought: powers of the closed loop must vanish.
  Batchd power = closed;
  for (int i = 0; i < 40 && power.norm() > 0.5 && power.norm() < 1e100; ++i) power = power * power;
  require(power.norm() <= 0.5, words.where, ": the solution found does not stabilise; ", words.no_solution);
  return out;
}

}  // namespace

InfiniteLqr infinite_lqr(ConstBatchRef<double> a, ConstBatchRef<double> b, ConstBatchRef<double> q,
                         ConstBatchRef<double> r, ConstBatchRef<double> cross) {
  const Words words = {"infinite_lqr", "R",
                       "(A, B) is not stabilisable or the cost does not see an unstable motion"};
  check(words.where, a, b, q, r, cross);
  return solve(words, a, b, q, r, cross);
}

double dare_residual(ConstBatchRef<double> a, ConstBatchRef<double> b, ConstBatchRef<double> q,
                     ConstBatchRef<double> r, ConstBatchRef<double> cross, ConstBatchRef<double> p) {
  check("dare_residual", a, b, q, r, cross);
  const Batchd n = cross.size() > 0 ? Batchd(cross) : Batchd::Zero(a.rows(), b.cols());
  const Batchd gain = gain_of(a, b, r, n, p);
  return (q + a.transpose() * p * a + (a.transpose() * p * b + n) * gain - p).cwiseAbs().maxCoeff();
}

SteadyKalman steady_kalman(ConstBatchRef<double> a, ConstBatchRef<double> c,
                           ConstBatchRef<double> process_noise, ConstBatchRef<double> measurement_noise) {
  const Words words = {"steady_kalman", "V",
                       "(A, C) is not detectable or the noise does not reach an undamped motion"};
  const auto shape = [&](const char* name, const ConstBatchRef<double>& m, Index rows, Index cols) {
    require(m.rows() == rows && m.cols() == cols, words.where, ": ", name, " is ", m.rows(), " x ", m.cols(),
            ", expected ", rows, " x ", cols);
    require(m.allFinite(), words.where, ": ", name, " holds a number that is not finite");
  };
  shape("A", a, a.rows(), a.rows());
  shape("C", c, c.rows(), a.rows());
  shape("W", process_noise, a.rows(), a.rows());
  shape("V", measurement_noise, c.rows(), c.rows());
  require_symmetric(words.where, "W", process_noise);
  require_symmetric(words.where, "V", measurement_noise);
  const Batchd at = a.transpose(), ct = c.transpose();
  SteadyKalman out;
  out.covariance = solve(words, at, ct, process_noise, measurement_noise, Batchd()).value_hessian;
  const Batchd& p = out.covariance;
  out.gain = (measurement_noise + c * p * ct).llt().solve(c * p).transpose();
  return out;
}

}  // namespace mbrl
