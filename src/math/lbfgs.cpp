#include "mbrl/math/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

struct Pair {
  Vecd step, change;  // of x, of the gradient
  double inverse;     // 1 / step'change
};

// The two loops of Nocedal (1980): -H g, H the inverse Hessian that the pairs suggest.
Vecd direction(const std::deque<Pair>& pairs, const Vecd& gradient) {
  Vecd d = -gradient;
  std::vector<double> weight(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    weight[i] = pairs[i].inverse * pairs[i].step.dot(d);
    d -= weight[i] * pairs[i].change;
  }
  if (!pairs.empty()) d /= pairs.back().inverse * pairs.back().change.squaredNorm();
  for (std::size_t i = 0; i < pairs.size(); ++i)
    d += (weight[i] - pairs[i].inverse * pairs[i].change.dot(d)) * pairs[i].step;
  return d;
}

}  // namespace

void LbfgsSettings::validate(const char* who) const {
  require(iterations >= 0, who, ": iterations is ", iterations, ", expected at least 0");
  require(memory >= 1, who, ": memory is ", memory, ", expected at least 1");
  require(std::isfinite(gradient_tolerance) && gradient_tolerance >= 0.0, who, ": gradient_tolerance is ",
          gradient_tolerance, ", expected a number of at least 0");
  require(armijo > 0.0 && armijo < curvature && curvature < 1.0, who, ": armijo is ", armijo,
          " and curvature ", curvature, ", expected 0 < armijo < curvature < 1");
  require(trials >= 1, who, ": trials is ", trials, ", expected at least 1");
}

LbfgsResult minimize_lbfgs(const SmoothFunction& f, ConstVecRef<double> start,
                           const LbfgsSettings& settings) {
  settings.validate("minimize_lbfgs");
  require(start.size() >= 1 && start.allFinite(), "minimize_lbfgs: the start has ", start.size(),
          " entries, or one that is not finite; expected finite numbers, at least 1");
  LbfgsResult result;
  result.x = start;
  Vecd gradient(start.size()), next_gradient(start.size()), next;
  result.value = f(result.x, gradient);
  result.evaluations = 1;
  if (!std::isfinite(result.value) || !gradient.allFinite()) {
    result.status = LbfgsStatus::kDivergedStart;
    return result;
  }
  std::deque<Pair> pairs;
  for (;;) {
    result.gradient = gradient.cwiseAbs().maxCoeff();
    if (result.gradient <= settings.gradient_tolerance * std::max(1.0, std::abs(result.value))) {
      result.status = LbfgsStatus::kConverged;
      return result;
    }
    if (result.iterations >= settings.iterations) return result;
    Vecd d = direction(pairs, gradient);
    double slope = gradient.dot(d);
    if (!(slope < 0.0)) {  // rounding has made the pairs useless
      pairs.clear();
      d = -gradient;
      slope = -gradient.squaredNorm();
    }
    double length = pairs.empty() ? std::min(1.0, 1.0 / std::sqrt(-slope)) : 1.0;
    double low = 0.0, high = std::numeric_limits<double>::infinity();
    // The longest step so far that lowers the value enough, should none end with a small slope.
    double best = 0.0, value = 0.0;
    Vecd best_gradient;
    for (int trial = 0; trial < settings.trials; ++trial) {
      next = result.x + length * d;
      const double tried = f(next, next_gradient);
      ++result.evaluations;
      const bool usable = std::isfinite(tried) && next_gradient.allFinite();
      if (!usable || !(tried < result.value) || tried > result.value + settings.armijo * length * slope) {
        high = length;
      } else {
        best = low = length;
        value = tried;
        best_gradient = next_gradient;
        if (next_gradient.dot(d) >= settings.curvature * slope) break;
      }
      if (!std::isfinite(high))
        length = 2.0 * low;
      else if (low == 0.0 && usable)  // where the parabola through both values has its minimum
        length = high * std::clamp(-0.5 * slope * high / (tried - result.value - slope * high), 0.1, 0.5);
      else
        length = 0.5 * (low + high);
    }
    if (!(best > 0.0)) {
      if (!pairs.empty()) {  // once more, down the gradient
        pairs.clear();
        continue;
      }
      result.status = LbfgsStatus::kStalled;
      return result;
    }
    Pair pair{best * d, best_gradient - gradient, 0.0};
    const double product = pair.step.dot(pair.change);
    if (product > 1e-14 * pair.step.norm() * pair.change.norm()) {
      pair.inverse = 1.0 / product;
      pairs.push_back(std::move(pair));
      if (pairs.size() > static_cast<std::size_t>(settings.memory)) pairs.pop_front();
    }
    result.x += best * d;
    result.value = value;
    gradient = best_gradient;
    ++result.iterations;
  }
}

}  // namespace mbrl
