// An environment seen as a small picture, for models that learn from pixels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/env/wrappers/wrappers.hpp"
#include "mbrl/mujoco/render/renderer.hpp"

namespace mbrl::mujoco {

struct PixelSettings {
  int width = 64, height = 64;
  bool grey = false;  // one number a pixel (0.299 r + 0.587 g + 0.114 b) instead of three
  std::string camera = "default";
};

/// Observes the picture after each step: rows from the top down, red, green, blue of a pixel side by side,
/// each a byte / 255 in [0, 1]. Rewards and ends are the environment's; planners get neither reward nor
/// termination function, as these are no functions of a picture. The picture is drawn by the fast path
/// (RenderSettings::fast) and is a function of the physical state, so that states taken out and put back give
/// the same observation. For several frames in one, put StackedObservations around it.
///   AnyEnvironment env(PixelObservations(registry.make("HalfCheetah-v5"), {.width = 64, .height = 64}));
class PixelObservations : public Wrapper {
 public:
  /// Throws if the environment has no scene here, the camera is unknown, or OpenGL cannot be had.
  explicit PixelObservations(AnyEnvironment env, const PixelSettings& settings = {});

  Vecd reset(std::uint64_t seed);
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const { return env_.state(); }
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values);

  /// The latest picture as bytes, which is what to keep in a large memory.
  const Image& pixels() const { return image_; }

 private:
  Vecd look();

  PixelSettings settings_;
  Renderer renderer_;
  Image image_;
};

}  // namespace mbrl::mujoco
