// Categoricals, and mixtures of Gaussians, whose component is one.
#include <cmath>
#include <limits>

#include "mbrl/nn/distributions.hpp"
#include "nn/distribution_chunks.hpp"
#include "nn/elementary.hpp"

namespace mbrl::nn {
namespace {

// log of the sum over rows of exp: logits minus it are log-probabilities.
template <class S>
void log_sum_exp(const ConstRows<S>& logits, Index rows, Index first, Index count, Chunk<S>& out) {
  Chunk<S> largest, x, sum;
  largest.fill(std::numeric_limits<S>::lowest());
  for (Index r = 0; r < rows; ++r)
    for (Index i = 0; i < count; ++i) largest[i] = std::max(largest[i], logits(r, first + i));
  sum.fill(S(0));
  const std::size_t n = padded_count(count);
  for (Index r = 0; r < rows; ++r) {
    x.load(logits, r, first, count);
    for (Index i = 0; i < count; ++i) x[i] -= largest[i];
    exp_all(x.data(), x.data(), n);
    for (Index i = 0; i < count; ++i) sum[i] += x[i];
  }
  log_all(sum.data(), out.data(), n);
  for (Index i = 0; i < count; ++i) out[i] += largest[i];
}

// A row's log-probabilities and probabilities.
template <class S>
void probabilities_of(const ConstRows<S>& logits, Index row, Index first, Index count, const Chunk<S>& total,
                      Chunk<S>& log_p, Chunk<S>& p) {
  log_p.load(logits, row, first, count);
  for (Index i = 0; i < count; ++i) log_p[i] -= total[i];
  exp_all(log_p.data(), p.data(), padded_count(count));
}

// x log y, where nothing times minus infinity is nothing.
template <class S>
S weighted(S x, S log_y) {
  return x == S(0) ? S(0) : x * log_y;
}

}  // namespace

template <class S>
Categorical<S>::Categorical(int choices) : choices_(choices) {
  require(choices >= 1, "Categorical: ", choices, " choices, expected at least 1");
}

template <class S>
void Categorical<S>::probabilities(ConstRows<S> parameters, Rows<S> out) const {
  const Index n = parameters.cols();
  check_shape("Categorical::probabilities", "parameters", parameters, choices_, n);
  check_shape("Categorical::probabilities", "out", out, choices_, n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, log_p, p;
    log_sum_exp(parameters, choices_, first, count, total);
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(parameters, r, first, count, total, log_p, p);
      std::copy_n(p.data(), count, &out(r, first));
    }
  });
}

template <class S>
void Categorical<S>::log_probabilities(ConstRows<S> parameters, Rows<S> out) const {
  const Index n = parameters.cols();
  check_shape("Categorical::log_probabilities", "parameters", parameters, choices_, n);
  check_shape("Categorical::log_probabilities", "out", out, choices_, n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total;
    log_sum_exp(parameters, choices_, first, count, total);
    for (Index r = 0; r < choices_; ++r)
      for (Index i = 0; i < count; ++i) out(r, first + i) = parameters(r, first + i) - total[i];
  });
}

template <class S>
void Categorical<S>::sample(ConstRows<S> parameters, ConstRows<S> noise, VecRef<int> value,
                            VecRef<S> log_prob) const {
  constexpr const char* kWhere = "Categorical::sample";
  const Index n = parameters.cols();
  check_shape(kWhere, "parameters", parameters, choices_, n);
  check_shape(kWhere, "noise", noise, 1, n);
  require_dim(kWhere, "value", value.size(), n);
  require_dim(kWhere, "log_prob", log_prob.size(), n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, log_p, p, sum;
    Chunk<char> found;
    log_sum_exp(parameters, choices_, first, count, total);
    sum.fill(S(0));
    found.fill(0);
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(parameters, r, first, count, total, log_p, p);
      for (Index i = 0; i < count; ++i) {
        sum[i] += p[i];
        // Until one is found, the last possible one: the sum may end a rounding below 1.
        if (found[i] || (r > 0 && !(p[i] > S(0)))) continue;
        value[first + i] = static_cast<int>(r);
        log_prob[first + i] = log_p[i];
        found[i] = noise(0, first + i) < sum[i];
      }
    }
  });
}

