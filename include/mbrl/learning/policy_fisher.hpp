// How far a policy's distributions move with its network's outputs: divergences, and their Fisher matrices in closed form.
// Schulman, Levine, Abbeel, Jordan, Moritz, "Trust region policy optimization", ICML 2015, appendix C.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/nn/distributions.hpp"
#include "mbrl/nn/rows.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// Of a Gaussian's outputs M is diagonal: 1 / sigma^2 of a mean, 1/2 of a log-variance, times the square of the slope of
/// its bounds. Squashing by tanh changes nothing in it.
class GaussianFisher {
 public:
  explicit GaussianFisher(const MlpPolicy& policy);

  /// What `product` needs to know of M at these outputs, one column a sample.
  Batchf at(const nn::ConstRows<float>& outputs) const;
  /// M v, column by column.
  static Batchf product(const Batchf& at, const Batchf& v) { return at.cwiseProduct(v); }
  /// KL(p || q), one a column.
  void kl(const nn::ConstRows<float>& p, const nn::ConstRows<float>& q, VecRef<float> out) const {
    head_.kl(p, q, out);
  }

 private:
  nn::Gaussian<float> head_;
  float low_, high_;  // bounds of log-variances
};

/// Of logits M = diag(pi) - pi pi'.
class CategoricalFisher {
 public:
  explicit CategoricalFisher(const CategoricalPolicy& policy) : head_(policy.choices()) {}

  Batchf at(const nn::ConstRows<float>& outputs) const;  // the probabilities
  static Batchf product(const Batchf& at, const Batchf& v);
  void kl(const nn::ConstRows<float>& p, const nn::ConstRows<float>& q, VecRef<float> out) const {
    head_.kl(p, q, out);
  }

 private:
  nn::Categorical<float> head_;
};

inline GaussianFisher fisher_of(const MlpPolicy& policy) { return GaussianFisher(policy); }
inline CategoricalFisher fisher_of(const CategoricalPolicy& policy) { return CategoricalFisher(policy); }

}  // namespace mbrl
