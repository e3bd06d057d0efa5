#include "mbrl/models/gp/gaussian_process.hpp"

#include <cmath>
#include <numbers>
#include <optional>

#include "mbrl/core/error.hpp"
#include "models/gp/factor.hpp"
#include "models/gp/kernel.hpp"

namespace mbrl {

double GpHyperparameters::signal2() const { return std::exp(2.0 * log_signal); }
double GpHyperparameters::noise2() const { return std::exp(2.0 * log_noise); }

Vecd GpHyperparameters::packed() const {
  Vecd values(log_lengthscale.size() + 2);
  values << log_lengthscale, log_signal, log_noise;
  return values;
}

GpHyperparameters GpHyperparameters::unpacked(ConstVecRef<double> values) {
  require(values.size() >= 3, "GpHyperparameters: ", values.size(), " values, expected at least 3");
  const Index d = values.size() - 2;
  return {values.head(d), values[d], values[d + 1]};
}

double GammaPrior::log_density(double log_v, double* slope) const {
  if (rate == 0.0) {
    *slope = 0.0;
    return 0.0;
  }
  const double v = std::exp(log_v);
  *slope = (shape - 1.0) - rate * v;
  return (shape - 1.0) * log_v - rate * v;
}

double GpPriors::log_density(const GpHyperparameters& h, Vecd& gradient) const {
  const Index d = h.log_lengthscale.size();
  double sum = 0.0, slope = 0.0;
  for (Index i = 0; i < d; ++i) {
    sum += lengthscale.log_density(h.log_lengthscale[i], &slope);
    gradient[i] += slope;
  }
  sum += variance.log_density(2.0 * h.log_signal, &slope);
  gradient[d] += 2.0 * slope;
  if (max_signal_to_noise > 0.0) {
    constexpr int kPower = 30;
    const double unit = std::log(max_signal_to_noise), ratio = (h.log_signal - h.log_noise) / unit;
    sum -= std::pow(ratio, kPower);
    slope = kPower * std::pow(ratio, kPower - 1) / unit;
    gradient[d] -= slope;
    gradient[d + 1] += slope;
  }
  return sum;
}

GpEvidence log_evidence(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                        const GpHyperparameters& h) {
  gp::check_data("log_evidence", inputs, targets, h);
  const Index d = inputs.rows(), n = inputs.cols();
  const Vecd lengthscale2 = h.lengthscale2();
  const double noise2 = h.noise2();
  GpEvidence evidence;
  evidence.gradient.setZero(d + 2);
  const Batchd k = gp::self_covariance(inputs, lengthscale2, h.signal2());
  const std::optional<gp::Factor> factor = gp::factorise(k, noise2, h.signal2());
  if (!factor) return evidence;
  const Vecd beta = factor->solve(targets);
  evidence.jitter = factor->jitter;
  evidence.value = -0.5 * (targets.dot(beta) + factor->log_determinant() +
                           static_cast<double>(n) * std::log(2.0 * std::numbers::pi));
  Batchd weights = factor->inverse();
  const double trace = 0.5 * (beta.squaredNorm() - weights.trace());
  evidence.gradient[d + 1] = 2.0 * noise2 * trace;
  evidence.gradient[d] = 2.0 * factor->jitter * trace;  // which is in proportion to signal2
  for (Index j = 0; j < n; ++j)
    weights.col(j).array() = 0.5 * (beta[j] * beta.array() - weights.col(j).array()) * k.col(j).array();
  gp::add_covariance_gradient(inputs, inputs, weights, lengthscale2, evidence.gradient);
  return evidence;
}

GpPosterior exact_posterior(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                            const GpHyperparameters& h) {
  gp::check_data("exact_posterior", inputs, targets, h);
  GpPosterior p;
  p.lengthscale2 = h.lengthscale2();
  p.signal2 = h.signal2();
  p.noise2 = h.noise2();
  const std::optional<gp::Factor> factor =
      gp::factorise(gp::self_covariance(inputs, p.lengthscale2, p.signal2), p.noise2, p.signal2);
  require(factor.has_value(), "exact_posterior: the covariance of ", inputs.cols(),
          " inputs is singular, with up to 1e-4 of its diagonal added (",
          gp::closest_points(inputs, p.lengthscale2), "; signal ", std::exp(h.log_signal), ", noise ",
          std::exp(h.log_noise), "); expected more noise, or no input twice");
  p.beta = factor->solve(targets);
  p.inverse = factor->inverse();
  p.root = factor->inverse_lower;
  p.jitter = factor->jitter;
  return p;
}

}  // namespace mbrl
