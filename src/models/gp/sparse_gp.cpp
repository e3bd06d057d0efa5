#include "mbrl/models/gp/sparse_gp.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numbers>
#include <optional>

#include "mbrl/core/error.hpp"
#include "models/gp/factor.hpp"
#include "models/gp/kernel.hpp"

namespace mbrl {
namespace {

constexpr double kLeastJitter = 1e-10;

// With L L' = K_uu, A = L^-1 K_uf and B = I + A G^-1 A': Sigma = L B L', whose inverse is R'R for R = B^-1/2 L^-1.
struct Parts {
  Vecd lengthscale2;
  double signal2 = 0.0, noise2 = 0.0;
  Batchd kuu, kuf, a;
  gp::Factor of_b;
  double jitter = 0.0;      // of K_uu
  Batchd kuu_root, b_root;  // inverses of the lower factors of K_uu and B
  Batchd r;                 // lower triangle
  Vecd g, q;                // diagonals of G and Q
  Vecd c;                   // R K_uf G^-1 y
  Vecd beta;                // R'c
};

std::optional<Parts> parts_of(SparseApproximation kind, ConstBatchRef<double> inputs,
                              ConstVecRef<double> targets, ConstBatchRef<double> inducing,
                              const GpHyperparameters& h) {
  gp::check_data("sparse_gp", inputs, targets, h);
  require_dim("sparse_gp", "an inducing input", inducing.rows(), inputs.rows());
  require(inducing.cols() >= 1 && inducing.allFinite(), "sparse_gp: ", inducing.cols(),
          " inducing inputs, or one that is not finite; expected finite ones, at least 1");
  Parts p;
  p.lengthscale2 = h.lengthscale2();
  p.signal2 = h.signal2();
  p.noise2 = h.noise2();
  p.kuu = gp::self_covariance(inducing, p.lengthscale2, p.signal2);
  std::optional<gp::Factor> factor = gp::factorise(p.kuu, 0.0, p.signal2, kLeastJitter);
  if (!factor) return std::nullopt;
  p.jitter = factor->jitter();
  p.kuu_root = factor->inverse_lower();
  se_covariance(inducing, inputs, p.lengthscale2, p.signal2, p.kuf);
  p.a = gp::product(p.kuu_root, p.kuf);
  p.q = p.a.colwise().squaredNorm();
  p.g = Vecd::Constant(inputs.cols(), p.noise2);
  if (kind == SparseApproximation::kFitc) p.g += (p.signal2 - p.q.array()).max(0.0).matrix();
  const Batchd scaled = p.a * p.g.cwiseSqrt().cwiseInverse().asDiagonal();
  factor = gp::factorise(gp::product_transposed(scaled, scaled), 1.0, 1.0);
  if (!factor) return std::nullopt;
  p.of_b = *std::move(factor);
  p.b_root = p.of_b.inverse_lower();
  p.r = gp::product(p.b_root, p.kuu_root);
  p.c = p.b_root.triangularView<Eigen::Lower>() * (p.a * targets.cwiseQuotient(p.g));
  p.beta = p.r.transpose() * p.c;
  return p;
}

}  // namespace

// With C = Q + G, alpha = C^-1 y, S = 1/2 (alpha alpha' - C^-1) and W = K_uu^-1 K_uf: the evidence changes by
//   tr(S dQ) + sum_i S_ii dG_ii,  tr(S dQ) = 2 tr((W S)' dK_uf) - tr(W S W' dK_uu),
// where for FITC dG has -dQ on its diagonal, and for VFE the trace term adds 1 / (2 noise2) to that of S. No n x n matrix
// is needed: W C^-1 = Sigma^-1 K_uf G^-1, and C^-1 has the diagonal 1/g - |R K_uf|^2 / g^2.
SparseEvidence sparse_evidence(SparseApproximation kind, ConstBatchRef<double> inputs,
                               ConstVecRef<double> targets, ConstBatchRef<double> inducing,
                               const GpHyperparameters& h) {
  const std::optional<Parts> parts = parts_of(kind, inputs, targets, inducing, h);
  const Index d = inputs.rows(), n = inputs.cols();
  SparseEvidence e;
  e.gradient.setZero(d + 2);
  e.of_inducing.setZero(d, inducing.cols());
  if (!parts) return e;
  const Parts& p = *parts;
  const bool vfe = kind == SparseApproximation::kVfe;
  e.jitter = p.jitter;
  const double trace = vfe ? 0.5 * (p.signal2 * static_cast<double>(n) - p.q.sum()) / p.noise2 : 0.0;
  e.value = -0.5 * (p.g.array().log().sum() + p.of_b.log_determinant() +
                    targets.cwiseAbs2().cwiseQuotient(p.g).sum() - p.c.squaredNorm() +
                    static_cast<double>(n) * std::log(2.0 * std::numbers::pi)) -
            trace;

  const Vecd alpha = (targets - p.kuf.transpose() * p.beta).cwiseQuotient(p.g);
  const Batchd pk = gp::product(p.r, p.kuf);  // R K_uf
  const Vecd s = 0.5 * (alpha.array().square() - p.g.array().inverse() +
                        pk.colwise().squaredNorm().transpose().array() / p.g.array().square());
  const Batchd w = gp::product(p.kuu_root.transpose(), p.a);
  Batchd ws = -0.5 * gp::product(p.r.transpose(), pk) * p.g.cwiseInverse().asDiagonal();
  ws.noalias() += 0.5 * p.beta * alpha.transpose();
  const Vecd own = vfe ? Vecd::Constant(n, 0.5 / p.noise2) : Vecd(-s);
  ws += w * own.asDiagonal();
  const Batchd of_kuu = -gp::product_transposed(ws, w);

  e.gradient[d] = 2.0 * e.jitter * of_kuu.trace() +
                  (vfe ? -static_cast<double>(n) * p.signal2 / p.noise2 : 2.0 * p.signal2 * s.sum());
  e.gradient[d + 1] = 2.0 * p.noise2 * s.sum() + 2.0 * trace;
  const Batchd of_kfu = 2.0 * ws.cwiseProduct(p.kuf).transpose();
  gp::add_covariance_gradient(inputs, inducing, of_kfu, p.lengthscale2, e.gradient, &e.of_inducing);
  Batchd of_both = Batchd::Zero(d, inducing.cols());
  gp::add_covariance_gradient(inducing, inducing, of_kuu.cwiseProduct(p.kuu), p.lengthscale2, e.gradient,
                              &of_both);
  e.of_inducing += 2.0 * of_both;
  return e;
}

GpPosterior sparse_posterior(SparseApproximation kind, ConstBatchRef<double> inputs,
                             ConstVecRef<double> targets, ConstBatchRef<double> inducing,
                             const GpHyperparameters& h) {
  std::optional<Parts> parts = parts_of(kind, inputs, targets, inducing, h);
  if (!parts)
    fail("sparse_posterior: the covariance of ", inducing.cols(),
         " inducing inputs is singular, with up to 1e-4 of its diagonal added (",
         gp::closest_points(inducing, h.lengthscale2()), "); expected none twice");
  GpPosterior out;
  out.lengthscale2 = parts->lengthscale2;
  out.signal2 = parts->signal2;
  out.noise2 = parts->noise2;
  out.beta = parts->beta;
  out.jitter = parts->jitter;
  // K_uu^-1 - Sigma^-1 = L^-T (I - B^-1) L^-1, and of B = V D V' the middle is V (1 - 1/D) V'.
  const Batchd lower = parts->of_b.lower();
  const Batchd b = gp::product_transposed(lower, lower);
  const Eigen::SelfAdjointEigenSolver<Batchd> eigen(b);
  const Vecd weight = (1.0 - eigen.eigenvalues().array().inverse()).max(0.0).sqrt();
  out.root = weight.asDiagonal() * gp::product(eigen.eigenvectors().transpose(), parts->kuu_root);
  out.inverse = gp::product(out.root.transpose(), out.root);
  return out;
}

}  // namespace mbrl
