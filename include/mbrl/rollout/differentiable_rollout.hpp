// Imagined trajectories that are differentiated: what a policy does in a learned model, and the gradient of any loss of
// it with respect to the policy's parameters, through actions, model, noise and reward of all steps. The stochastic
// value gradient of Heess, Wayne, Silver, Lillicrap, Tassa, Erez, "Learning continuous control policies by stochastic
// value gradients", NeurIPS 2015, equations 11 and 12; there is no tape, each part hands its gradient back.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/differentiable_ensemble.hpp"
#include "mbrl/policy/linear.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// A reward that is not learned. All in the environment's units, one column a sample; thread-safe.
struct DifferentiableReward {
  std::function<void(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                     VecRef<float> reward)>
      value;
  /// Of a loss whose gradient with respect to the rewards is `weight`; overwrites all three.
  std::function<void(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                     ConstVecRef<float> weight, BatchRef<float> obs_gradient, BatchRef<float> action_gradient,
                     BatchRef<float> next_gradient)>
      gradient;
};

/// n trajectories of H steps, step after step: the columns of step h are [h n, (h + 1) n). Observations are in the
/// model's coordinates. Where a trajectory has ended they stay, and nothing that follows counts.
struct DifferentiablePaths {
  int horizon = 0;
  Batchf obs;       // obs_dim x n (H + 1)
  Batchf action;    // action_dim x n (H + 1): those of the last observation, too, where they were asked for
  Batchf log_prob;  // n x (H + 1), of actions in the environment's units; 0 of a policy that draws none
  Batchf reward;    // n x H; 0 where it does not count
  Batchf alive;     // n x (H + 1): 1 where the trajectory has not ended before the step, else 0
  Index count() const { return reward.rows(); }
  auto obs_at(int h) const { return obs.middleCols(h * count(), count()); }
  auto action_at(int h) const { return action.middleCols(h * count(), count()); }
};

/// A loss's gradients with respect to what paths hold. Entries where a trajectory has ended do not count.
struct PathWeights {
  Batchf reward;                 // n x H
  Batchf log_prob;               // n x (H + 1)
  Batchf last_obs, last_action;  // obs_dim, action_dim x n
};

/// In each step a member is drawn for every 32 columns (TS1), so that they pass through it together. A termination
/// ends a trajectory behind the step; a step whose numbers are not finite ends it before. Numbers are functions of
/// (seed, number of the run, starts) for any number of threads.
template <DifferentiablePolicy P>
class DifferentiableRollout {
 public:
  /// Model and pool must outlive it. An empty termination ends nothing. With `gradients` it keeps what `backward`
  /// needs; without, it is for looking alone. Throws mbrl::Error for a horizon below 1.
  DifferentiableRollout(const DifferentiableEnsemble& model, TerminationFunction<float> termination,
                        int horizon, bool gradients, ThreadPool& pool, std::uint64_t seed);
  /// Instead of the one that the model has learned.
  void set_reward(DifferentiableReward reward) { given_ = std::move(reward); }

  int horizon() const { return paths_.horizon; }
  /// From `starts` (obs_dim x n, in the model's coordinates); `last`: the last observation's actions are wanted.
  const DifferentiablePaths& run(const P& policy, ConstBatchRef<float> starts, std::uint32_t number,
                                 bool last = true);
  const DifferentiablePaths& paths() const { return paths_; }

  /// After run, the gradient with respect to the policy's parameters, and unless null to the starts.
  void backward(const P& policy, const PathWeights& weights, AlignedFloats& gradient,
                Batchf* start_gradient = nullptr);

  /// The columns that a thread takes at once, all but the last of 128.
  struct Range {
    Index first = 0, count = 0;
  };
  static std::vector<Range> ranges(Index columns);

 private:
  struct Chunk {
    Range range;
    std::vector<typename P::Workspace> policy;  // one a step, and the last
    std::vector<std::vector<nn::Pass>> passes;  // [step][block]
    AlignedFloats gradient, part;
    std::vector<std::uint32_t> ids;
    Batchf noise, raw, raw_next;
    Vecf reward, ended;
  };

  void prepare(Index columns, int obs_dim, int action_dim);
  void forward(Chunk& c, const P& policy, std::uint32_t number, bool last);
  void act(Chunk& c, const P& policy, int h, std::uint32_t number);
  void step(Chunk& c, int h, std::uint32_t number);
  void carry_back(Chunk& c, const P& policy, const PathWeights& weights, Batchf* start_gradient);
  void add_policy(Chunk& c, const P& policy, int h, const Batchf& action_gradient, const Vecf& log_weight,
                  Batchf& obs_gradient);
  std::size_t slot(int h) const { return gradients_ ? static_cast<std::size_t>(h) : 0; }
  int member(int h, Index column) const;

  const DifferentiableEnsemble* model_;
  TerminationFunction<float> termination_;
  DifferentiableReward given_;
  bool gradients_;
  ThreadPool* pool_;
  std::uint64_t seed_;
  DifferentiablePaths paths_;
  std::vector<std::vector<int>> members_;  // [step]: of the blocks, in turn
  std::vector<Chunk> chunks_;
  bool last_ = false;
};

extern template class DifferentiableRollout<MlpPolicy>;
extern template class DifferentiableRollout<LinearPolicy>;

}  // namespace mbrl
