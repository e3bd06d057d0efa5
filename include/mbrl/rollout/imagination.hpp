// Imagined trajectories: a policy acts in a learned ensemble, many trajectories at once, each from a start of
// its own. Sutton, "Integrated architectures for learning, planning, and reacting based on approximating
// dynamic programming", ICML 1990; short branched ones: Janner et al., "When to trust your model: model-based
// policy optimization", NeurIPS 2019.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/ensemble_uncertainty.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/propagation.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

struct ImaginationSettings {
  int horizon = 5;  // steps of a trajectory
  Propagation propagation =
      Propagation::kTS1;  // TS1: an elite a step; TSinf: one a trajectory; E, DS: all; not MM
  EnsembleUncertainty uncertainty =
      EnsembleUncertainty::kNone;  // to measure in each step: all networks predict it

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps of a trajectory");
    field("propagation", s.propagation,
          "which networks: TS1 (an elite drawn each step), TSinf (one per trajectory), E (their mean, no "
          "noise) or DS");
    field("uncertainty", s.uncertainty,
          "what to measure in each step: none, the networks' largest deviation, their disagreement or "
          "divergence");
  }
};

/// n trajectories of up to H steps, step after step: the columns of step h are [h n, (h + 1) n). A trajectory
/// ends where it terminates, or before a step that is not finite; from there on obs repeats its last entry,
/// actions and rewards are 0.
struct Trajectories {
  int horizon = 0;
  Batchf obs;                          // obs_dim x n (H + 1): what each step begins with, and the last
  Batchf action;                       // action_dim x n H
  Batchf reward;                       // n x H
  Batchf uncertainty;                  // n x H where the settings ask for one, else empty; 0 behind the end
  Batch<std::uint8_t> terminated;      // n x H: 1 in the step that ends it
  std::vector<int> length;             // sound steps, at most H
  std::vector<std::uint8_t> diverged;  // 1: ended because a number was not finite

  Index count() const { return reward.rows(); }
  auto obs_at(int h) const { return obs.middleCols(h * count(), count()); }
  auto action_at(int h) const { return action.middleCols(h * count(), count()); }
  auto reward_at(int h) const { return reward.col(h); }
};

/// What imagination needs of a policy, whatever its type: made by Imagination.
class PolicyPort {
 public:
  virtual ~PolicyPort() = default;
  virtual int memory_dim() const = 0;
  virtual void* open() = 0;  // a workspace for one thread
  virtual void close(void* workspace) = 0;
  virtual void act(void* workspace, ConstBatchRef<float> obs, BatchRef<float> memory, const PolicyKey& key,
                   BatchRef<float> action) const = 0;
};

/// The loop over any policy.
class ImaginationEngine {
 public:
  /// As EnsembleRollout: the reward may be empty if the ensemble has learned it, an empty termination is the
  /// ensemble's where it has learned one and else ends nothing, the pool must outlive this, the model is copied. Throws mbrl::Error for a horizon below 1, for
  /// moment matching, and for an uncertainty of variances that the ensemble does not predict.
  ImaginationEngine(const MlpEnsemble& model, RewardFunction<float> reward,
                    TerminationFunction<float> termination, const ImaginationSettings& settings,
                    ThreadPool& pool, std::uint64_t seed);
  ~ImaginationEngine();
  ImaginationEngine(ImaginationEngine&&) noexcept;
  ImaginationEngine& operator=(ImaginationEngine&&) noexcept;

  void set_model(const MlpEnsemble& model);  // after training
  void set_horizon(int horizon);
  const ImaginationSettings& settings() const;
  const RolloutCounts& counts() const;
  int obs_dim() const;
  int action_dim() const;

  void run(PolicyPort& policy, ConstBatchRef<float> starts, std::span<const std::uint32_t> ids,
           RolloutKey key, Trajectories& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Imagination under policies of one type. Every random number is a function of (seed, key, id, step, entry):
/// any number of threads and any split of the starts gives the same trajectories. Nothing is allocated once
/// every thread has had its share of the largest call.
template <Policy P>
  requires std::same_as<typename P::Scalar, float>
class Imagination {
 public:
  /// See ImaginationEngine.
  Imagination(const MlpEnsemble& model, RewardFunction<float> reward, TerminationFunction<float> termination,
              const ImaginationSettings& settings, ThreadPool& pool, std::uint64_t seed)
      : engine_(model, std::move(reward), std::move(termination), settings, pool, seed),
        workspaces_(std::make_unique<WorkspacePool<typename P::Workspace>>()) {}

  void set_model(const MlpEnsemble& model) { engine_.set_model(model); }
  void set_horizon(int horizon) { engine_.set_horizon(horizon); }
  const ImaginationSettings& settings() const { return engine_.settings(); }
  const RolloutCounts& counts() const { return engine_.counts(); }

  /// A trajectory from each column of `starts` (obs_dim x n), which all begin at control step key.t of an
  /// episode (rewards and terminations see it). ids (n; empty: 0, 1, ...) name their random numbers. Throws
  /// mbrl::Error for other dimensions and starts that are not finite.
  void run(const P& policy, ConstBatchRef<float> starts, RolloutKey key, Trajectories& out,
           std::span<const std::uint32_t> ids = {}) {
    require_dim("Imagination::run", "the policy's obs", policy.obs_dim(), engine_.obs_dim());
    require_dim("Imagination::run", "the policy's action", policy.action_dim(), engine_.action_dim());
    Port port(policy, *workspaces_);
    engine_.run(port, starts, ids, key, out);
  }

 private:
  class Port final : public PolicyPort {
   public:
    Port(const P& policy, WorkspacePool<typename P::Workspace>& pool) : policy_(policy), pool_(pool) {}
    int memory_dim() const override { return policy_.memory_dim(); }
    void* open() override { return pool_.take().release(); }
    void close(void* w) override {
      pool_.give(std::unique_ptr<typename P::Workspace>(static_cast<typename P::Workspace*>(w)));
    }
    void act(void* w, ConstBatchRef<float> obs, BatchRef<float> memory, const PolicyKey& key,
             BatchRef<float> action) const override {
      policy_.act(obs, memory, key, action, *static_cast<typename P::Workspace*>(w));
    }

   private:
    const P& policy_;
    WorkspacePool<typename P::Workspace>& pool_;
  };

  ImaginationEngine engine_;
  std::unique_ptr<WorkspacePool<typename P::Workspace>> workspaces_;
};

/// Once; where it is done again and again, keep an Imagination.
template <Policy P>
Trajectories imagine(const MlpEnsemble& model, RewardFunction<float> reward,
                     TerminationFunction<float> termination, const P& policy, ConstBatchRef<float> starts,
                     const ImaginationSettings& settings, RolloutKey key, ThreadPool& pool,
                     std::uint64_t seed) {
  Imagination<P> imagination(model, std::move(reward), std::move(termination), settings, pool, seed);
  Trajectories out;
  imagination.run(policy, starts, key, out);
  return out;
}

}  // namespace mbrl
