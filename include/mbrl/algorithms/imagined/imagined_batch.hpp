// What a policy does in a model, from where real episodes began, as a batch for an on-policy learner.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/return_scale.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/learning/gae.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/rollout/start_states.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// Rewards and terminations come from the specification, or are the model's where it learns them.
/// Everything is a function of (seed, model, policy, starts, number of the batch). The pool must outlive it.
class ImaginedBatches {
 public:
  ImaginedBatches(const MlpEnsemble& model, const EnvSpec& spec, const ImaginationSettings& settings,
                  bool normalise_reward, ThreadPool& pool, std::uint64_t seed);

  void set_model(const MlpEnsemble& model) { imagination_.set_model(model); }
  /// The episodes that trajectories may begin as.
  void find_starts(const TransitionBuffer& data) { starts_.find(data); }
  /// The beginnings of `count` of them, drawn with replacement; obs_dim x count.
  Batchf starts(const TransitionBuffer& data, int count, std::uint32_t number) const {
    return starts_.draw(data, count, RandomStream(seed_, Stream::kStarts), number);
  }

  /// `trajectories` of the policy, a column a sound step, with advantages by the learner's value function. `number` names
  /// their random numbers. Throws mbrl::Error, which begins with `where`, if no step was sound.
  const OnPolicyBatch& make(const std::string& where, const MlpPolicy& policy, const Trpo& learner,
                            const TransitionBuffer& data, int trajectories, std::uint32_t number);
  /// Of the last batch: undiscounted reward of a trajectory, mean.
  double mean_return() const;

  /// The deviation of returns.
  void save(StateDict& out, const std::string& prefix) const { return_scale_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { return_scale_.load(in, prefix); }

 private:
  bool sound(Index i, Index h) const { return h < paths_.length[static_cast<std::size_t>(i)]; }

  std::uint64_t seed_;
  bool normalise_reward_;
  Imagination<MlpPolicy> imagination_;
  ReturnScale return_scale_;
  EpisodeStarts starts_;
  Trajectories paths_;
  Batchf reward_, value_, advantage_;
  std::vector<std::uint8_t> last_terminated_;
  EpisodeEnds ends_;
  OnPolicyBatch batch_;
};

}  // namespace mbrl