template <class S>
void Categorical<S>::log_prob(ConstRows<S> parameters, ConstVecRef<int> value, VecRef<S> out) const {
  constexpr const char* kWhere = "Categorical::log_prob";
  const Index n = parameters.cols();
  check_shape(kWhere, "parameters", parameters, choices_, n);
  require_dim(kWhere, "value", value.size(), n);
  require_dim(kWhere, "out", out.size(), n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total;
    log_sum_exp(parameters, choices_, first, count, total);
    for (Index i = 0; i < count; ++i) {
      const int choice = value[first + i];
      require(0 <= choice && choice < choices_, kWhere, ": the value is ", choice, ", expected 0 to ",
              choices_ - 1);
      out[first + i] = parameters(choice, first + i) - total[i];
    }
  });
}

template <class S>
void Categorical<S>::log_prob_gradient(ConstRows<S> parameters, ConstVecRef<int> value, ConstVecRef<S> weight,
                                       Rows<S> gradient) const {
  constexpr const char* kWhere = "Categorical::log_prob_gradient";
  const Index n = parameters.cols();
  check_shape(kWhere, "parameters", parameters, choices_, n);
  require_dim(kWhere, "value", value.size(), n);
  require_dim(kWhere, "weight", weight.size(), n);
  check_shape(kWhere, "gradient", gradient, choices_, n);
  for (Index i = 0; i < n; ++i)
    require(0 <= value[i] && value[i] < choices_, kWhere, ": the value is ", value[i], ", expected 0 to ",
            choices_ - 1);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, log_p, p;
    log_sum_exp(parameters, choices_, first, count, total);
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(parameters, r, first, count, total, log_p, p);
      for (Index i = 0; i < count; ++i)
        gradient(r, first + i) += weight[first + i] * ((value[first + i] == r ? S(1) : S(0)) - p[i]);
    }
  });
}

template <class S>
void Categorical<S>::entropy(ConstRows<S> parameters, VecRef<S> out) const {
  const Index n = parameters.cols();
  check_shape("Categorical::entropy", "parameters", parameters, choices_, n);
  require_dim("Categorical::entropy", "out", out.size(), n);
  out.setZero();
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, log_p, p;
    log_sum_exp(parameters, choices_, first, count, total);
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(parameters, r, first, count, total, log_p, p);
      for (Index i = 0; i < count; ++i) out[first + i] -= weighted(p[i], log_p[i]);
    }
  });
}

template <class S>
void Categorical<S>::entropy_gradient(ConstRows<S> parameters, ConstVecRef<S> weight,
                                      Rows<S> gradient) const {
  const Index n = parameters.cols();
  check_shape("Categorical::entropy_gradient", "parameters", parameters, choices_, n);
  require_dim("Categorical::entropy_gradient", "weight", weight.size(), n);
  check_shape("Categorical::entropy_gradient", "gradient", gradient, choices_, n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, log_p, p, entropy;
    log_sum_exp(parameters, choices_, first, count, total);
    entropy.fill(S(0));
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(parameters, r, first, count, total, log_p, p);
      for (Index i = 0; i < count; ++i) entropy[i] -= weighted(p[i], log_p[i]);
    }
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(parameters, r, first, count, total, log_p, p);
      for (Index i = 0; i < count; ++i)
        gradient(r, first + i) -= weight[first + i] * weighted(p[i], log_p[i] + entropy[i]);
    }
  });
}

template <class S>
void Categorical<S>::kl(ConstRows<S> p, ConstRows<S> q, VecRef<S> out) const {
  const Index n = p.cols();
  check_shape("Categorical::kl", "p", p, choices_, n);
  check_shape("Categorical::kl", "q", q, choices_, n);
  require_dim("Categorical::kl", "out", out.size(), n);
  out.setZero();
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total_p, total_q, log_p, of_p, log_q, of_q;
    log_sum_exp(p, choices_, first, count, total_p);
    log_sum_exp(q, choices_, first, count, total_q);
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(p, r, first, count, total_p, log_p, of_p);
      probabilities_of(q, r, first, count, total_q, log_q, of_q);
      for (Index i = 0; i < count; ++i) out[first + i] += weighted(of_p[i], log_p[i] - log_q[i]);
    }
  });
}

