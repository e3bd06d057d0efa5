// Pictures of environments, drawn off screen: no display and no window are needed.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "mbrl/mujoco/render/image.hpp"
#include "mbrl/mujoco/render/scene.hpp"

namespace mbrl::mujoco {

struct RenderSettings {
  int width = 640, height = 480;  // pixels
  int samples = 4;                // a pixel's samples, for smooth edges; 0 for one
  bool shadows = true;
  bool reflections = true;
  int shadow_size = 2048;  // pixels of the map that shadows are taken from
  int slices = 28;         // faces around a sphere or a capsule

  /// For small pictures that a network looks at: no smoothing, shadows or reflections, coarse bodies.
  static RenderSettings fast(int width, int height) {
    return {.width = width,
            .height = height,
            .samples = 0,
            .shadows = false,
            .reflections = false,
            .shadow_size = 16,
            .slices = 10};
  }
};

/// A line of text laid over the picture's upper left corner: "reward", "3.14".
struct OverlayLine {
  std::string label, value;
};

/// A polyline in the world (m), drawn as thin tubes.
struct Path {
  std::vector<std::array<double, 3>> points{};
  std::array<float, 4> rgba{1, 1, 1, 1};
  double radius = 0.004;  // m
};

/// Draws one scene. To be used by one thread at a time, whichever it is; several may live side by side. The
/// picture is a function of the physical state alone: the same state gives the same bytes on the same machine.
///   Renderer renderer(env);                      // any Renderable
///   Image image = renderer.picture(env);
class Renderer {
 public:
  /// Throws if there is no way to OpenGL here (naming the remedy), or on a size that cannot be drawn.
  explicit Renderer(const Scene& scene, const RenderSettings& settings = {});
  template <Renderable E>
  explicit Renderer(const E& env, const RenderSettings& settings = {}) : Renderer(scene_of(env), settings) {}
  ~Renderer();
  Renderer(Renderer&&) noexcept;
  Renderer& operator=(Renderer&&) noexcept;

  const Scene& scene() const;
  const RenderSettings& settings() const;
  /// From now on. Throws if the camera names one that the model has not.
  void set_camera(const Camera& camera);

  /// The environment's physics_state() to a picture; the memory of `image` is used again.
  void draw(const std::vector<double>& physics, Image& image, const std::vector<OverlayLine>& overlay = {},
            const std::vector<Path>& paths = {});
  template <Renderable E>
  Image picture(const E& env) {
    Image image;
    draw(env.physics_state(), image);
    return image;
  }

  /// How OpenGL is reached: "egl" or "osmesa". Chosen once by the environment variable MBRL_GL, else by what
  /// works.
  static std::string backend();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl::mujoco
