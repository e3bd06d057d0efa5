// What every evaluator of particles asks of its settings and its callers, and how it averages: written once.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/rollout/aggregate.hpp"
#include "mbrl/rollout/propagation.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// Throws mbrl::Error unless the rollout has a length and its particles can be dealt out to the `networks` of
/// an ensemble.
template <class Settings>
void check_particle_settings(const char* where, const Settings& s, int networks) {
  require(s.horizon >= 1, where, ": horizon is ", s.horizon, ", expected at least 1");
  require(s.particles >= 1, where, ": particles is ", s.particles, ", expected at least 1");
  require(s.propagation != Propagation::kTSinf || s.particles < networks || networks == 0 ||
              s.particles % networks == 0,
          where, ": particles is ", s.particles, ", expected a multiple of the ", networks,
          " networks for TSinf (or fewer than them)");
  check_discount(where, s.discount);
  require(std::isfinite(s.risk), where, ": risk is ", s.risk, ", expected a finite number");
}

/// Throws mbrl::Error unless obs (obs_dim) is finite and action sequences have horizon * action_dim rows.
template <class S>
void check_start(const char* where, const Vec<S>& obs, Index obs_dim, Index action_rows,
                 Index expected_rows) {
  require_dim(where, "obs", obs.size(), obs_dim);
  require(obs.allFinite(), where, ": the observation holds a number that is not finite");
  require_dim(where, "an action sequence (horizon x action_dim)", action_rows, expected_rows);
}

/// Throws mbrl::Error unless particles [first, last) can be evaluated by themselves and `returns` has room for
/// them: (last - first) x candidates.
template <class Settings>
void check_particle_range(const char* where, const Settings& s, int first, int last, Index candidates,
                          Index return_rows, Index return_columns) {
  require(0 <= first && first < last && last <= s.particles, where, ": particles [", first, ", ", last,
          ") asked for, expected a range within [0, ", s.particles, ")");
  require(s.propagation != Propagation::kMomentMatching || (first == 0 && last == s.particles), where,
          ": moment matching couples a candidate's particles; expected the full range [0, ", s.particles,
          ")");
  require_dim(where, "returns", return_rows, last - first);
  require_dim(where, "returns' batch", return_columns, candidates);
}

/// What becomes of a particle that goes further from the data than is believed.
enum class Beyond { kStopped, kHeld };
constexpr auto enum_names(Beyond) {
  return std::array{std::pair{Beyond::kStopped, "stopped"}, std::pair{Beyond::kHeld, "held"}};
}

/// A box that stops every particle of a call leaves its candidates without a comparison: then the call is made
/// again with particles held at its edge, from where they go on. Without any limit what explodes most
/// would win. run(beyond) fills `returns` and gives what was counted; the counts of both are returned, those
/// of the second run's particles as held.
template <class S, class Run>
RolloutCounts run_guarded(bool limited, BatchRef<S> returns, Run&& run) {
  RolloutCounts counts = run(Beyond::kStopped);
  if (limited && counts.out_of_data > 0 && returns.array().isNaN().all()) {
    const RolloutCounts again = run(Beyond::kHeld);
    counts.rows += again.rows;
    counts.held += again.particles;
  }
  return counts;
}

/// RolloutEvaluator::evaluate by way of evaluate_particles: all particles of candidates 0, 1, ..., averaged, less
/// the evaluator's `risk` times their standard deviation.
template <class S>
class ParticleMeans {
 public:
  template <ParticleEvaluator E>
  void evaluate(const char* where, E& evaluator, const typename E::State& state, ConstBatchRef<S> actions,
                RolloutKey key, VecRef<S> returns) {
    require_dim(where, "returns", returns.size(), actions.cols());
    while (static_cast<Index>(ids_.size()) < actions.cols())
      ids_.push_back(static_cast<std::uint32_t>(ids_.size()));
    values_.resize(evaluator.particles(), actions.cols());
    evaluator.evaluate_particles(state, actions, ids_.data(), key, 0, evaluator.particles(), values_);
    aggregate_particles<S>(values_, returns, evaluator.settings().risk);
  }

 private:
  Batch<S> values_;  // particles x candidates; kept, so that a loop allocates once
  std::vector<std::uint32_t> ids_;
};

}  // namespace mbrl
