#include "mbrl/models/gp/gaussian_process.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numbers>

#include "mbrl/core/error.hpp"
#include "models/gp/evidence_sums.hpp"
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

struct GpEvidenceWorkspace::Memory {
  gp::Factor factor;
  gp::SelfCovariance covariance;
  Vecd half, beta;
  Vecd beta_rows;  // beta with zeros, to whole blocks
  Batchd z;        // inputs in lengthscales, one a row, with zeros likewise
  Batchd sums;     // of each block of columns: the inverse's trace, then those of EvidenceSums
};

GpEvidenceWorkspace::GpEvidenceWorkspace() : memory_(std::make_unique<Memory>()) {}
GpEvidenceWorkspace::GpEvidenceWorkspace(GpEvidenceWorkspace&&) noexcept = default;
GpEvidenceWorkspace& GpEvidenceWorkspace::operator=(GpEvidenceWorkspace&&) noexcept = default;
GpEvidenceWorkspace::~GpEvidenceWorkspace() = default;

// Of the n x n part of the gradient only the lower triangle is computed, block by block of the inverse, which is not kept:
// pairs of different points count twice.
void log_evidence(ConstBatchRef<double> inputs, ConstVecRef<double> targets, const GpHyperparameters& h,
                  GpEvidence& evidence, GpEvidenceWorkspace& workspace, ThreadPool* pool) {
  gp::check_data("log_evidence", inputs, targets, h);
  constexpr Index kBlock = gp::Factor::kBlock;
  static_assert(kBlock == gp::EvidenceSums::kRows);
  const Index d = inputs.rows(), n = inputs.cols(), blocks = gp::Factor::blocks(n), padded = blocks * kBlock;
  const double signal2 = h.signal2(), noise2 = h.noise2();
  GpEvidenceWorkspace::Memory& w = workspace.memory();
  evidence.value = -std::numeric_limits<double>::infinity();
  evidence.gradient.setZero(d + 2);
  evidence.jitter = 0.0;
  w.covariance.lower(inputs, h, w.factor.resize(n), pool);
  if (!w.factor.compute(noise2, signal2, 0.0, pool)) return;
  w.factor.solve(targets, w.half, w.beta);
  evidence.jitter = w.factor.jitter();
  evidence.value = -0.5 * (targets.dot(w.beta) + w.factor.log_determinant() +
                           static_cast<double>(n) * std::log(2.0 * std::numbers::pi));

  w.beta_rows.setZero(padded);
  w.beta_rows.head(n) = w.beta;
  w.z.setZero(padded, d);
  w.z.topRows(n) = w.covariance.scaled().transpose();
  w.sums.setZero((2 + d) * gp::EvidenceSums::kLanes, blocks);
  const auto add = [&](const gp::Factor::Block& block) {
    double* sums = w.sums.col(block.col / kBlock).data();
    gp::EvidenceSums part{.cols = block.cols,
                          .dims = d,
                          .inverse = block.entries,
                          .beta_rows = &w.beta_rows[block.row],
                          .beta_cols = &w.beta_rows[block.col],
                          .z_rows = &w.z(block.row, 0),
                          .z_cols = &w.z(block.col, 0),
                          .ldz = padded,
                          .sums = sums + gp::EvidenceSums::kLanes};
    if (block.row != block.col && block.rows == kBlock) {
      part.k = w.factor.below(block.row, block.col);
      part.ldk = w.factor.stride();
      gp::add_evidence_sums(part);
      return;
    }
    // Of the block on the diagonal what lies below it, and half of what lies on it.
    std::array<double, static_cast<std::size_t>(kBlock * kBlock)> k{};
    for (Index j = 0; j < block.cols; ++j) {
      const bool square = block.row == block.col;
      const Index first = square ? j + 1 : 0;
      std::copy_n(w.factor.below(block.row, block.col + j) + first, block.rows - first,
                  &k[static_cast<std::size_t>(j * kBlock + first)]);
      if (!square) continue;
      k[static_cast<std::size_t>(j * kBlock + j)] = 0.5 * signal2;
      sums[0] += block.entries[j * kBlock + j];
    }
    part.k = k.data();
    part.ldk = kBlock;
    gp::add_evidence_sums(part);
  };
  w.factor.visit_inverse(pool, std::cref(add));
  const auto total = [&](Index row) {
    return w.sums.middleRows(row * gp::EvidenceSums::kLanes, gp::EvidenceSums::kLanes).sum();
  };
  const double trace = 0.5 * (w.beta.squaredNorm() - total(0));
  for (Index i = 0; i < d; ++i) evidence.gradient[i] = 2.0 * total(2 + i);
  // Jitter is in proportion to signal2.
  evidence.gradient[d] = 4.0 * total(1) + 2.0 * evidence.jitter * trace;
  evidence.gradient[d + 1] = 2.0 * noise2 * trace;
}

GpEvidence log_evidence(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                        const GpHyperparameters& hyperparameters) {
  GpEvidence evidence;
  GpEvidenceWorkspace workspace;
  log_evidence(inputs, targets, hyperparameters, evidence, workspace);
  return evidence;
}

GpPosterior exact_posterior(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                            const GpHyperparameters& h) {
  gp::check_data("exact_posterior", inputs, targets, h);
  GpPosterior p;
  p.lengthscale2 = h.lengthscale2();
  p.signal2 = h.signal2();
  p.noise2 = h.noise2();
  gp::Factor factor;
  gp::SelfCovariance().lower(inputs, h, factor.resize(inputs.cols()));
  if (!factor.compute(p.noise2, p.signal2))  // not require: finding the closest points takes n^2 steps
    fail("exact_posterior: the covariance of ", inputs.cols(),
         " inputs is singular, with up to 1e-4 of its diagonal added (",
         gp::closest_points(inputs, p.lengthscale2), "; signal ", std::exp(h.log_signal), ", noise ",
         std::exp(h.log_noise), "); expected more noise, or no input twice");
  Vecd half;
  factor.solve(targets, half, p.beta);
  p.inverse = factor.inverse();
  p.root = factor.inverse_lower();
  p.jitter = factor.jitter();
  return p;
}

}  // namespace mbrl
