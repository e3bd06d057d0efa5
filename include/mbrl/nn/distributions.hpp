// Distributions whose parameters are a network's outputs: samples, log-probabilities, entropies, divergences,
// and the gradients of all of them with respect to the parameters, which Pass::backward carries on.
#pragma once

#include <utility>

#include "mbrl/core/types.hpp"
#include "mbrl/nn/rows.hpp"

namespace mbrl::nn {

template <class S>
struct Chunk;  // some columns of a row, in nn/distribution_chunks.hpp

// One column a sample everywhere; `parameters` has parameter_count() rows. Noise is the caller's, so that a
// sample is a function of where it stands. Functions named ..._gradient multiply by `weight`, the gradient of
// a loss with respect to the quantity (one entry a sample), and add to `gradient`, which has the parameters'
// shape: the terms of a loss sum up, and whoever begins sets it to 0. Nothing is allocated. A column's
// numbers do not depend on its company; NaN in, NaN out. Wrong shapes throw mbrl::Error. S is float or
// double.

/// Diagonal Gaussian. Parameters: dim means, then dim raw log-variances lv, bounded smoothly as
///   lv <- max - softplus(max - lv);  lv <- min + softplus(lv - min)
/// (Chua et al. 2018, app. A.1; what MlpEnsemble predicts). Noise: dim standard normals.
template <class S>
class Gaussian {
 public:
  /// The same bounds of the log-variance for all. Throws unless dim >= 1 and min < max, both finite.
  explicit Gaussian(int dim, double min_logvar = -10.0, double max_logvar = 4.0);
  /// One entry of each a dimension.
  Gaussian(Vec<S> min_logvar, Vec<S> max_logvar);

  int dim() const { return static_cast<int>(low_.size()); }
  int parameter_count() const { return 2 * dim(); }
  int noise_dim() const { return dim(); }

  /// dim x n each.
  void moments(ConstRows<S> parameters, Rows<S> mean, Rows<S> variance) const;

  /// value = mean + std * noise (dim x n), and its log-density.
  void sample(ConstRows<S> parameters, ConstRows<S> noise, Rows<S> value, VecRef<S> log_prob) const;
  /// Of a loss of both, through mean and std with the noise held (Kingma and Welling 2014).
  void sample_gradient(ConstRows<S> parameters, ConstRows<S> noise, ConstRows<S> value_weight,
                       ConstVecRef<S> log_prob_weight, Rows<S> gradient) const;

  void log_prob(ConstRows<S> parameters, ConstRows<S> value, VecRef<S> out) const;
  void log_prob_gradient(ConstRows<S> parameters, ConstRows<S> value, ConstVecRef<S> weight,
                         Rows<S> gradient) const;

  void entropy(ConstRows<S> parameters, VecRef<S> out) const;
  void entropy_gradient(ConstRows<S> parameters, ConstVecRef<S> weight, Rows<S> gradient) const;

  /// KL(p || q); the gradient is that of q's parameters.
  void kl(ConstRows<S> p, ConstRows<S> q, VecRef<S> out) const;
  void kl_gradient(ConstRows<S> p, ConstRows<S> q, ConstVecRef<S> weight, Rows<S> gradient) const;

 private:
  template <class>
  friend class SquashedGaussian;
  template <class>
  friend class Mixture;
  struct Terms;
  // Of dimension r in some columns; the parameters begin in row `top`.
  void terms(const ConstRows<S>& parameters, Index top, Index r, Index first, Index count, Terms& out) const;
  template <bool kSquashed>
  void draw(const ConstRows<S>& parameters, const ConstRows<S>& noise, Rows<S>& value,
            VecRef<S>& log_prob) const;
  template <bool kSquashed>
  void draw_gradient(const ConstRows<S>& parameters, const ConstRows<S>& noise,
                     const ConstRows<S>& value_weight, const ConstVecRef<S>& log_prob_weight,
                     Rows<S>& gradient) const;
  template <bool kSquashed>
  void density(const ConstRows<S>& parameters, const ConstRows<S>& value, VecRef<S>& out) const;
  template <bool kSquashed>
  void density_gradient(const ConstRows<S>& parameters, const ConstRows<S>& value,
                        const ConstVecRef<S>& weight, Rows<S>& gradient) const;

  Vec<S> low_, high_;
};

/// a = tanh(z) with z from a Gaussian: SAC's policy on (-1, 1)^dim (Haarnoja et al. 2018, app. C), with
///   log(1 - tanh(z)^2) = 2 (log 2 - z - softplus(-2 z)),
/// which does not lose its digits where an action is at its bounds. Whoever scales actions to (low, high)
/// subtracts log((high - low) / 2) a dimension. There is no closed entropy. KL is that of the Gaussians: the
/// map is one to one.
template <class S>
class SquashedGaussian {
 public:
  explicit SquashedGaussian(int dim, double min_logvar = -10.0, double max_logvar = 4.0)
      : base_(dim, min_logvar, max_logvar) {}
  explicit SquashedGaussian(Gaussian<S> base) : base_(std::move(base)) {}

