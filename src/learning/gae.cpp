#include "mbrl/learning/gae.hpp"

#include <algorithm>

#include "mbrl/core/error.hpp"

namespace mbrl {

void generalized_advantages(const StepsOfMany& steps, double discount, double lambda, Batchf& advantage) {
  constexpr const char* kWhere = "generalized_advantages";
  const Index envs = steps.reward.rows(), times = steps.reward.cols();
  for (const ConstBatchRef<float>* m : {&steps.value, &steps.next_value}) {
    require_dim(kWhere, "the values' environments", m->rows(), envs);
    require_dim(kWhere, "the values' steps", m->cols(), times);
  }
  for (const auto& flags : {steps.terminated, steps.truncated})
    require_dim(kWhere, "the flags", flags.size(), envs * times);
  const auto gamma = static_cast<float>(discount), decay = static_cast<float>(discount * lambda);
  advantage.resize(envs, times);
  for (Index t = times - 1; t >= 0; --t)
    for (Index i = 0; i < envs; ++i) {
      const auto k = static_cast<std::size_t>(t * envs + i);
      const bool terminated = steps.terminated[k] != 0, ended = terminated || steps.truncated[k] != 0;
      const float next = terminated ? 0.0f : gamma * steps.next_value(i, t);
      const float delta = steps.reward(i, t) + next - steps.value(i, t);
      advantage(i, t) = delta + (ended || t + 1 == times ? 0.0f : decay * advantage(i, t + 1));
    }
}

void require_gae_settings(const std::string& where, double discount, double lambda) {
  require(discount >= 0 && discount <= 1, where, ": discount is ", discount, ", expected 0 <= discount <= 1");
  require(lambda >= 0 && lambda <= 1, where, ": lambda is ", lambda, ", expected 0 <= lambda <= 1");
}

void EpisodeEnds::mark(std::span<const int> length, std::span<const std::uint8_t> last_terminated,
                       Index horizon) {
  const std::size_t n = length.size();
  require_dim("EpisodeEnds::mark", "the ends", last_terminated.size(), n);
  terminated.assign(n * static_cast<std::size_t>(horizon), 0);
  truncated = terminated;
  for (std::size_t i = 0; i < n; ++i)
    for (Index t = std::max(0, length[i] - 1); t < horizon; ++t) {
      const bool died = t + 1 == length[i] && last_terminated[i] != 0;
      (died ? terminated : truncated)[static_cast<std::size_t>(t) * n + i] = 1;
    }
}

}  // namespace mbrl
