// The numbers of a MuJoCo model by name, and a model as a family that differs in them: what system
// identification asks for (mbrl/models/identification/identification.hpp).
#pragma once

#include <string>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/models/identification/identification.hpp"
#include "mbrl/mujoco/engine/dynamics.hpp"
#include "mbrl/mujoco/engine/model.hpp"

namespace mbrl::mujoco {

/// What can be named, in a fixed order; an element without a name goes by its number.
///   body/NAME/mass         kg; the rotational inertia goes along, as with another density
///   body/NAME/inertia      a factor on the rotational inertia alone
///   body/NAME/size         a factor on the body's lengths at equal mass: its shapes, what is fixed to it where
///   body/NAME/com_x, _y, _z  the centre of mass in the body's frame, m
///   joint/NAME/damping, frictionloss, armature, stiffness
///   geom/NAME/friction     sliding
///   actuator/NAME/gear, gain   a position servo's gain acts on its feedback too
///   option/gravity (along z), density, viscosity
std::vector<ModelParameter> model_parameters(const Model& model);

/// The model with these values in the order of model_parameters(model). Those that are as they were change nothing.
/// Throws for another number of values and for values that are not finite.
Model with_parameters(const Model& model, const Vecd& values);

/// The MJCF file `source` with these values, as the engine writes it: one file, without the comments and includes of
/// the original. Throws where the file that is written does not give the model that was meant when it is read.
void save_mjcf(const std::string& source, const Vecd& values, const std::string& out);

/// Dynamics seen through some of the entries of x = [qpos; qvel; act].
class ObservedDynamics {
 public:
  using Scalar = double;
  struct Workspace {
    Dynamics::Workspace dynamics;
    Batchd x, next;
  };

  ObservedDynamics(Dynamics dynamics, std::vector<int> observed);
  int obs_dim() const { return static_cast<int>(observed_.size()); }
  int action_dim() const { return dynamics_.action_dim(); }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace& workspace) const;

 private:
  Dynamics dynamics_;
  std::vector<int> observed_;
  Vecd at_rest_;  // for the entries that are not observed
};

/// A ParametricModel. `observed`: which entry of x each entry of an observation is; empty: x itself. Throws for
/// entries that are not x's.
class ParametricDynamics {
 public:
  ParametricDynamics(Model model, int frame_skip, std::vector<int> observed = {});

  int obs_dim() const { return static_cast<int>(observed_.size()); }
  int action_dim() const { return static_cast<int>(model_->nu); }
  std::vector<ModelParameter> parameters() const { return model_parameters(model_); }
  ObservedDynamics model(const Vecd& values) const;

 private:
  Model model_;
  int frame_skip_;
  std::vector<int> observed_;
};

/// Which entry of physics_state(), [qpos; qvel], each entry of an environment's observation is, found by comparing
/// them along random steps. Throws where an entry is none of them (the cosine of an angle, say), or where what is
/// observed next depends on an entry that is not observed.
std::vector<int> observed_entries(AnyEnvironment& environment);

}  // namespace mbrl::mujoco
