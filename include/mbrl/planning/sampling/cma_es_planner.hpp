// Action sequences by covariance matrix adaptation (cma_es.hpp), bounds by repair and penalty.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/math/cma_es.hpp"
#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// The variables are the actions scaled so that the bounds are -1 and 1; every plan starts from the shifted
/// previous one with sigma and C = I. A candidate x outside the bounds is evaluated at the nearest point x^ of
/// the box and pays for the distance:
///   loss = -R(s, x^) + (2 IQR / n) sum_i ((x_i - x^_i) / s_i)^2,
/// s_i being the standard deviation of variable i and IQR the interquartile range of this generation's
/// returns, so that both parts stay comparable. After Hansen, Niederberger, Guzzella, Koumoutsakos, "A method
/// for handling uncertainty in evolutionary optimization with an application to feedback control of
/// combustion", IEEE Trans. Evolutionary Computation 13(1), 2009, appendix, whose weights are set once and
/// raised when needed; a plan is too short for that. Redrawing until a candidate is inside, the tutorial's
/// other way, would never end with hundreds of variables. The plan is the mean, put inside the box. The
/// evaluator must outlive the planner.
template <RolloutEvaluator E>
class CmaEsPlanner : public SamplingPlanner<CmaEsPlanner<E>, E, CmaEsPlannerSettings> {
  using Base = SamplingPlanner<CmaEsPlanner<E>, E, CmaEsPlannerSettings>;
  friend Base;

 public:
  using typename Base::Scalar;
  using typename Base::State;

  CmaEsPlanner(E& evaluator, const ActionBounds& bounds, const CmaEsPlannerSettings& settings,
               std::uint64_t seed)
      : Base("cmaes", evaluator, bounds, settings, seed),
        mid_(box_.mid().template cast<double>()),
        half_(0.5 * (box_.high() - box_.low()).template cast<double>()),
        search_(search(seed)) {
    require(settings.stop_std >= 0, "cmaes: stop_std is ", settings.stop_std, ", expected 0 or more");
  }

  void load(const StateDict& in, const std::string& prefix) {
    Base::load(in, prefix);
    search_ = search(noise_.seed());
  }

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  bool begin(std::uint32_t plan) {
    search_.restart(start(), settings_.sigma, plan);
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    const Batchd& asked = search_.ask();
    losses_.resize(asked.cols());
    this->evaluate(state, key, asked.cols(), report,
                   [&](Index first, Index count) { repair(asked, first, count); });
    const bool usable = score();
    search_.tell(losses_);
    if (usable) mean_ = this->inside((mid_ + half_.cwiseProduct(search_.mean())).template cast<Scalar>());
    return search_.spread() < settings_.stop_std;
  }

  CmaEs search(std::uint64_t seed) {
    return CmaEs(start(), settings_.sigma, {settings_.population, settings_.separable}, seed);
  }

  // The warm start in the search's variables.
  const Vecd& start() {
    start_ = (mean_.template cast<double>() - mid_).cwiseQuotient(half_);
    return start_;
  }

  // Candidates as actions inside the bounds, and what each pays for having been outside, but for the unit.
  void repair(const Batchd& x, Index first, Index count) {
    for (Index k = first; k < first + count; ++k) {
      double outside = 0;
      for (Index i = 0; i < x.rows(); ++i) {
        const double inside = std::clamp(x(i, k), -1.0, 1.0);
        if (inside != x(i, k)) {
          const double d = (x(i, k) - inside) / search_.std(i);
          outside += d * d;
        }
        candidates_(i, k) =
            std::clamp(static_cast<Scalar>(mid_(i) + half_(i) * inside), box_.low()(i), box_.high()(i));
      }
      losses_(k) = outside / static_cast<double>(x.rows());
    }
  }

  // Turns returns and distances into losses; returns whether any return is finite. Where there was no time
  // for all candidates, as large a share of those evaluated are parents as of all.
  bool score() {
    sorted_.clear();
    sorted_.reserve(static_cast<std::size_t>(returns_.size()));
    for (const Scalar value : returns_)
      if (std::isfinite(value)) sorted_.push_back(static_cast<double>(value));
    std::sort(sorted_.begin(), sorted_.end());
    const std::size_t usable = sorted_.size();
    const double range = usable > 0 ? sorted_[(3 * usable) / 4] - sorted_[usable / 4] : 0;
    const double unit = range > 0 && std::isfinite(range) ? 2 * range : 1;
    for (Index k = 0; k < returns_.size(); ++k)
      losses_(k) = unit * losses_(k) - static_cast<double>(returns_(k));
    const int parents = search_.population() / 2, kept = this->elites_of_tried(parents);
    if (kept < parents) {
      rank_candidates(-losses_, kept, order_);
      chosen_losses_.setConstant(losses_.size(), std::numeric_limits<double>::quiet_NaN());
      for (const int k : order_) chosen_losses_(k) = losses_(k);
      losses_.swap(chosen_losses_);
    }
    return usable > 0;
  }

  Vecd mid_, half_, start_;
  CmaEs search_;
  Vecd losses_, chosen_losses_;
  std::vector<double> sorted_;
  std::vector<int> order_;
};

}  // namespace mbrl
