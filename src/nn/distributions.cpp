// Gaussians, squashed or not. Categoricals and mixtures: discrete_distributions.cpp.
#include "mbrl/nn/distributions.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "nn/distribution_chunks.hpp"
#include "nn/elementary.hpp"

namespace mbrl::nn {
namespace {

template <class S>
constexpr S kLog2Pi = static_cast<S>(1.8378770664093454836);

}  // namespace

template <class S>
Gaussian<S>::Gaussian(int dim, double min_logvar, double max_logvar)
    : Gaussian(Vec<S>::Constant(std::max(dim, 0), static_cast<S>(min_logvar)),
               Vec<S>::Constant(std::max(dim, 0), static_cast<S>(max_logvar))) {}

template <class S>
Gaussian<S>::Gaussian(Vec<S> min_logvar, Vec<S> max_logvar)
    : low_(std::move(min_logvar)), high_(std::move(max_logvar)) {
  require(low_.size() >= 1, "Gaussian: dim is ", low_.size(), ", expected at least 1");
  require_dim("Gaussian", "max_logvar", high_.size(), low_.size());
  for (Index r = 0; r < low_.size(); ++r)
    require(std::isfinite(low_[r]) && std::isfinite(high_[r]) && low_[r] < high_[r],
            "Gaussian: the log-variance of entry ", r, " is bounded by ", low_[r], " and ", high_[r],
            ", expected finite numbers, the lower first");
}

template <class S>
void Gaussian<S>::terms(const ConstRows<S>& parameters, Index top, Index r, Index first, Index count,
                        Terms& t) const {
  const std::size_t n = padded_count(count);
  Chunk<S> soft, pass;
  t.mean.load(parameters, top + r, first, count);
  t.logvar.load(parameters, top + dim() + r, first, count);
  const S low = low_[r], high = high_[r];
  const auto columns = static_cast<Index>(n);
  for (Index i = 0; i < columns; ++i) t.logvar[i] = high - t.logvar[i];
  softplus_all(t.logvar.data(), soft.data(), t.slope.data(), n);
  for (Index i = 0; i < columns; ++i) t.logvar[i] = high - soft[i] - low;
  softplus_all(t.logvar.data(), soft.data(), pass.data(), n);
  for (Index i = 0; i < columns; ++i) {
    t.logvar[i] = low + soft[i];
    t.slope[i] *= pass[i];
    t.std[i] = S(0.5) * t.logvar[i];
  }
  exp_all(t.std.data(), t.std.data(), n);
}

template <class S>
void Gaussian<S>::moments(ConstRows<S> parameters, Rows<S> mean, Rows<S> variance) const {
  const Index n = parameters.cols();
  check_shape("Gaussian::moments", "parameters", parameters, parameter_count(), n);
  check_shape("Gaussian::moments", "mean", mean, dim(), n);
  check_shape("Gaussian::moments", "variance", variance, dim(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      for (Index i = 0; i < count; ++i) {
        mean(r, first + i) = t.mean[i];
        variance(r, first + i) = t.std[i] * t.std[i];
      }
    }
  });
}

template <class S>
template <bool kSquashed>
void Gaussian<S>::draw(const ConstRows<S>& parameters, const ConstRows<S>& noise, Rows<S>& value,
                       VecRef<S>& log_prob) const {
  const char* where = kSquashed ? "SquashedGaussian::sample" : "Gaussian::sample";
  const Index n = parameters.cols();
  check_shape(where, "parameters", parameters, parameter_count(), n);
  check_shape(where, "noise", noise, dim(), n);
  check_shape(where, "value", value, dim(), n);
  require_dim(where, "log_prob", log_prob.size(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    Chunk<S> sum, z, twice, softplus, unused;
    sum.fill(S(0));
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      z.load(noise, r, first, count);
      const auto columns = static_cast<Index>(padded_count(count));
      for (Index i = 0; i < columns; ++i) {
        sum[i] -= S(0.5) * (z[i] * z[i] + t.logvar[i] + kLog2Pi<S>);
        z[i] = t.mean[i] + t.std[i] * z[i];
      }
      if constexpr (kSquashed) {
        for (Index i = 0; i < columns; ++i) twice[i] = S(-2) * z[i];
        softplus_all(twice.data(), softplus.data(), unused.data(), padded_count(count));
        for (Index i = 0; i < columns; ++i) sum[i] -= S(2) * (std::numbers::ln2_v<S> - z[i] - softplus[i]);
        tanh_all(z.data(), z.data(), padded_count(count));
      }
      std::copy_n(z.data(), count, &value(r, first));
    }
    std::copy_n(sum.data(), count, log_prob.data() + first);
  });
}

