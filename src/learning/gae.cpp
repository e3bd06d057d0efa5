#include "mbrl/learning/gae.hpp"

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

}  // namespace mbrl
