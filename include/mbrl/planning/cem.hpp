// The cross-entropy method as PETS uses it.
// Chua, Calandra, McAllister, Levine, "Deep reinforcement learning in a handful of trials using probabilistic
// dynamics models", NeurIPS 2018; Botev, Kroese, Rubinstein, L'Ecuyer, "The cross-entropy method for
// optimization", 2013.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/action_bounds.hpp"
#include "mbrl/planning/candidate_noise.hpp"
#include "mbrl/planning/deadline.hpp"
#include "mbrl/planning/finish_plan.hpp"
#include "mbrl/planning/plan_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/ranking.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

// Defaults: PETS on HalfCheetah.
struct CemSettings {
  int population = 500;   // candidates an iteration
  int elites = 50;        // best candidates that the distribution is fitted to
  int iterations = 5;     // at most
  double alpha = 0.1;     // share of the old mean and variance that is kept
  double epsilon = 1e-3;  // no further iteration once the largest variance is below (action units^2)
  WarmStartPad pad = WarmStartPad::kZero;  // what the shifted plan ends with

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "candidates an iteration");
    field("elites", s.elites, "best candidates that the distribution is fitted to");
    field("iterations", s.iterations, "iterations at most");
    field("alpha", s.alpha, "share of the old mean and variance that is kept");
    field("epsilon", s.epsilon, "no further iteration once the largest variance is below (action units^2)");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
  }
};

// With mean mu (the shifted previous plan; mid-range in a new episode) and variance sigma^2 = (high - low)^2
// / 16, repeat while max sigma^2 > epsilon, at most `iterations` times:
//   sigma_c^2 = min(sigma^2, ((mu - low) / 2)^2, ((high - mu) / 2)^2)
//   A^k = mu + sigma_c z^k,  z^k ~ N(0, 1) truncated to [-2, 2],  k = 1..population
//   mu      <- alpha mu      + (1 - alpha) mean of the elites
//   sigma^2 <- alpha sigma^2 + (1 - alpha) variance of the elites
// The plan is the final mean. A candidate without a finite return is never an elite; if fewer than `elites`
// are finite, those are the elites, and an iteration without any leaves the distribution as it was. The
// evaluator must outlive the planner.
template <RolloutEvaluator E>
class Cem : public Anytime {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  Cem(E& evaluator, const ActionBounds& bounds, const CemSettings& settings, std::uint64_t seed)
      : evaluator_(&evaluator),
        settings_(settings),
        box_("cem", bounds, evaluator.action_dim(), evaluator.horizon()),
        noise_(seed),
        mean_(box_.mid()) {
    require(settings.elites >= 1 && settings.elites <= settings.population, "cem: elites is ",
            settings.elites, ", expected 1 to the population, ", settings.population);
    require(settings.iterations >= 1, "cem: iterations is ", settings.iterations, ", expected at least 1");
    require(settings.alpha >= 0 && settings.alpha < 1, "cem: alpha is ", settings.alpha,
            ", expected 0 <= alpha < 1");
    require(settings.epsilon >= 0, "cem: epsilon is ", settings.epsilon, ", expected 0 or more");
  }

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
    variance_ = (box_.high() - box_.low()).array().square() / Scalar(16);
    Pacer pace(deadline_);
    std::uint32_t iteration = 0;
    for (; iteration < static_cast<std::uint32_t>(settings_.iterations) &&
           variance_.maxCoeff() > static_cast<Scalar>(settings_.epsilon) && pace.another();
         ++iteration) {
      sample(plan, iteration);
      evaluator_->evaluate(state, candidates_, {plan, iteration, t}, returns_);
      const int usable = rank_candidates(returns_, settings_.elites, order_);
      report.unusable += settings_.population - usable;
      if (usable > 0) {
        const auto best = static_cast<double>(returns_(order_[0]));
        if (!(report.best_return >= best)) report.best_return = best;
        refit();
      }
    }
    report.iterations = static_cast<int>(iteration);
    report.timed_out = pace.stopped();
    report.rollouts = std::int64_t{iteration} * settings_.population * particles_of(*evaluator_);
    finish_plan(*evaluator_, state, box_, mean_, {plan, iteration, t}, result);
  }

  void advance(int steps) { box_.shift(mean_, steps, settings_.pad); }
  void reset() { mean_ = box_.mid(); }

  void save(StateDict& out, const std::string& prefix) const {
    WarmStart<Scalar>{noise_.seed(), plan_index_, mean_}.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto kept = WarmStart<Scalar>::load(in, prefix, box_);
    noise_ = CandidateNoise<Scalar>(kept.seed);
    plan_index_ = kept.plan_index;
    mean_ = kept.mean;
  }

  const CemSettings& settings() const { return settings_; }

 private:
  void sample(std::uint32_t plan, std::uint32_t iteration) {
    candidates_.resize(box_.size(), settings_.population);
    returns_.resize(settings_.population);
    noise_.truncated_normal(Scalar(2), plan, iteration, candidates_);
    sigma_ = variance_.array()
                 .min((Scalar(0.5) * (mean_ - box_.low())).array().square())
                 .min((Scalar(0.5) * (box_.high() - mean_)).array().square())
                 .sqrt();
    // Two sigma reach the nearer bound exactly; the clamp takes off what rounding adds.
    for (Index k = 0; k < candidates_.cols(); ++k)
      candidates_.col(k) = (mean_.array() + sigma_.array() * candidates_.col(k).array())
                               .max(box_.low().array())
                               .min(box_.high().array());
  }

  void refit() {
    const auto count = static_cast<Scalar>(order_.size());
    const auto alpha = static_cast<Scalar>(settings_.alpha);
    elite_mean_.setZero(box_.size());
    for (const int k : order_) elite_mean_ += candidates_.col(k) / count;
    elite_variance_.setZero(box_.size());
    for (const int k : order_)
      elite_variance_.array() += (candidates_.col(k) - elite_mean_).array().square() / count;
    mean_ = (alpha * mean_ + (Scalar(1) - alpha) * elite_mean_).cwiseMax(box_.low()).cwiseMin(box_.high());
    variance_ = alpha * variance_ + (Scalar(1) - alpha) * elite_variance_;
  }

  E* evaluator_;
  CemSettings settings_;
  SequenceBox<Scalar> box_;
  CandidateNoise<Scalar> noise_;
  std::int64_t plan_index_ = 0;
  Vec<Scalar> mean_;  // warm start of the next plan
  Vec<Scalar> variance_, sigma_, elite_mean_, elite_variance_, returns_;
  Batch<Scalar> candidates_;
  std::vector<int> order_;
};

}  // namespace mbrl