template <class S>
template <bool kSquashed>
void Gaussian<S>::draw_gradient(const ConstRows<S>& parameters, const ConstRows<S>& noise,
                                const ConstRows<S>& value_weight, const ConstVecRef<S>& log_prob_weight,
                                Rows<S>& gradient) const {
  const char* where = kSquashed ? "SquashedGaussian::sample_gradient" : "Gaussian::sample_gradient";
  const Index n = parameters.cols();
  check_shape(where, "parameters", parameters, parameter_count(), n);
  check_shape(where, "noise", noise, dim(), n);
  check_shape(where, "value_weight", value_weight, dim(), n);
  require_dim(where, "log_prob_weight", log_prob_weight.size(), n);
  check_shape(where, "gradient", gradient, parameter_count(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    Chunk<S> spread, through;  // std * noise; the loss's gradient by z
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      spread.load(noise, r, first, count);
      through.load(value_weight, r, first, count);
      const auto columns = static_cast<Index>(padded_count(count));
      for (Index i = 0; i < columns; ++i) spread[i] *= t.std[i];
      if constexpr (kSquashed) {
        Chunk<S> action;
        for (Index i = 0; i < columns; ++i) action[i] = t.mean[i] + spread[i];
        tanh_all(action.data(), action.data(), padded_count(count));
        for (Index i = 0; i < count; ++i)
          through[i] =
              through[i] * (S(1) - action[i] * action[i]) + S(2) * log_prob_weight[first + i] * action[i];
      }
      for (Index i = 0; i < count; ++i) {
        gradient(r, first + i) += through[i];
        gradient(dim() + r, first + i) +=
            S(0.5) * t.slope[i] * (through[i] * spread[i] - log_prob_weight[first + i]);
      }
    }
  });
}

namespace {

// Values of a row, undone from the squashing: what is at or beyond its ends counts as the nearest inside.
template <bool kSquashed, class S>
void load_value(const ConstRows<S>& value, Index r, Index first, Index count, Chunk<S>& z) {
  z.load(value, r, first, count);
  if constexpr (kSquashed) {
    const S end = S(1) - std::numeric_limits<S>::epsilon();
    for (Index i = 0; i < count; ++i) z[i] = z[i] > end ? end : z[i] < -end ? -end : z[i];
    atanh_all(z.data(), z.data(), padded_count(count));
  }
}

}  // namespace

template <class S>
template <bool kSquashed>
void Gaussian<S>::density(const ConstRows<S>& parameters, const ConstRows<S>& value, VecRef<S>& out) const {
  const char* where = kSquashed ? "SquashedGaussian::log_prob" : "Gaussian::log_prob";
  const Index n = parameters.cols();
  check_shape(where, "parameters", parameters, parameter_count(), n);
  check_shape(where, "value", value, dim(), n);
  require_dim(where, "out", out.size(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    Chunk<S> sum, z, twice, softplus, unused;
    sum.fill(S(0));
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      load_value<kSquashed>(value, r, first, count, z);
      const auto columns = static_cast<Index>(padded_count(count));
      for (Index i = 0; i < columns; ++i) {
        const S error = (z[i] - t.mean[i]) / t.std[i];
        sum[i] -= S(0.5) * (error * error + t.logvar[i] + kLog2Pi<S>);
      }
      if constexpr (kSquashed) {
        for (Index i = 0; i < columns; ++i) twice[i] = S(-2) * z[i];
        softplus_all(twice.data(), softplus.data(), unused.data(), padded_count(count));
        for (Index i = 0; i < columns; ++i) sum[i] -= S(2) * (std::numbers::ln2_v<S> - z[i] - softplus[i]);
      }
    }
    std::copy_n(sum.data(), count, out.data() + first);
  });
}

