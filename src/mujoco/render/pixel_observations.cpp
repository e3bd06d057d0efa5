#include "mbrl/mujoco/render/pixel_observations.hpp"

#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl::mujoco {

PixelObservations::PixelObservations(AnyEnvironment env, const PixelSettings& settings)
    : Wrapper(std::move(env)),
      settings_(settings),
      renderer_(scene_of(env_), RenderSettings::fast(settings.width, settings.height)) {
  renderer_.set_camera(camera_of(renderer_.scene(), settings.camera));
  spec_.obs_dim = settings.width * settings.height * (settings.grey ? 1 : 3);
  spec_.encoding = ObsEncoding::identity(spec_.obs_dim);
  spec_.reward = {};
  spec_.termination = {};
  look();
}

Vecd PixelObservations::look() {
  renderer_.draw(env_.physics_state(), image_);
  const auto bytes = Eigen::Map<const Eigen::Array<std::uint8_t, Eigen::Dynamic, 1>>(
      image_.rgb.data(), static_cast<Index>(image_.rgb.size()));
  if (!settings_.grey) return bytes.cast<double>() / 255.0;
  const auto channel = [&](int k) {
    return Eigen::Map<const Eigen::Array<std::uint8_t, Eigen::Dynamic, 1>, 0, Eigen::InnerStride<3>>(
               image_.rgb.data() + k, spec_.obs_dim)
        .cast<double>();
  };
  return (0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2)) / 255.0;
}

Vecd PixelObservations::reset(std::uint64_t seed) {
  env_.reset(seed);
  return look();
}

StepResult PixelObservations::step(ConstVecRef<double> action) {
  StepResult result = env_.step(action);
  result.obs = look();
  return result;
}

void PixelObservations::set_state(const std::vector<double>& state) {
  env_.set_state(state);
  look();
}

Vecd PixelObservations::set_physics_state(const std::vector<double>& values) {
  env_.set_physics_state(values);
  return look();
}

}  // namespace mbrl::mujoco
