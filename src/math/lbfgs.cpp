#include "mbrl/math/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {
void LbfgsSettings::validate(const char* who) const {
  require(iterations >= 0, who, ": iterations is ", iterations, ", expected at least 0");
  require(memory >= 1, who, ": memory is ", memory, ", expected at least 1");
  require(std::isfinite(gradient_tolerance) && gradient_tolerance >= 0.0, who, ": gradient_tolerance is ",
          gradient_tolerance, ", expected a number of at least 0");
  require(armijo > 0.0 && armijo < curvature && curvature < 1.0, who, ": armijo is ", armijo,
          " and curvature ", curvature, ", expected 0 < armijo < curvature < 1");
  require(trials >= 1, who, ": trials is ", trials, ", expected at least 1");
}

LbfgsSearch::LbfgsSearch(Index size, const LbfgsSettings& settings) : settings_(settings) {
  settings.validate("LbfgsSearch");
  require(size >= 1, "LbfgsSearch: size is ", size, ", expected at least 1");
  steps_.setZero(size, settings.memory);
  changes_.setZero(size, settings.memory);
  inverse_.setZero(settings.memory);
  weight_.setZero(settings.memory);
  for (Vecd* v : {&x_, &next_, &gradient_, &direction_, &best_gradient_, &change_}) v->setZero(size);
}

void LbfgsSearch::begin(ConstVecRef<double> start) {
  require_dim("LbfgsSearch", "the start", start.size(), x_.size());
  x_ = next_ = start;
  first_ = pairs_ = 0;
  iterations_ = evaluations_ = 0;
  value_ = largest_ = std::numeric_limits<double>::infinity();
  status_ = LbfgsStatus::kIterationLimit;
}

// The two loops of Nocedal (1980): -H g, H the inverse Hessian that the pairs suggest.
void LbfgsSearch::find_direction() {
  const auto at = [this](Index i) { return (first_ + i) % settings_.memory; };
  direction_ = -gradient_;
  for (Index i = pairs_; i-- > 0;) {
    const Index k = at(i);
    weight_(k) = inverse_(k) * steps_.col(k).dot(direction_);
    direction_ -= weight_(k) * changes_.col(k);
  }
  if (pairs_ > 0) direction_ /= inverse_(at(pairs_ - 1)) * changes_.col(at(pairs_ - 1)).squaredNorm();
  for (Index i = 0; i < pairs_; ++i) {
    const Index k = at(i);
    direction_ += (weight_(k) - inverse_(k) * changes_.col(k).dot(direction_)) * steps_.col(k);
  }
}

bool LbfgsSearch::begin_line() {
  largest_ = gradient_.cwiseAbs().maxCoeff();
  if (largest_ <= settings_.gradient_tolerance * std::max(1.0, std::abs(value_))) {
    status_ = LbfgsStatus::kConverged;
    return false;
  }
  if (iterations_ >= settings_.iterations) return false;
  find_direction();
  slope_ = gradient_.dot(direction_);
  if (!(slope_ < 0.0)) {  // rounding has made the pairs useless
    pairs_ = 0;
    direction_ = -gradient_;
    slope_ = -gradient_.squaredNorm();
  }
  length_ = pairs_ == 0 ? std::min(1.0, 1.0 / std::sqrt(-slope_)) : 1.0;
  low_ = best_ = 0.0;
  high_ = std::numeric_limits<double>::infinity();
  trial_ = 0;
  next_ = x_ + length_ * direction_;
  return true;
}

bool LbfgsSearch::tell(double value, const Vecd& gradient) {
  const bool usable = std::isfinite(value) && gradient.allFinite();
  if (evaluations_++ == 0) {
    value_ = value;
    gradient_ = gradient;
    if (usable) return begin_line();
    status_ = LbfgsStatus::kDivergedStart;
    return false;
  }
  if (!usable || !(value < value_) || value > value_ + settings_.armijo * length_ * slope_) {
    high_ = length_;
  } else {
    best_ = low_ = length_;
    best_value_ = value;
    best_gradient_ = gradient;
    if (gradient.dot(direction_) >= settings_.curvature * slope_) return end_line();
  }
  if (++trial_ == settings_.trials) return end_line();
  if (!std::isfinite(high_))
    length_ = 2.0 * low_;
  else if (low_ == 0.0 && usable)  // where the parabola through both values has its minimum
    length_ = high_ * std::clamp(-0.5 * slope_ * high_ / (value - value_ - slope_ * high_), 0.1, 0.5);
  else
    length_ = 0.5 * (low_ + high_);
  next_ = x_ + length_ * direction_;
  return true;
}

bool LbfgsSearch::end_line() {
  if (!(best_ > 0.0)) {
    if (std::exchange(pairs_, 0) > 0) return begin_line();  // once more, down the gradient
    status_ = LbfgsStatus::kStalled;
    return false;
  }
  direction_ *= best_;
  change_ = best_gradient_ - gradient_;
  const double product = direction_.dot(change_);
  if (product > 1e-14 * direction_.norm() * change_.norm()) {
    const Index k = (first_ + pairs_) % settings_.memory;
    if (pairs_ == settings_.memory)
      first_ = (first_ + 1) % settings_.memory;
    else
      ++pairs_;
    steps_.col(k) = direction_;
    changes_.col(k) = change_;
    inverse_(k) = 1.0 / product;
  }
  x_ += direction_;
  value_ = best_value_;
  gradient_ = best_gradient_;
  ++iterations_;
  return begin_line();
}

LbfgsResult minimize_lbfgs(const SmoothFunction& f, ConstVecRef<double> start,
                           const LbfgsSettings& settings) {
  settings.validate("minimize_lbfgs");
  require(start.size() >= 1 && start.allFinite(), "minimize_lbfgs: the start has ", start.size(),
          " entries, or one that is not finite; expected finite numbers, at least 1");
  LbfgsSearch search(start.size(), settings);
  search.begin(start);
  Vecd gradient(start.size());
  double value = 0;
  do value = f(search.point(), gradient);
  while (search.tell(value, gradient));
  return {.status = search.status(),
          .x = search.x(),
          .value = search.value(),
          .gradient = search.gradient(),
          .iterations = search.iterations(),
          .evaluations = search.evaluations()};
}

}  // namespace mbrl
