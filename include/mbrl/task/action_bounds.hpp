// The box actions live in.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// The nearest of the choices 0 ... n - 1.
template <class S>
S nearest_choice(S action, int n) {
  return std::clamp(std::floor(action + S(0.5)), S(0), static_cast<S>(n - 1));
}

/// Lowest and highest value of every action entry, in the environment's units.
struct ActionBounds {
  std::vector<double> low, high;
  int choices = 0;  // n: every entry is a choice of 0 ... n - 1, which are its bounds; 0: any number

  ActionBounds() = default;
  ActionBounds(std::vector<double> lowest, std::vector<double> highest)
      : low(std::move(lowest)), high(std::move(highest)) {}
  ActionBounds(ConstVecRef<double> lowest, ConstVecRef<double> highest)
      : low(lowest.begin(), lowest.end()), high(highest.begin(), highest.end()) {}

  /// The same interval for every entry.
  static ActionBounds uniform(int action_dim, double lowest, double highest) {
    const auto n = static_cast<std::size_t>(action_dim);
    return {std::vector<double>(n, lowest), std::vector<double>(n, highest)};
  }

  /// Every entry is a choice of 0 ... n - 1.
  static ActionBounds choice_of(int n, int action_dim = 1) {
    ActionBounds bounds = uniform(action_dim, 0, n - 1);
    bounds.choices = n;
    return bounds;
  }

  int dim() const { return static_cast<int>(low.size()); }

  /// Of every entry the middle of its range, and half of it: networks see actions scaled to [-1, 1] by them.
  template <class S>
  std::vector<S> mid() const {
    return each<S>([](double l, double h) { return 0.5 * (l + h); });
  }
  template <class S>
  std::vector<S> half() const {
    return each<S>([](double l, double h) { return 0.5 * (h - l); });
  }

  /// Throws unless there are `action_dim` pairs with low < high which a planner that computes with numbers of
  /// type S can work with: the bounds, their difference and its square neither overflow nor vanish.
  template <class S = double>
  void validate(std::string_view where, int action_dim) const {
    require_dim(where, "the lower action bound", low.size(), action_dim);
    require_dim(where, "the upper action bound", high.size(), action_dim);
    for (std::size_t i = 0; i < low.size(); ++i) {
      require(std::isfinite(low[i]) && std::isfinite(high[i]) && low[i] < high[i], where, ": action ", i,
              " is bounded by [", low[i], ", ", high[i], "], expected finite bounds with low < high");
      require(choices == 0 || (low[i] == 0 && high[i] == choices - 1), where, ": action ", i,
              " is a choice of ", choices, " bounded by [", low[i], ", ", high[i], "], expected 0 to ",
              choices - 1);
      const S range = inner_high<S>(i) - inner_low<S>(i);
      require(range > 0 && std::isnormal(range * range), where, ": action ", i, " is bounded by [", low[i],
              ", ", high[i], "], a range that numbers of type ",
              sizeof(S) == sizeof(float) ? "float" : "double",
              " cannot square; expected the limits of the actuator (scale the actions if they are real)");
    }
  }

  /// The bounds of entry i rounded into the box: a number of type S between them is never outside.
  template <class S>
  S inner_low(std::size_t i) const {
    const S rounded = static_cast<S>(low[i]);
    return static_cast<double>(rounded) < low[i] ? std::nextafter(rounded, std::numeric_limits<S>::infinity())
                                                 : rounded;
  }
  template <class S>
  S inner_high(std::size_t i) const {
    const S rounded = static_cast<S>(high[i]);
    return static_cast<double>(rounded) > high[i]
               ? std::nextafter(rounded, -std::numeric_limits<S>::infinity())
               : rounded;
  }

 private:
  template <class S, class F>
  std::vector<S> each(const F& of) const {
    std::vector<S> out;
    for (std::size_t i = 0; i < low.size(); ++i) out.push_back(static_cast<S>(of(low[i], high[i])));
    return out;
  }
};

}  // namespace mbrl
