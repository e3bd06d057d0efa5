#include "mbrl/learning/on_policy_batch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

void check_batch(const char* where, const OnPolicyBatch& batch, int obs_dim, int action_dim) {
  const Index n = batch.obs.cols();
  require(n >= 1, where, ": the batch has no column");
  require_dim(where, "obs", batch.obs.rows(), obs_dim);
  require_dim(where, "action", batch.action.rows(), action_dim);
  for (const Index size :
       {batch.action.cols(), batch.advantage.size(), batch.target.size(), batch.old_value.size()})
    require_dim(where, "the batch", size, n);
}

AdvantageScale advantage_scale(const Vecf& advantage, std::span<const std::uint32_t> steps) {
  double mean = 0, square = 0;
  for (const std::uint32_t step : steps) mean += static_cast<double>(advantage(step));
  mean /= static_cast<double>(steps.size());
  for (const std::uint32_t step : steps) square += std::pow(static_cast<double>(advantage(step)) - mean, 2);
  const double variance = square / std::max<double>(1, static_cast<double>(steps.size()) - 1);
  return {static_cast<float>(mean), static_cast<float>(1 / (std::sqrt(variance) + 1e-8))};
}

AdvantageScale advantage_scale(const Vecf& advantage) {
  if (advantage.size() <= 1) return {};
  std::vector<std::uint32_t> all(static_cast<std::size_t>(advantage.size()));
  std::iota(all.begin(), all.end(), 0u);
  return advantage_scale(advantage, all);
}

}  // namespace mbrl
