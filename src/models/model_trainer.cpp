#include "mbrl/models/model_trainer.hpp"

#include <cmath>
#include <limits>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

void require_finite(const char* what, const Eigen::Ref<const Batchf>& m) {
  if (m.allFinite()) return;
  for (Index c = 0; c < m.cols(); ++c)
    for (Index r = 0; r < m.rows(); ++r)
      require(std::isfinite(m(r, c)), "training data: ", what, " of sample ", c, " holds ", m(r, c),
              " in entry ", r, ", expected finite numbers");
}

}  // namespace

void check_transitions(const TransitionBatch& data, int obs_dim, int action_dim, bool reward) {
  require_dim("training data", "obs", data.obs.rows(), obs_dim);
  require_dim("training data", "action", data.action.rows(), action_dim);
  require_dim("training data", "next_obs", data.next_obs.rows(), obs_dim);
  const Index n = data.obs.cols();
  require(
      n >= 1,
      "training data: no samples, expected at least 1 (steps in which a simulation breaks down are none)");
  require(n <= std::numeric_limits<int>::max(), "training data: ", n, " samples, expected at most ",
          std::numeric_limits<int>::max());
  require(data.action.cols() == n, "training data: ", data.action.cols(), " actions for ", n,
          " observations");
  require(data.next_obs.cols() == n, "training data: ", data.next_obs.cols(), " next observations for ", n,
          " observations");
  require_finite("obs", data.obs);
  require_finite("action", data.action);
  require_finite("next_obs", data.next_obs);
  if (reward) {
    require(data.reward.size() == n, "training data: ", data.reward.size(), " rewards for ", n,
            " observations, and the model learns the reward");
    require_finite("reward", data.reward.transpose());
  }
}

}  // namespace mbrl