template <class S>
void Categorical<S>::kl_gradient(ConstRows<S> p, ConstRows<S> q, ConstVecRef<S> weight,
                                 Rows<S> gradient) const {
  const Index n = p.cols();
  check_shape("Categorical::kl_gradient", "p", p, choices_, n);
  check_shape("Categorical::kl_gradient", "q", q, choices_, n);
  require_dim("Categorical::kl_gradient", "weight", weight.size(), n);
  check_shape("Categorical::kl_gradient", "gradient", gradient, choices_, n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total_p, total_q, unused, of_p, of_q;
    log_sum_exp(p, choices_, first, count, total_p);
    log_sum_exp(q, choices_, first, count, total_q);
    for (Index r = 0; r < choices_; ++r) {
      probabilities_of(p, r, first, count, total_p, unused, of_p);
      probabilities_of(q, r, first, count, total_q, unused, of_q);
      for (Index i = 0; i < count; ++i) gradient(r, first + i) += weight[first + i] * (of_q[i] - of_p[i]);
    }
  });
}

template <class S>
Mixture<S>::Mixture(int components, Gaussian<S> component)
    : choice_(components), component_(std::move(component)) {}

template <class S>
Index Mixture<S>::first_row(int component) const {
  return components() + static_cast<Index>(component) * component_.parameter_count();
}

template <class S>
void Mixture<S>::moments(ConstRows<S> parameters, Rows<S> mean, Rows<S> variance) const {
  const Index n = parameters.cols();
  check_shape("Mixture::moments", "parameters", parameters, parameter_count(), n);
  check_shape("Mixture::moments", "mean", mean, dim(), n);
  check_shape("Mixture::moments", "variance", variance, dim(), n);
  mean.setZero();
  variance.setZero();
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, log_p, p;
    typename Gaussian<S>::Terms t;
    log_sum_exp(parameters, components(), first, count, total);
    for (const bool about_mean : {false, true})
      for (int k = 0; k < components(); ++k) {
        probabilities_of(parameters, k, first, count, total, log_p, p);
        for (Index r = 0; r < dim(); ++r) {
          component_.terms(parameters, first_row(k), r, first, count, t);
          for (Index i = 0; i < count; ++i) {
            const S off = t.mean[i] - mean(r, first + i);
            if (about_mean)
              variance(r, first + i) += p[i] * (t.std[i] * t.std[i] + off * off);
            else
              mean(r, first + i) += p[i] * t.mean[i];
          }
        }
      }
  });
}

template <class S>
void Mixture<S>::sample(ConstRows<S> parameters, ConstRows<S> noise, Rows<S> value,
                        VecRef<S> log_prob) const {
  constexpr const char* kWhere = "Mixture::sample";
  const Index n = parameters.cols();
  check_shape(kWhere, "parameters", parameters, parameter_count(), n);
  check_shape(kWhere, "noise", noise, noise_dim(), n);
  check_shape(kWhere, "value", value, dim(), n);
  require_dim(kWhere, "log_prob", log_prob.size(), n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<int> chosen;
    Chunk<S> unused;
    typename Gaussian<S>::Terms t;
    choice_.sample(parameters.block(0, first, components(), count), noise.block(0, first, 1, count),
                   chosen.column(count), unused.column(count));
    for (int k = 0; k < components(); ++k)
      for (Index r = 0; r < dim(); ++r) {
        component_.terms(parameters, first_row(k), r, first, count, t);
        for (Index i = 0; i < count; ++i)
          if (chosen[i] == k) value(r, first + i) = t.mean[i] + t.std[i] * noise(1 + r, first + i);
      }
  });
  log_prob_of(parameters, value, log_prob);
}

