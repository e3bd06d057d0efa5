// Racing candidates over particles: give up on a candidate as soon as a few of its particles show that it
// will not be among the elites, and spend the other particles on those that may. Maron, Moore, "Hoeffding
// races", NeurIPS 1994; Heidrich-Meisner, Igel, "Hoeffding and Bernstein races for selecting policies in
// evolutionary direct policy search", ICML 2009.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/particles.hpp"
#include "mbrl/rollout/aggregate.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// After n of P particles, let r be the candidate whose mean return is the K-th best, and d_p the difference
/// of the returns of candidate k and of r on particle p (paired: the particles share their noise and member).
/// The difference of the means over all P particles is mean(d) up to an error of standard deviation
///   e = sd(d) sqrt(1 / n - 1 / P),
/// the finite-population correction: at n = P nothing is left unknown. Candidate k is dropped if mean(d) + z e
/// < 0. The race ends when all particles have been used, or when only K candidates are left and the elites are
/// settled.
template <ParticleEvaluator E>
class CandidateRace {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  struct Outcome {
    std::int64_t rollouts = 0;  // particle rollouts spent
    int dropped = 0;            // candidates given up before their last particle
    int unusable = 0;           // candidates none of whose particles had a finite return
    int tried = 0;              // candidates that were evaluated at all: under a deadline perhaps not all
  };

  /// Fills `returns` with the mean over particles; NaN for unusable and dropped candidates. At least `elites`
  /// usable candidates keep a return. `rank_elites`: go on to the last particle even when the elites are
  /// settled, so that their order is the one of the full evaluation. A particle without a finite return counts
  /// as the worst finite one seen: see EnsembleRollout.
  Outcome run(E& evaluator, const State& state, ConstBatchRef<Scalar> actions, RolloutKey key, int elites,
              bool rank_elites, const RacingSettings& settings, VecRef<Scalar> returns) {
    const Deadline none;
    Pacer pace(none);
    WorkCost cost;
    return run(evaluator, state, actions, key, elites, rank_elites, settings, returns, pace, cost);
  }
  /// The same in time: `cost` is that of particle rollouts. The first stage takes the candidates from the last
  /// backwards, as many as there is time for; no further stage is begun that would be late.
  Outcome run(E& evaluator, const State& state, ConstBatchRef<Scalar> actions, RolloutKey key, int elites,
              bool rank_elites, const RacingSettings& settings, VecRef<Scalar> returns, Pacer& pace,
              WorkCost& cost) {
    const int particles = evaluator.particles();
    const auto count = static_cast<int>(actions.cols());
    values_.resize(particles, count);
    alive_.resize(static_cast<std::size_t>(count));
    for (int k = 0; k < count; ++k) alive_[static_cast<std::size_t>(k)] = static_cast<std::uint32_t>(k);
    Outcome outcome;
    means_.setConstant(count, std::numeric_limits<Scalar>::quiet_NaN());
    worst_ = std::numeric_limits<Scalar>::quiet_NaN();
    for (int first = 0, last = std::min(settings.first_particles, particles);;) {
      const auto n = static_cast<std::ptrdiff_t>(alive_.size());
      const auto part = [&](std::ptrdiff_t done, std::ptrdiff_t number) {
        evaluate_stage(evaluator, state, actions, key, first, last, n - done - number, number);
      };
      if (first == 0) {
        outcome.tried = static_cast<int>(pace.in_parts(n, last, cost, part));
        alive_.erase(alive_.begin(), alive_.end() - outcome.tried);
      } else {
        const double size = static_cast<double>(n) * (last - first);
        if (pace.limited() && !pace.time_for(cost.seconds(size))) break;
        pace.timed(size, cost, [&] { part(0, n); });
      }
      outcome.rollouts += static_cast<std::int64_t>(alive_.size()) * (last - first);
      update_means(last);
      if (last == particles) break;
      outcome.dropped += drop(last, particles, elites, settings.confidence);
      if (!rank_elites && static_cast<int>(alive_.size()) <= elites) break;
      first = last;
      last = std::min(2 * last, particles);
    }
    returns.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
    for (const std::uint32_t k : alive_) returns(k) = means_(k);
    outcome.unusable = outcome.tried - (count - static_cast<int>(means_.array().isNaN().count()));
    return outcome;
  }

 private:
  // Of the candidates still in the race `number`, beginning with the one at `from`.
  void evaluate_stage(E& evaluator, const State& state, ConstBatchRef<Scalar> actions, RolloutKey key,
                      int first, int last, std::ptrdiff_t from, std::ptrdiff_t number) {
    stage_values_.resize(last - first, number);
    const std::uint32_t* ids = alive_.data() + from;
    if (static_cast<Index>(alive_.size()) == actions.cols()) {
      evaluator.evaluate_particles(state, actions.middleCols(from, number), ids, key, first, last,
                                   stage_values_);
    } else {
      stage_actions_.resize(actions.rows(), number);
      for (Index i = 0; i < number; ++i) stage_actions_.col(i) = actions.col(ids[i]);
      evaluator.evaluate_particles(state, stage_actions_, ids, key, first, last, stage_values_);
    }
    for (Index i = 0; i < number; ++i)
      values_.col(ids[i]).segment(first, last - first) = stage_values_.col(i);
    worst_ = std::fmin(worst_, worst_usable<Scalar>(stage_values_));  // NaN stands for none
  }

  Scalar value(int particle, std::uint32_t k) const {
    const Scalar v = values_(particle, k);
    return std::isfinite(v) ? v : worst_;
  }

  void update_means(int last) {
    for (const std::uint32_t k : alive_)
      aggregate_particles<Scalar>(values_.block(0, k, last, 1), worst_, means_.segment(k, 1));
  }

  // Returns how many were dropped.
  int drop(int seen, int particles, int elites, double confidence) {
    stage_means_.resize(static_cast<Index>(alive_.size()));
    for (std::size_t i = 0; i < alive_.size(); ++i) stage_means_(static_cast<Index>(i)) = means_(alive_[i]);
    if (static_cast<int>(alive_.size()) <= elites || seen < 2) return 0;
    if (rank_candidates(stage_means_, elites, order_) < elites) return 0;
    const std::uint32_t reference = alive_[static_cast<std::size_t>(order_.back())];
    // A candidate that was drawn with the reference must not be dropped for a rounding error: <, not <=.
    const auto out = std::remove_if(alive_.begin(), alive_.end(), [&](std::uint32_t k) {
      if (means_(k) >= means_(reference)) return false;
      double mean = 0, square = 0;
      for (int p = 0; p < seen; ++p) {
        const double d = static_cast<double>(value(p, k)) - static_cast<double>(value(p, reference));
        const double step = d - mean;  // Welford
        mean += step / (p + 1);
        square += step * (d - mean);
      }
      const double variance = square / (seen - 1);
      return mean + confidence * std::sqrt(variance * (1.0 / seen - 1.0 / particles)) < 0;
    });
    const auto dropped = static_cast<int>(alive_.end() - out);
    alive_.erase(out, alive_.end());
    return dropped;
  }

  Batch<Scalar> values_;         // particles x candidates
  Batch<Scalar> stage_actions_;  // of the candidates still in the race
  Batch<Scalar> stage_values_;
  Vec<Scalar> means_, stage_means_;
  std::vector<std::uint32_t> alive_;
  std::vector<int> order_;
  Scalar worst_ = 0;
};

}  // namespace mbrl
