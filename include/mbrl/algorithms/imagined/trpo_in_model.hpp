// What algorithms share that take trust region steps in a learned model.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imagined/imagined_batch.hpp"
#include "mbrl/algorithms/imagined/rounds_in_model.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/policy/actor_noise.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

/// Most of an Algorithm: what fits the model and what improves the policy, and in which turns, is the derived class's.
/// Rewards and terminations come from the environment's specification, or are the model's where it learns them. Numbers
/// are functions of the seed, for any number of threads; a saved run continues exactly.
class TrpoInModel : public RoundsInModel, public PolicyOwner {
 public:
  AnyActor actor() const { return mode_actor(trpo_.policy()); }
  LearnedPolicy policy() const override { return &trpo_.policy(); }

 protected:
  /// Settings have steps, collect, rollouts, imagination, normalise_reward, model and trpo; `who` is a literal that begins
  /// errors; `columns` are those of the metrics besides the ones of every algorithm.
  template <class Settings>
  TrpoInModel(const char* who, const Settings& s, const ActorNoiseSettings& exploration,
              std::vector<MetricColumn> columns, const AlgorithmContext& context)
      : TrpoInModel(who, context, {s.steps, s.collect, s.rollouts}, exploration, s.model, s.imagination,
                    s.normalise_reward, s.trpo, std::move(columns)) {}

  /// Who acts in a real episode, which are counted from 0.
  virtual const MlpPolicy& acting(std::int64_t /*episode*/) const { return trpo_.policy(); }

  /// One update on imagined trajectories. A number that is not finite ends the run behind a safe point.
  TrpoReport climb(RunObserver& observer, double entropy = 0);
  /// Notes an update's divergence; ends the run in the same way.
  void check(const TrpoReport& report, RunObserver& observer);

  void save(StateDict& out, const std::string& prefix, const Besides& besides) const;
  Besides load(const StateDict& in, const std::string& prefix, std::size_t counts, std::size_t figures);

  PolicyExplorer<MlpPolicy> explorer_;
  ImaginedBatches imagined_;
  Trpo trpo_;

 private:
  TrpoInModel(const char* who, const AlgorithmContext& context, const Budget& budget,
              const ActorNoiseSettings& exploration, const MlpEnsembleSettings& model,
              const ImaginationSettings& imagination, bool normalise_reward, const TrpoSettings& trpo,
              std::vector<MetricColumn> columns);
  void begin_real_episode(std::int64_t /*episode*/) override { explorer_.begin_episode(); }
  Vecd act_in_real(std::int64_t episode) override;
  void collected() override { imagined_.find_starts(buffer_); }
};

}  // namespace mbrl