template <class S>
void Mixture<S>::log_prob(ConstRows<S> parameters, ConstRows<S> value, VecRef<S> out) const {
  constexpr const char* kWhere = "Mixture::log_prob";
  check_shape(kWhere, "parameters", parameters, parameter_count(), parameters.cols());
  check_shape(kWhere, "value", value, dim(), parameters.cols());
  require_dim(kWhere, "out", out.size(), parameters.cols());
  log_prob_of(parameters, value, out);
}

// One component after the other: the largest so far, and the sum of exponentials beside it.
template <class S>
void Mixture<S>::log_prob_of(const ConstRows<S>& parameters, const ConstRows<S>& value,
                             VecRef<S>& out) const {
  for_chunks(parameters.cols(), [&](Index first, Index count) {
    Chunk<S> total, part, largest, sum, before, now;
    log_sum_exp(parameters, components(), first, count, total);
    largest.fill(std::numeric_limits<S>::lowest());
    sum.fill(S(0));
    before.fill(S(0));
    now.fill(S(0));
    const std::size_t n = padded_count(count);
    for (int k = 0; k < components(); ++k) {
      component_log_prob(parameters, value, k, first, count, total, part);
      for (Index i = 0; i < count; ++i) {
        const S top = std::max(largest[i], part[i]);
        before[i] = largest[i] - top;
        now[i] = part[i] - top;
        largest[i] = top;
      }
      exp_all(before.data(), before.data(), n);
      exp_all(now.data(), now.data(), n);
      for (Index i = 0; i < count; ++i) sum[i] = sum[i] * before[i] + now[i];
    }
    log_all(sum.data(), sum.data(), n);
    for (Index i = 0; i < count; ++i) out[first + i] = largest[i] + sum[i];
  });
}

// log of (the component's share times its density at the value), with log_sum_exp of the logits in `total`.
template <class S>
void Mixture<S>::component_log_prob(const ConstRows<S>& parameters, const ConstRows<S>& value, int k,
                                    Index first, Index count, const Chunk<S>& total, Chunk<S>& out) const {
  component_.log_prob(parameters.block(first_row(k), first, component_.parameter_count(), count),
                      value.middleCols(first, count), out.column(count));
  for (Index i = 0; i < count; ++i) out[i] += parameters(k, first + i) - total[i];
}

template <class S>
void Mixture<S>::log_prob_gradient(ConstRows<S> parameters, ConstRows<S> value, ConstVecRef<S> weight,
                                   Rows<S> gradient) const {
  constexpr const char* kWhere = "Mixture::log_prob_gradient";
  const Index n = parameters.cols();
  check_shape(kWhere, "parameters", parameters, parameter_count(), n);
  check_shape(kWhere, "value", value, dim(), n);
  require_dim(kWhere, "weight", weight.size(), n);
  check_shape(kWhere, "gradient", gradient, parameter_count(), n);
  for_chunks(n, [&](Index first, Index count) {
    Chunk<S> total, whole, part, log_p, p;
    VecRef<S> density = whole.column(count);
    log_prob_of(parameters.middleCols(first, count), value.middleCols(first, count), density);
    log_sum_exp(parameters, components(), first, count, total);
    for (int k = 0; k < components(); ++k) {
      component_log_prob(parameters, value, k, first, count, total, part);
      for (Index i = 0; i < count; ++i) part[i] -= whole[i];
      std::fill(part.values + count, part.values + padded_count(count), S(0));
      exp_all(part.data(), part.data(), padded_count(count));  // the component's responsibility
      probabilities_of(parameters, k, first, count, total, log_p, p);
      for (Index i = 0; i < count; ++i) {
        gradient(k, first + i) += weight[first + i] * (part[i] - p[i]);
        part[i] *= weight[first + i];
      }
      component_.log_prob_gradient(parameters.block(first_row(k), first, component_.parameter_count(), count),
                                   value.middleCols(first, count), part.column(count),
                                   gradient.block(first_row(k), first, component_.parameter_count(), count));
    }
  });
}

template class Categorical<float>;
template class Categorical<double>;
template class Mixture<float>;
template class Mixture<double>;

}  // namespace mbrl::nn
