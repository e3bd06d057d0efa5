// Environments' rewards on tensors.
#include "mbrl/torch/tasks.hpp"

#include <array>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
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

// -1.25 |object - goal|_1 - 0.5 |object - tips|_1 - 0.1 |a|^2 after the step, the goal being fixed.
Tensor pets_pusher(const Tensor&, const Tensor& action, const Tensor& next_obs, const Tensor&) {
  const Tensor tips = next_obs.narrow(1, 14, 3), object = next_obs.narrow(1, 17, 3);
  // By coordinates: a tensor made here would be a copy to the device, which a graph cannot record.
  const Tensor off_goal = (object.select(1, 0) - 0.45).abs() + (object.select(1, 1) + 0.05).abs() +
                          (object.select(1, 2) + 0.323).abs();
  return -1.25 * off_goal - 0.5 * (object - tips).abs().sum(1) - 0.1 * action.square().sum(1);
}

// -|E - target|^2 - 0.01 |a|^2 after the step; E as mujoco::reacher3d_end computes it, links one after the other.
Tensor pets_reacher3d(const Tensor&, const Tensor& action, const Tensor& next_obs, const Tensor&) {
  const auto angle = [&](int i) { return next_obs.select(1, i); };
  const Tensor c1 = at::cos(angle(0)), s1 = at::sin(angle(0)), c2 = at::cos(angle(1)), s2 = at::sin(angle(1));
  Tensor along = at::stack({c2 * c1, c2 * s1, -s2}, 1), across = at::stack({-s1, c1, at::zeros_like(c1)}, 1);
  Tensor end = at::stack({0.1 * c1 + 0.4 * c1 * c2, 0.1 * s1 + 0.4 * s1 * c2 - 0.188, -0.4 * s2}, 1);
  const auto link = [&](double length, const Tensor& roll, const Tensor& hinge) {
    const Tensor bend = at::sin(hinge);
    const Tensor next = at::cos(hinge).unsqueeze(1) * along + (bend * at::sin(roll)).unsqueeze(1) * across -
                        (bend * at::cos(roll)).unsqueeze(1) * at::linalg_cross(along, across);
    const Tensor turned = at::linalg_cross(next, along);
    const Tensor norm = turned.square().sum(1, true).sqrt();
    across = at::where(norm < 1e-30, across, turned / norm);
    along = next;
    end = end + length * along;
  };
  link(0.321, angle(2), angle(3));
  link(0.16828, angle(4), angle(5));
  return -(end - next_obs.narrow(1, 7, 3)).square().sum(1) - 0.01 * action.square().sum(1);
}

using Reward = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&);

constexpr std::array<std::pair<const char*, Reward>, 6> kRewards{{
    {"Pendulum-v1", pendulum},
    {"pets/CartPole", pets_cart_pole},
    {"pets/HalfCheetah", pets_half_cheetah},
    {"pets/Pusher", pets_pusher},
    {"pets/PusherFingertips", pets_pusher},
    {"pets/Reacher3D", pets_reacher3d},
}};

}  // namespace

std::vector<std::string> tensor_task_names() {
  std::vector<std::string> names;
  for (const auto& [name, reward] : kRewards) names.emplace_back(name);
  return names;
}

std::shared_ptr<const TensorTask> tensor_task(const std::string& environment) {
  for (const auto& [name, reward] : kRewards)
    if (environment == name) return std::make_shared<TensorTask>(TensorTask{reward, {}});
  fail("torch: no tensor reward for environment '", environment, "'",
       did_you_mean(environment, tensor_task_names()), " (write others as a TensorTask)");
}

}  // namespace mbrl::libtorch
