// Whole rollouts through an MLP ensemble on the CPU: encoding, networks, noise, state update and reward stay
// in cache blocks from the first step to the last. This is where PETS spends its time.
#pragma once

#include <cstdint>
#include <memory>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/rollout/propagation.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

struct EnsembleRolloutSettings {
  int horizon = 30;                               // steps a rollout looks ahead
  int particles = 20;                             // rollouts a candidate; a multiple of the elites for TSinf
  Propagation propagation = Propagation::kTSinf;  // how uncertainty travels
  bool common_noise = true;  // the same noise for every candidate: comparisons are paired
  float data_margin = 1.0f;  // a particle that leaves the range of data and start by more than this
                             // many of the data's widths (in any entry) is stopped; 0: never
  double discount = 1.0;     // of rewards, per step
  double risk = 0.0;         // a candidate's return is its particles' mean less this many of their standard
                             // deviations: above 0 plans avoid what members disagree on, below 0 they seek it

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps a rollout looks ahead");
    field("particles", s.particles, "rollouts a candidate; a multiple of the elites for TSinf");
    field("propagation", s.propagation, "how uncertainty travels: E, DS, MM, TS1 or TSinf");
    field("common_noise", s.common_noise, "the same noise for every candidate: comparisons are paired");
    field("data_margin", s.data_margin,
          "a particle is stopped this many widths outside the range of the data and its start; 0: never");
    field("discount", s.discount, "of rewards, per step; 1: none");
    field(
        "risk", s.risk,
        "plans are worth their particles' mean less this many standard deviations; below 0: they seek risk");
  }
};

/// A RolloutEvaluator and ParticleEvaluator. A particle that stops being finite or leaves the range of the
/// data (see DataBox) has return NaN; `evaluate` replaces NaN particles by the worst usable particle return of
/// the whole call, so that a candidate with diverged particles can still be ranked but never gains by them,
/// and gives NaN only to a candidate none of whose particles is usable. Where the box stops every particle of
/// a call, the call is made again with particles held at its edge and counted (RolloutCounts::held): a
/// doubtful comparison is better than none.
class EnsembleRollout {
 public:
  using Scalar = float;
  using State = Vecf;  // an observation

  /// The reward may be empty if the ensemble has learned it; an empty termination is the ensemble's where it has
  /// learned one (its logit above 0), and else never ends a rollout. After a predicted termination a particle earns nothing more (the terminating step's own reward counts). The
  /// pool must outlive the evaluator; the model is copied.
  EnsembleRollout(const MlpEnsemble& model, RewardFunction<float> reward,
                  TerminationFunction<float> termination, const EnsembleRolloutSettings& settings,
                  ThreadPool& pool, std::uint64_t seed);
  ~EnsembleRollout();
  EnsembleRollout(EnsembleRollout&&) noexcept;
  EnsembleRollout& operator=(EnsembleRollout&&) noexcept;

  void set_model(const MlpEnsemble& model);  // after training
  // Adds discount^H value(o_H, t + H) to the return of every particle that has not ended; empty: nothing.
  void set_terminal_value(TerminalValueFunction<float> value);

  int horizon() const;
  int action_dim() const;
  int particles() const;
  const EnsembleRolloutSettings& settings() const;

  void evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key, VecRef<float> returns);
  /// Particles [first, last) of candidates whose ids (noise indices) are given; returns (last - first) x
  /// candidates. MM couples a candidate's particles: only the full range is accepted there.
  void evaluate_particles(const State& obs, ConstBatchRef<float> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns);

  /// Every particle's path under one action sequence (action_dim x horizon), for diagnostics and pictures:
  /// obs_dim x (particles * (horizon + 1)), particle-major.
  Batchf trajectories(const State& obs, ConstBatchRef<float> actions, RolloutKey key);

  const RolloutCounts& counts() const;
  void reset_counts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl
