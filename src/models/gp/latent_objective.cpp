#include "models/gp/latent_objective.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "models/gp/factor.hpp"
#include "models/gp/kernel.hpp"

namespace mbrl::gp {
namespace {

// -sum_j log N(y_j | 0, K_X + noise2 I) less log priors, for the rows y_j of outputs, with gradients; infinite where the
// covariance is singular. Of the covariance it is 1/2 (p C^-1 - M'M) with M = Y C^-1, of the outputs M.
double loss_of_processes(const Batchd& inputs, const Batchd& outputs, const GpHyperparameters& h, Vecd& of_h,
                         Batchd& of_inputs, Batchd& of_outputs) {
  const Index q = inputs.rows(), n = inputs.cols();
  const auto p = static_cast<double>(outputs.rows());
  const Vecd lengthscale2 = h.lengthscale2();
  const Batchd k = self_covariance(inputs, lengthscale2, h.signal2());
  std::optional<Factor> factor = factorise(k, h.noise2(), h.signal2());
  if (!factor) return std::numeric_limits<double>::infinity();
  const Batchd inverse = factor->inverse();
  of_outputs = product(outputs, inverse);
  Batchd weights = 0.5 * (p * inverse - product(of_outputs.transpose(), of_outputs));
  of_h.setZero(q + 2);
  of_inputs.setZero(q, n);
  const double trace = weights.trace();
  weights.array() *= k.array();
  add_covariance_gradient(inputs, inputs, weights, lengthscale2, of_h, &of_inputs);
  of_inputs *= 2.0;  // it is both of the covariance's points
  of_h[q] += 2.0 * factor->jitter() * trace;
  of_h[q + 1] = 2.0 * h.noise2() * trace;
  Vecd of_prior = Vecd::Zero(q + 2);
  const double prior = GpPriors().log_density(h, of_prior);
  of_h -= of_prior;
  return 0.5 * (p * (factor->log_determinant() + static_cast<double>(n) * std::log(2.0 * std::numbers::pi)) +
                of_outputs.cwiseProduct(outputs).sum()) -
         prior;
}

}  // namespace

LatentObjective::LatentObjective(const Batchd& observations, int latent_dim, const std::vector<int>& lengths)
    : observations_(&observations), q_(latent_dim), n_(observations.cols()) {
  Index begin = 0;
  for (const int length : lengths) {
    first_.push_back(begin);
    for (Index t = 0; t + 1 < length; ++t) before_.push_back(begin + t);
    begin += length;
  }
}

Index LatentObjective::size() const { return q_ * n_ + (q_ + 2) * (before_.empty() ? 1 : 2); }
Batchd LatentObjective::latent(const Vecd& packed) const { return packed.head(q_ * n_).reshaped(q_, n_); }
GpHyperparameters LatentObjective::mapping(const Vecd& packed) const {
  return GpHyperparameters::unpacked(packed.segment(q_ * n_, q_ + 2));
}
GpHyperparameters LatentObjective::dynamics(const Vecd& packed) const {
  return GpHyperparameters::unpacked(packed.segment(q_ * n_ + q_ + 2, q_ + 2));
}

double LatentObjective::operator()(const Vecd& packed, Vecd& gradient) const {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  gradient.setZero(size());
  if (!packed.allFinite()) return kInfinite;
  const Batchd x = latent(packed);
  Vecd of_h;
  Batchd of_x, of_inputs, of_outputs;
  double loss = loss_of_processes(x, *observations_, mapping(packed), of_h, of_x, of_outputs);
  if (!std::isfinite(loss)) return kInfinite;
  gradient.segment(q_ * n_, q_ + 2) = of_h;
  if (before_.empty()) {
    loss += 0.5 * x.squaredNorm();
    of_x += x;
  } else {
    for (const Index i : first_) {
      loss += 0.5 * x.col(i).squaredNorm();
      of_x.col(i) += x.col(i);
    }
    const auto pairs = static_cast<Index>(before_.size());
    Batchd inputs(q_, pairs), changes(q_, pairs);
    for (Index i = 0; i < pairs; ++i) {
      const Index at = before_[static_cast<std::size_t>(i)];
      inputs.col(i) = x.col(at);
      changes.col(i) = x.col(at + 1) - x.col(at);
    }
    loss += loss_of_processes(inputs, changes, dynamics(packed), of_h, of_inputs, of_outputs);
    if (!std::isfinite(loss)) return kInfinite;
    gradient.tail(q_ + 2) = of_h;
    for (Index i = 0; i < pairs; ++i) {
      const Index at = before_[static_cast<std::size_t>(i)];
      of_x.col(at) += of_inputs.col(i) - of_outputs.col(i);
      of_x.col(at + 1) += of_outputs.col(i);
    }
  }
  gradient.head(q_ * n_) = of_x.reshaped();
  return loss;
}

}  // namespace mbrl::gp
