// A log-variance between smooth bounds, number by number: what Gaussian does to a network's outputs, in rows.
#pragma once

#include <algorithm>
#include <cmath>

namespace mbrl::nn {

/// log(1 + e^x) without overflow.
template <class S>
S softplus(S x) {
  return std::max(x, S(0)) + std::log1p(std::exp(-std::abs(x)));
}

template <class S>
S sigmoid(S x) {
  return S(1) / (S(1) + std::exp(-x));
}

/// lv <- max - softplus(max - raw);  lv <- min + softplus(lv - min)   (Chua et al. 2018, app. A.1).
template <class S>
S bounded_logvar(S raw, S min, S max) {
  return min + softplus(max - softplus(max - raw) - min);
}

/// Its derivative with respect to `raw`.
template <class S>
S bounded_logvar_slope(S raw, S min, S max) {
  return sigmoid(max - raw) * sigmoid(max - softplus(max - raw) - min);
}

/// And the second: with that slope p q, p q (p (1 - q) - (1 - p)).
template <class S>
S bounded_logvar_curve(S raw, S min, S max) {
  const S p = sigmoid(max - raw), q = sigmoid(max - softplus(max - raw) - min);
  return p * q * (p * (S(1) - q) - (S(1) - p));
}

}  // namespace mbrl::nn
