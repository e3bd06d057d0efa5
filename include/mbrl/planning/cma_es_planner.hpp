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
#include "mbrl/planning/action_bounds.hpp"
#include "mbrl/planning/cma_es.hpp"
#include "mbrl/planning/deadline.hpp"
#include "mbrl/planning/finish_plan.hpp"
#include "mbrl/planning/plan_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

struct CmaEsPlannerSettings {
  int population = 64;     // candidates a generation; 0: 4 + floor(3 ln n), n = horizon * action_dim
  int iterations = 8;      // generations at most
  double sigma = 0.5;      // of every plan's first generation, in half action ranges
  bool separable = true;   // learn variances only: a plan has too few generations to learn n^2 covariances
  double stop_std = 0.02;  // no further generation once the standard deviation (root mean square over the
                           // plan, in half action ranges) is below; 0: never stop early
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted plan ends with

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population,
          "candidates a generation; 0: 4 + floor(3 ln n), n = horizon x action_dim");
    field("iterations", s.iterations, "generations at most");
    field("sigma", s.sigma, "standard deviation at the start of every plan, in half action ranges");
    field("separable", s.separable, "learn variances only, no correlations");
    field("stop_std", s.stop_std, "stop below this standard deviation, in half action ranges; 0: never");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
  }
};

// The variables are the actions scaled so that the bounds are -1 and 1; every plan starts from the shifted
// previous one with sigma and C = I. A candidate x outside the bounds is evaluated at the nearest point x^ of
// the box and pays for the distance:
//   loss = -R(s, x^) + (2 IQR / n) sum_i ((x_i - x^_i) / s_i)^2,
// s_i being the standard deviation of variable i and IQR the interquartile range of this generation's
// returns, so that both parts stay comparable. After Hansen, Niederberger, Guzzella, Koumoutsakos, "A method
// for handling uncertainty in evolutionary optimization with an application to feedback control of
// combustion", IEEE Trans. Evolutionary Computation 13(1), 2009, appendix, whose weights are set once and
// raised when needed; a plan is too short for that. Redrawing until a candidate is inside, the tutorial's
// other way, would never end with hundreds of variables. The plan is the mean, put inside the box. The
// evaluator must outlive the planner.
template <RolloutEvaluator E>
class CmaEsPlanner : public Anytime {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  CmaEsPlanner(E& evaluator, const ActionBounds& bounds, const CmaEsPlannerSettings& settings,
               std::uint64_t seed)
      : evaluator_(&evaluator),
        settings_(checked(settings)),
        box_("cmaes", bounds, evaluator.action_dim(), evaluator.horizon()),
        mid_(box_.mid().template cast<double>()),
        half_(0.5 * (box_.high() - box_.low()).template cast<double>()),
        mean_(box_.mid()),
        seed_(seed),
        search_(start(), settings.sigma, {settings.population, settings.separable}, seed) {}

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result;
    plan(state, t, result);
    return result;
  }
  // The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    const auto plan = static_cast<std::uint32_t>(plan_index_++);
    PlanReport& report = result.report = {};
    report.best_return = std::numeric_limits<double>::quiet_NaN();
    search_.restart(start(), settings_.sigma, plan);
    const int population = search_.population();
    bool moved = false;
    Pacer pace(deadline_);
    std::uint32_t iteration = 0;
    for (bool converged = false;
         iteration < static_cast<std::uint32_t>(settings_.iterations) && !converged && pace.another();
         ++iteration) {
      repair(search_.ask());
      evaluator_->evaluate(state, candidates_, {plan, iteration, t}, returns_);
      const Index usable = score(report.best_return);
      report.unusable += population - usable;
      search_.tell(losses_);
      moved = moved || usable > 0;
      converged = search_.spread() < settings_.stop_std;
    }
    if (moved)
      mean_ = (mid_ + half_.cwiseProduct(search_.mean()))
                  .template cast<Scalar>()
                  .cwiseMax(box_.low())
                  .cwiseMin(box_.high());
    report.iterations = static_cast<int>(iteration);
    report.timed_out = pace.stopped();
    report.rollouts = std::int64_t{iteration} * population * particles_of(*evaluator_);
    finish_plan(*evaluator_, state, box_, mean_, {plan, iteration, t}, result);
  }

  void advance(int steps) { box_.shift(mean_, steps, settings_.pad); }
  void reset() { mean_ = box_.mid(); }

  void save(StateDict& out, const std::string& prefix) const {
    WarmStart<Scalar>{seed_, plan_index_, mean_}.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto kept = WarmStart<Scalar>::load(in, prefix, box_);
    seed_ = kept.seed;
    plan_index_ = kept.plan_index;
    mean_ = kept.mean;
    search_ = CmaEs(start(), settings_.sigma, {settings_.population, settings_.separable}, seed_);
  }

  const CmaEsPlannerSettings& settings() const { return settings_; }

 private:
  static const CmaEsPlannerSettings& checked(const CmaEsPlannerSettings& s) {
    require(s.iterations >= 1, "cmaes: iterations is ", s.iterations, ", expected at least 1");
    require(s.stop_std >= 0, "cmaes: stop_std is ", s.stop_std, ", expected 0 or more");
    return s;
  }

  // The warm start in the search's variables.
  const Vecd& start() {
    start_ = (mean_.template cast<double>() - mid_).cwiseQuotient(half_);
    return start_;
  }

  // Candidates as actions inside the bounds, and what each pays for having been outside, but for the unit.
  void repair(const Batchd& x) {
    candidates_.resize(x.rows(), x.cols());
    returns_.resize(x.cols());
    losses_.resize(x.cols());
    for (Index k = 0; k < x.cols(); ++k) {
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

  // Turns returns and distances into losses; returns how many returns are finite.
  Index score(double& best_return) {
    sorted_.clear();
    sorted_.reserve(static_cast<std::size_t>(returns_.size()));
    for (const Scalar value : returns_)
      if (std::isfinite(value)) sorted_.push_back(static_cast<double>(value));
    std::sort(sorted_.begin(), sorted_.end());
    const std::size_t usable = sorted_.size();
    if (usable > 0 && !(best_return >= sorted_.back())) best_return = sorted_.back();
    const double range = usable > 0 ? sorted_[(3 * usable) / 4] - sorted_[usable / 4] : 0;
    const double unit = range > 0 && std::isfinite(range) ? 2 * range : 1;
    for (Index k = 0; k < returns_.size(); ++k)
      losses_(k) = unit * losses_(k) - static_cast<double>(returns_(k));
    return static_cast<Index>(usable);
  }

  E* evaluator_;
  CmaEsPlannerSettings settings_;
  SequenceBox<Scalar> box_;
  Vecd mid_, half_, start_;
  Vec<Scalar> mean_;  // warm start of the next plan
  std::uint64_t seed_;
  CmaEs search_;
  std::int64_t plan_index_ = 0;
  Batch<Scalar> candidates_;
  Vec<Scalar> returns_;
  Vecd losses_;
  std::vector<double> sorted_;
};

}  // namespace mbrl