template <class S>
template <bool kSquashed>
void Gaussian<S>::density_gradient(const ConstRows<S>& parameters, const ConstRows<S>& value,
                                   const ConstVecRef<S>& weight, Rows<S>& gradient) const {
  const char* where = kSquashed ? "SquashedGaussian::log_prob_gradient" : "Gaussian::log_prob_gradient";
  const Index n = parameters.cols();
  check_shape(where, "parameters", parameters, parameter_count(), n);
  check_shape(where, "value", value, dim(), n);
  require_dim(where, "weight", weight.size(), n);
  check_shape(where, "gradient", gradient, parameter_count(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    Chunk<S> z;
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      load_value<kSquashed>(value, r, first, count, z);
      for (Index i = 0; i < count; ++i) {
        const S error = (z[i] - t.mean[i]) / t.std[i], w = weight[first + i];
        gradient(r, first + i) += w * error / t.std[i];
        gradient(dim() + r, first + i) += S(0.5) * w * t.slope[i] * (error * error - S(1));
      }
    }
  });
}

template <class S>
void Gaussian<S>::sample(ConstRows<S> parameters, ConstRows<S> noise, Rows<S> value,
                         VecRef<S> log_prob) const {
  draw<false>(parameters, noise, value, log_prob);
}
template <class S>
void Gaussian<S>::sample_gradient(ConstRows<S> parameters, ConstRows<S> noise, ConstRows<S> value_weight,
                                  ConstVecRef<S> log_prob_weight, Rows<S> gradient) const {
  draw_gradient<false>(parameters, noise, value_weight, log_prob_weight, gradient);
}
template <class S>
void Gaussian<S>::log_prob(ConstRows<S> parameters, ConstRows<S> value, VecRef<S> out) const {
  density<false>(parameters, value, out);
}
template <class S>
void Gaussian<S>::log_prob_gradient(ConstRows<S> parameters, ConstRows<S> value, ConstVecRef<S> weight,
                                    Rows<S> gradient) const {
  density_gradient<false>(parameters, value, weight, gradient);
}

template <class S>
void Gaussian<S>::entropy(ConstRows<S> parameters, VecRef<S> out) const {
  const Index n = parameters.cols();
  check_shape("Gaussian::entropy", "parameters", parameters, parameter_count(), n);
  require_dim("Gaussian::entropy", "out", out.size(), n);
  out.setZero();
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      for (Index i = 0; i < count; ++i) out[first + i] += S(0.5) * (t.logvar[i] + S(1) + kLog2Pi<S>);
    }
  });
}

template <class S>
void Gaussian<S>::entropy_gradient(ConstRows<S> parameters, ConstVecRef<S> weight, Rows<S> gradient) const {
  const Index n = parameters.cols();
  check_shape("Gaussian::entropy_gradient", "parameters", parameters, parameter_count(), n);
  require_dim("Gaussian::entropy_gradient", "weight", weight.size(), n);
  check_shape("Gaussian::entropy_gradient", "gradient", gradient, parameter_count(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms t;
    for (Index r = 0; r < dim(); ++r) {
      terms(parameters, 0, r, first, count, t);
      for (Index i = 0; i < count; ++i)
        gradient(dim() + r, first + i) += S(0.5) * weight[first + i] * t.slope[i];
    }
  });
}

