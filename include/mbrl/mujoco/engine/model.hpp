// A compiled MuJoCo model, shared and never changed: one for all environments of a kind, on all threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mujoco/mujoco.h>

namespace mbrl::mujoco {

static_assert(sizeof(mjtNum) == sizeof(double), "mbrl needs MuJoCo built with double precision");

/// Cheap to copy: copies share the model. Loading takes the engine's lock and compiles; the same text is
/// compiled once as long as a copy lives.
class Model {
 public:
  /// MJCF text. Throws mbrl::Error with the compiler's message, the line included. `name` is for error
  /// messages.
  static Model from_string(const std::string& mjcf, const std::string& name = "model");
  /// An MJCF file, which may include other files and meshes relative to its own place.
  static Model from_file(const std::string& path);

  const mjModel& operator*() const { return *model_; }
  const mjModel* operator->() const { return model_.get(); }
  const mjModel* get() const { return model_.get(); }

  /// The index of a body, joint, geom, site, camera, tendon, actuator, sensor, equality, keyframe, mesh,
  /// height field, light, texture, material or numeric by its name, e.g. id(mjOBJ_JOINT, "hinge"). Throws if
  /// the model has none of that name, and says which it has. For use when a task is made, not in every step.
  int id(mjtObj kind, const std::string& name) const;

  /// A copy with some of its numbers changed (masses, friction, gains, but no sizes), and what follows from
  /// them computed anew: for models that are wrong on purpose.
  ///   model.changed([](mjModel& m) { m.body_mass[1] *= 1.3; })
  Model changed(const std::function<void(mjModel&)>& change) const;

  /// What the compiler warned of; empty as a rule.
  const std::vector<std::string>& warnings() const { return *warnings_; }

 private:
  Model(std::shared_ptr<const mjModel> model, std::shared_ptr<const std::vector<std::string>> warnings)
      : model_(std::move(model)), warnings_(std::move(warnings)) {}

  std::shared_ptr<const mjModel> model_;
  std::shared_ptr<const std::vector<std::string>> warnings_;
};

/// Makes the engine report errors as mbrl::Error and keep its warnings to itself. By default it waits for a
/// key on an error and writes MUJOCO_LOG.TXT into the working directory on a warning. Handlers that the user
/// has set are kept. Also checks that the library is the one whose header was compiled in. Called by
/// everything here; cheap after the first time.
void prepare_engine();

}  // namespace mbrl::mujoco
