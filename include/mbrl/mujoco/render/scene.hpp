// What is drawn of an environment: a model, how its physical state poses the model, and a good place to look
// from.
#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"
#include "mbrl/mujoco/engine/model.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// Where a picture is taken from.
struct Camera {
  std::string name{};              // of a camera in the MJCF; empty for the one described by the rest
  bool follow = false;             // whether the point looked at goes along with the model in x and y
  double azimuth = 90;             // deg; 90 looks along +y
  double elevation = -15;          // deg; negative looks down
  double distance = 3;             // m to the point looked at
  std::array<double, 3> lookat{};  // m; with `follow`, relative in x and y to the first body's centre of mass
};

struct Scene {
  Model model;
  Camera camera{};
  /// Sets positions (nq, coming in as the model's qpos0) from the physical state. Empty: the first nq numbers
  /// as they are.
  std::function<void(const std::vector<double>& physics, double* qpos)> pose{};
  /// The physical state that a predicted observation stands for, from the one a control step (dt, s) before
  /// it, in place: to draw what a model foresees. Empty where observations do not tell.
  std::function<void(const Vecd& obs, double dt, std::vector<double>& physics)> foresee{};
  /// A floor at this height (m) with a line every metre, and a sky: for an MJCF that has neither, which is
  /// drawn on black otherwise. Looks only, the simulation knows nothing of it.
  std::optional<double> floor_and_sky{};
  /// The body whose path stands for a plan's, in pictures of plans.
  int traced_body = 1;
};

/// Where the traced body's mass is centred (m, world) in a physical state. For one thread at a time; draws
/// nothing.
class Tracer {
 public:
  explicit Tracer(const Scene& scene);
  std::array<double, 3> operator()(const std::vector<double>& physics);

 private:
  Scene scene_;
  Simulation simulation_;
};

/// A camera by name: "default" is the scene's, "free" the same standing still, "track" the same following the
/// model, anything else a camera in the MJCF. Throws with the names known if there is none of this name.
Camera camera_of(const Scene& scene, const std::string& name);

/// The scene of an environment of this library, analytic ones included (they are posed as small models made
/// for the purpose). Throws if the name is none of ours, naming what can be drawn.
Scene scene_of(const EnvSpec& spec);
bool has_scene(const std::string& environment_name);

/// A model of your own: the camera follows it if it can travel, and stands back far enough to see all of it.
Scene scene_of(const Model& model);
template <MujocoTask Task>
Scene scene_of(const TaskEnvironment<Task>& env) {
  return scene_of(env.task().model());
}
inline Scene scene_of(const AnyEnvironment& env) { return scene_of(env.spec()); }

// clang-format off
/// An environment that can be drawn: there is a scene of it, and its physical state poses the scene.
template <class E>
concept Renderable = requires(const E& env) {
  { scene_of(env) } -> std::convertible_to<Scene>;
  { env.physics_state() } -> std::convertible_to<std::vector<double>>;
};
// clang-format on

}  // namespace mbrl::mujoco
