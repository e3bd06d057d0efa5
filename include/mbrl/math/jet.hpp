// Numbers that carry their derivatives along: exact differentiation of any code written as a template.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>

namespace mbrl {

/// Forward-mode automatic differentiation: a value and its derivatives in N directions. T may itself be a Jet,
/// which gives second derivatives. Griewank and Walther, "Evaluating derivatives", 2nd edition, 2008,
/// chapter 3. Functions are found by argument-dependent lookup: in a template write `using std::sin; sin(x)`.
template <class T, int N>
struct Jet {
  T v{};                 // value
  std::array<T, N> d{};  // derivatives

  Jet() = default;
  Jet(double value) : v(value) {}  // NOLINT: constants mix freely with jets
  Jet(const T& value)
    requires(!std::is_same_v<T, double>)
      : v(value) {}  // NOLINT

  /// The i-th independent variable.
  static Jet variable(const T& value, int i) {
    Jet x;
    x.v = value;
    x.d[static_cast<std::size_t>(i)] = T(1.0);
    return x;
  }

  Jet& operator+=(const Jet& o) {
    v += o.v;
    for (std::size_t i = 0; i < N; ++i) d[i] += o.d[i];
    return *this;
  }
  Jet& operator-=(const Jet& o) {
    v -= o.v;
    for (std::size_t i = 0; i < N; ++i) d[i] -= o.d[i];
    return *this;
  }
  Jet& operator+=(double b) {
    v += b;
    return *this;
  }
  Jet& operator-=(double b) {
    v -= b;
    return *this;
  }
  /// A constant has no derivatives: products with it cost half.
  Jet& operator*=(double b) {
    v *= b;
    for (auto& x : d) x *= b;
    return *this;
  }
  Jet& operator*=(const Jet& o) { return *this = *this * o; }
  Jet& operator/=(const Jet& o) { return *this = *this / o; }

  friend Jet operator+(Jet a, const Jet& b) { return a += b; }
  friend Jet operator-(Jet a, const Jet& b) { return a -= b; }
  friend Jet operator-(Jet a) {
    a.v = -a.v;
    for (auto& x : a.d) x = -x;
    return a;
  }
  friend Jet operator*(const Jet& a, const Jet& b) {
    Jet out;
    out.v = a.v * b.v;
    for (std::size_t i = 0; i < N; ++i) out.d[i] = a.v * b.d[i] + a.d[i] * b.v;
    return out;
  }
  friend Jet operator*(Jet a, double b) { return a *= b; }
  friend Jet operator*(double a, const Jet& b) { return b * a; }
  friend Jet operator+(Jet a, double b) { return a += b; }
  friend Jet operator+(double a, const Jet& b) { return b + a; }
  friend Jet operator-(Jet a, double b) { return a -= b; }
  friend Jet operator-(double a, const Jet& b) { return -b + a; }
  friend Jet operator/(const Jet& a, const Jet& b) {
    const T inverse = T(1.0) / b.v;
    Jet out;
    out.v = a.v * inverse;
    for (std::size_t i = 0; i < N; ++i) out.d[i] = (a.d[i] - out.v * b.d[i]) * inverse;
    return out;
  }
  friend Jet operator/(const Jet& a, double b) { return a * (1.0 / b); }
  friend Jet operator/(double a, const Jet& b) { return Jet(a) / b; }

  /// f(a) with f(a.v) and f'(a.v).
  friend Jet chain(const Jet& a, const T& value, const T& slope) {
    Jet out;
    out.v = value;
    for (std::size_t i = 0; i < N; ++i) out.d[i] = slope * a.d[i];
    return out;
  }
  friend Jet sin(const Jet& a) {
    using std::cos, std::sin;
    return chain(a, sin(a.v), cos(a.v));
  }
  friend Jet cos(const Jet& a) {
    using std::cos, std::sin;
    return chain(a, cos(a.v), -sin(a.v));
  }
  friend Jet tan(const Jet& a) {
    using std::tan;
    const T value = tan(a.v);
    return chain(a, value, value * value + 1.0);
  }
  friend Jet exp(const Jet& a) {
    using std::exp;
    const T value = exp(a.v);
    return chain(a, value, value);
  }
  friend Jet log(const Jet& a) {
    using std::log;
    return chain(a, log(a.v), T(1.0) / a.v);
  }
  friend Jet sqrt(const Jet& a) {
    using std::sqrt;
    const T value = sqrt(a.v);
    return chain(a, value, T(0.5) / value);
  }
  friend Jet tanh(const Jet& a) {
    using std::tanh;
    const T value = tanh(a.v);
    return chain(a, value, 1.0 - value * value);
  }
};

}  // namespace mbrl
