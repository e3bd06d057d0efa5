#include "mbrl/algorithms/imagined/imagined_batch.hpp"

#include <algorithm>

#include "algorithms/fit_model.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

ImaginedBatches::ImaginedBatches(const MlpEnsemble& model, const EnvSpec& spec,
                                 const ImaginationSettings& settings, bool normalise_reward, ThreadPool& pool,
                                 std::uint64_t seed)
    : seed_(seed),
      normalise_reward_(normalise_reward),
      imagination_(model, given_reward(model, spec), given_termination(model, spec), settings, pool, seed) {}

const OnPolicyBatch& ImaginedBatches::make(const std::string& where, const MlpPolicy& policy,
                                           const Trpo& learner, const TransitionBuffer& data,
                                           int trajectories, std::uint32_t number) {
  imagination_.run(policy, starts(data, trajectories, number), {.plan = number}, paths_);
  const Index n = trajectories, horizon = paths_.horizon;
  Index rows = 0;
  for (Index i = 0; i < n; ++i) rows += paths_.length[static_cast<std::size_t>(i)];
  require(rows > 0, where,
          ": every imagined trajectory left the numbers in its first step; a larger collect may help");
  reward_ = paths_.reward;
  if (normalise_reward_) {
    return_scale_.see(paths_, learner.settings().discount);
    reward_ /= return_scale_.deviation();
  }
  last_terminated_.resize(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    const Index length = paths_.length[static_cast<std::size_t>(i)];
    last_terminated_[static_cast<std::size_t>(i)] = length > 0 && paths_.terminated(i, length - 1) != 0;
  }
  ends_.mark(paths_.length, last_terminated_, horizon);
  value_.resize(n, horizon + 1);  // of every observation, those at the end among them
  learner.values(paths_.obs, Eigen::Map<Vecf>(value_.data(), value_.size()));
  generalized_advantages(
      {reward_, value_.leftCols(horizon), value_.rightCols(horizon), ends_.terminated, ends_.truncated},
      learner.settings().discount, learner.settings().lambda, advantage_);

  batch_.obs.resize(paths_.obs.rows(), rows);
  batch_.action.resize(paths_.action.rows(), rows);
  for (Vecf* v : {&batch_.advantage, &batch_.target, &batch_.old_value}) v->resize(rows);
  Index row = 0;
  for (Index h = 0; h < horizon; ++h)
    for (Index i = 0; i < n; ++i) {
      if (!sound(i, h)) continue;
      batch_.obs.col(row) = paths_.obs.col(h * n + i);
      batch_.action.col(row) = paths_.action.col(h * n + i);
      batch_.advantage(row) = advantage_(i, h);
      batch_.old_value(row) = value_(i, h);
      batch_.target(row) = advantage_(i, h) + value_(i, h);
      ++row;
    }
  return batch_;
}

double ImaginedBatches::mean_return() const {
  return paths_.reward.cast<double>().sum() / static_cast<double>(paths_.count());
}

}  // namespace mbrl
