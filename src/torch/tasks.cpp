// Environments' rewards on tensors.
#include "mbrl/torch/tasks.hpp"

#include "mbrl/core/error.hpp"
#include "mbrl/torch/interop.hpp"

namespace mbrl::libtorch {
namespace {

using at::Tensor;

// -(angle^2 + 0.1 speed^2 + 0.001 torque^2) of the state before the step.
Tensor pendulum(const Tensor& obs, const Tensor& action, const Tensor&, const Tensor&) {
  const Tensor angle = at::atan2(obs.select(1, 1), obs.select(1, 0));
  const Tensor torque = action.select(1, 0).clamp(-2.0, 2.0);
  return -(angle.square() + 0.1 * obs.select(1, 2).square() + 0.001 * torque.square());
}

// exp(-|tip - goal|^2 / 0.6^2) - 0.01 |a|^2, the goal being upright above the origin (Chua et al. 2018).
Tensor pets_cart_pole(const Tensor&, const Tensor& action, const Tensor& next_obs, const Tensor&) {
  constexpr double kLength = 0.6;
  const Tensor x = next_obs.select(1, 0), angle = next_obs.select(1, 1);
  const Tensor dx = x - kLength * at::sin(angle), dz = -kLength * at::cos(angle) - kLength;
  return at::exp((dx.square() + dz.square()) / (-kLength * kLength)) - 0.01 * action.square().sum(1);
}

// Speed after the step less 0.1 |a|^2.
Tensor pets_half_cheetah(const Tensor&, const Tensor& action, const Tensor& next_obs, const Tensor&) {
  return next_obs.select(1, 0) - 0.1 * action.square().sum(1);
}

}  // namespace

std::vector<std::string> tensor_task_names() { return {"Pendulum-v1", "pets/CartPole", "pets/HalfCheetah"}; }

std::shared_ptr<const TensorTask> tensor_task(const std::string& environment) {
  if (environment == "Pendulum-v1") return std::make_shared<TensorTask>(TensorTask{pendulum, {}});
  if (environment == "pets/CartPole") return std::make_shared<TensorTask>(TensorTask{pets_cart_pole, {}});
  if (environment == "pets/HalfCheetah")
    return std::make_shared<TensorTask>(TensorTask{pets_half_cheetah, {}});
  fail("torch: no tensor reward for environment '", environment,
       "', expected Pendulum-v1, pets/CartPole or pets/HalfCheetah (write others as a TensorTask)");
}

}  // namespace mbrl::libtorch
