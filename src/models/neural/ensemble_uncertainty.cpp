#include "mbrl/models/neural/ensemble_uncertainty.hpp"

#include <algorithm>
#include <cmath>

#include "models/neural/ensemble_uncertainty.hpp"

namespace mbrl {
namespace {

// Largest root of the members' sums of squares; add(member, target, sums) adds one target's squares.
template <class Add>
void largest_norm(const MemberPredictions& p, const std::vector<int>& targets, float* sums, float* out,
                  const Add& add) {
  std::fill_n(out, p.width, 0.0f);
  for (int m = 0; m < p.members; ++m) {
    std::fill_n(sums, p.width, 0.0f);
    for (const int i : targets) add(m, i, sums);
    for (int j = 0; j < p.width; ++j) out[j] = std::max(out[j], sums[j]);
  }
  for (int j = 0; j < p.width; ++j) out[j] = std::sqrt(out[j]);
}

void disagreement(const MemberPredictions& p, const std::vector<int>& targets, float* scratch, float* out) {
  float* centre = scratch + p.width;
  largest_norm(p, targets, scratch, out, [&](int m, int i, float* sums) {
    std::fill_n(centre, p.width, 0.0f);
    for (int k = 0; k < p.members; ++k)
      for (int j = 0; j < p.width; ++j) centre[j] += p.mean(k, i)[j];
    const float share = 1.0f / static_cast<float>(p.members);
    const float* mean = p.mean(m, i);
    for (int j = 0; j < p.width; ++j) {
      const float off = mean[j] - share * centre[j];
      sums[j] += off * off;
    }
  });
}

// Of one entry, with variances v, w: (mu - nu)^2 / (4 (v + w)) + ln((v + w) / (2 sqrt(v w))) / 2.
void divergence(const MemberPredictions& p, const std::vector<int>& targets, float* out) {
  std::fill_n(out, p.width, 0.0f);
  for (int m = 1; m < p.members; ++m)
    for (int n = 0; n < m; ++n)
      for (const int i : targets) {
        const float *mu = p.mean(m, i), *nu = p.mean(n, i), *a = p.deviation(m, i), *b = p.deviation(n, i);
        for (int j = 0; j < p.width; ++j) {
          const float sum = a[j] * a[j] + b[j] * b[j], off = mu[j] - nu[j];
          out[j] += 0.25f * off * off / sum + 0.5f * std::log(sum / (2.0f * a[j] * b[j]));
        }
      }
  const float pairs = 0.5f * static_cast<float>(p.members * (p.members - 1));
  for (int j = 0; j < p.width; ++j) out[j] /= pairs;
}

}  // namespace

void measure_uncertainty(EnsembleUncertainty kind, const MemberPredictions& p,
                         const std::vector<int>& targets, float* scratch, float* out) {
  switch (kind) {
    case EnsembleUncertainty::kNone:
      std::fill_n(out, p.width, 0.0f);
      break;
    case EnsembleUncertainty::kDeviation:
      largest_norm(p, targets, scratch, out, [&](int m, int i, float* sums) {
        const float* deviation = p.deviation(m, i);
        for (int j = 0; j < p.width; ++j) sums[j] += deviation[j] * deviation[j];
      });
      break;
    case EnsembleUncertainty::kDisagreement:
      disagreement(p, targets, scratch, out);
      break;
    case EnsembleUncertainty::kDivergence:
      divergence(p, targets, out);
      break;
  }
}

}  // namespace mbrl