template <class S>
void Gaussian<S>::kl(ConstRows<S> p, ConstRows<S> q, VecRef<S> out) const {
  const Index n = p.cols();
  check_shape("Gaussian::kl", "p", p, parameter_count(), n);
  check_shape("Gaussian::kl", "q", q, parameter_count(), n);
  require_dim("Gaussian::kl", "out", out.size(), n);
  out.setZero();
  for_chunks(n, [&](Index first, Index count) {
    Terms a, b;
    for (Index r = 0; r < dim(); ++r) {
      terms(p, 0, r, first, count, a);
      terms(q, 0, r, first, count, b);
      for (Index i = 0; i < count; ++i) {
        const S ratio = a.std[i] / b.std[i], error = (a.mean[i] - b.mean[i]) / b.std[i];
        out[first + i] += S(0.5) * (b.logvar[i] - a.logvar[i] + ratio * ratio + error * error - S(1));
      }
    }
  });
}

template <class S>
void Gaussian<S>::kl_gradient(ConstRows<S> p, ConstRows<S> q, ConstVecRef<S> weight, Rows<S> gradient) const {
  const Index n = p.cols();
  check_shape("Gaussian::kl_gradient", "p", p, parameter_count(), n);
  check_shape("Gaussian::kl_gradient", "q", q, parameter_count(), n);
  require_dim("Gaussian::kl_gradient", "weight", weight.size(), n);
  check_shape("Gaussian::kl_gradient", "gradient", gradient, parameter_count(), n);
  for_chunks(n, [&](Index first, Index count) {
    Terms a, b;
    for (Index r = 0; r < dim(); ++r) {
      terms(p, 0, r, first, count, a);
      terms(q, 0, r, first, count, b);
      for (Index i = 0; i < count; ++i) {
        const S w = weight[first + i];
        const S ratio = a.std[i] / b.std[i], error = (a.mean[i] - b.mean[i]) / b.std[i];
        gradient(r, first + i) -= w * error / b.std[i];
        gradient(dim() + r, first + i) += S(0.5) * w * b.slope[i] * (S(1) - ratio * ratio - error * error);
      }
    }
  });
}

template <class S>
void SquashedGaussian<S>::mode(ConstRows<S> parameters, Rows<S> value) const {
  const Index n = parameters.cols();
  check_shape("SquashedGaussian::mode", "parameters", parameters, parameter_count(), n);
  check_shape("SquashedGaussian::mode", "value", value, dim(), n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> z;
    for (Index r = 0; r < dim(); ++r) {
      z.load(parameters, r, first, count);
      tanh_all(z.data(), z.data(), padded_count(count));
      std::copy_n(z.data(), count, &value(r, first));
    }
  });
}
template <class S>
void SquashedGaussian<S>::sample(ConstRows<S> parameters, ConstRows<S> noise, Rows<S> value,
                                 VecRef<S> log_prob) const {
  base_.template draw<true>(parameters, noise, value, log_prob);
}
template <class S>
void SquashedGaussian<S>::sample_gradient(ConstRows<S> parameters, ConstRows<S> noise,
                                          ConstRows<S> value_weight, ConstVecRef<S> log_prob_weight,
                                          Rows<S> gradient) const {
  base_.template draw_gradient<true>(parameters, noise, value_weight, log_prob_weight, gradient);
}
template <class S>
void SquashedGaussian<S>::log_prob(ConstRows<S> parameters, ConstRows<S> value, VecRef<S> out) const {
  base_.template density<true>(parameters, value, out);
}
template <class S>
void SquashedGaussian<S>::log_prob_gradient(ConstRows<S> parameters, ConstRows<S> value,
                                            ConstVecRef<S> weight, Rows<S> gradient) const {
  base_.template density_gradient<true>(parameters, value, weight, gradient);
}

template class Gaussian<float>;
template class Gaussian<double>;
template class SquashedGaussian<float>;
template class SquashedGaussian<double>;

}  // namespace mbrl::nn