  int dim() const { return base_.dim(); }
  int parameter_count() const { return base_.parameter_count(); }
  int noise_dim() const { return base_.noise_dim(); }
  const Gaussian<S>& base() const { return base_; }

  /// tanh(mean): the action without noise, dim x n.
  void mode(ConstRows<S> parameters, Rows<S> value) const;
  void sample(ConstRows<S> parameters, ConstRows<S> noise, Rows<S> value, VecRef<S> log_prob) const;
  void sample_gradient(ConstRows<S> parameters, ConstRows<S> noise, ConstRows<S> value_weight,
                       ConstVecRef<S> log_prob_weight, Rows<S> gradient) const;

  /// Values at or beyond -1 and 1 count as the nearest number inside, whose z is some 8.3 in float.
  void log_prob(ConstRows<S> parameters, ConstRows<S> value, VecRef<S> out) const;
  void log_prob_gradient(ConstRows<S> parameters, ConstRows<S> value, ConstVecRef<S> weight,
                         Rows<S> gradient) const;
  void kl(ConstRows<S> p, ConstRows<S> q, VecRef<S> out) const { base_.kl(p, q, out); }
  void kl_gradient(ConstRows<S> p, ConstRows<S> q, ConstVecRef<S> weight, Rows<S> gradient) const {
    base_.kl_gradient(p, q, weight, gradient);
  }

 private:
  Gaussian<S> base_;
};

/// One of `choices` numbers 0, 1, ...; parameters are logits. Noise: one number a sample, uniform in [0, 1).
template <class S>
class Categorical {
 public:
  /// Throws unless choices >= 1.
  explicit Categorical(int choices);

  int parameter_count() const { return choices_; }
  int noise_dim() const { return 1; }

  /// choices x n.
  void probabilities(ConstRows<S> parameters, Rows<S> out) const;
  /// Their logarithms, choices x n.
  void log_probabilities(ConstRows<S> parameters, Rows<S> out) const;
  /// The first choice at which the sum of probabilities exceeds the noise (1 x n).
  void sample(ConstRows<S> parameters, ConstRows<S> noise, VecRef<int> value, VecRef<S> log_prob) const;
  /// Throws for a value that is not a choice.
  void log_prob(ConstRows<S> parameters, ConstVecRef<int> value, VecRef<S> out) const;
  void log_prob_gradient(ConstRows<S> parameters, ConstVecRef<int> value, ConstVecRef<S> weight,
                         Rows<S> gradient) const;

  void entropy(ConstRows<S> parameters, VecRef<S> out) const;
  void entropy_gradient(ConstRows<S> parameters, ConstVecRef<S> weight, Rows<S> gradient) const;
  /// KL(p || q); the gradient is that of q's parameters.
  void kl(ConstRows<S> p, ConstRows<S> q, VecRef<S> out) const;
  void kl_gradient(ConstRows<S> p, ConstRows<S> q, ConstVecRef<S> weight, Rows<S> gradient) const;

 private:
  int choices_;
};

/// A mixture of Gaussians (Bishop 1994, mixture density networks). Parameters: a logit a component, then each
/// component's as a Gaussian's. Noise: one number uniform in [0, 1), then dim standard normals. Entropy and
/// KL have no closed form, and no sample can be differentiated through the choice of its component.
template <class S>
class Mixture {
 public:
  Mixture(int components, Gaussian<S> component);

  int components() const { return choice_.parameter_count(); }
  int dim() const { return component_.dim(); }
  int parameter_count() const { return components() * (1 + component_.parameter_count()); }
  int noise_dim() const { return 1 + dim(); }

  /// Mean and variance of the whole mixture, dim x n each.
  void moments(ConstRows<S> parameters, Rows<S> mean, Rows<S> variance) const;
  void sample(ConstRows<S> parameters, ConstRows<S> noise, Rows<S> value, VecRef<S> log_prob) const;
  void log_prob(ConstRows<S> parameters, ConstRows<S> value, VecRef<S> out) const;
  void log_prob_gradient(ConstRows<S> parameters, ConstRows<S> value, ConstVecRef<S> weight,
                         Rows<S> gradient) const;

 private:
  Index first_row(int component) const;  // of its parameters
  void log_prob_of(const ConstRows<S>& parameters, const ConstRows<S>& value, VecRef<S>& out) const;
  void component_log_prob(const ConstRows<S>& parameters, const ConstRows<S>& value, int component,
                          Index first, Index count, const Chunk<S>& total, Chunk<S>& out) const;

  Categorical<S> choice_;
  Gaussian<S> component_;
};

extern template class Gaussian<float>;
extern template class Gaussian<double>;
extern template class SquashedGaussian<float>;
extern template class SquashedGaussian<double>;
extern template class Categorical<float>;
extern template class Categorical<double>;
extern template class Mixture<float>;
extern template class Mixture<double>;

}  // namespace mbrl::nn
