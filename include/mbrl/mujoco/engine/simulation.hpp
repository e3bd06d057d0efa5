// One running simulation: a shared model and its own mjData, with divergence caught and the state in the
// open.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/mujoco/engine/model.hpp"

namespace mbrl::mujoco {

/// Printed like the library's other enums.
using mbrl::to_string;
using mbrl::operator<<;

/// What a control step leaves derived quantities (places, orientations, sensors of position and velocity) at.
enum class Derived {
  kLagging,  // as mj_step leaves them, Gymnasium's way: those of the last evaluation inside it
  kInSync,   // those of the new state, dm_control's way (its legacy_step)
};

constexpr auto enum_names(Derived) {
  return std::array{std::pair{Derived::kLagging, "lagging"}, std::pair{Derived::kInSync, "in sync"}};
}

/// Not for use by two threads at once; as many simulations as you like may share a model.
class Simulation {
 public:
  explicit Simulation(Model model, Derived derived = Derived::kLagging);

  const mjModel& model() const { return *model_; }
  const mjData& data() const { return *data_; }
  mjData& data() { return *data_; }
  int nq() const { return static_cast<int>(model_->nq); }
  int nv() const { return static_cast<int>(model_->nv); }
  int nu() const { return static_cast<int>(model_->nu); }
  int places_size() const { return 3 * static_cast<int>(model_->nmocap); }

  /// Resets everything, then puts the system at qpos (nq) and qvel (nv), the model's mocap bodies at `places`
  /// (3 each), and evaluates it there.
  void start(ConstVecRef<double> qpos, ConstVecRef<double> qvel, ConstVecRef<double> places = Vecd());

  /// Lets it move for `steps` time steps without controls, then sets the time to 0. For starts that have to
  /// settle. Returns like advance.
  std::string settle(int steps);

  /// `steps` time steps with constant controls (nu), which are copied as they are: the engine clamps a copy of
  /// its own to ctrlrange. Returns an empty text, or why the simulation broke down; then the state is the
  /// one before the call. (The engine itself would go on silently from its reset state.)
  std::string advance(ConstVecRef<double> controls, int steps);

  /// Everything the future depends on: time, qpos, qvel, act, the constraint solver's warm start, the places
  /// of mocap bodies. The same numbers put back give the same trajectory bit for bit. Quantities derived from
  /// them are not part of it. velocities_from_end counts on this order.
  int state_size() const { return 1 + nq() + 2 * nv() + static_cast<int>(model_->na) + places_size(); }
  void save(double* out) const;
  void load(const double* in);

 private:
  struct DeleteData {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };
  std::string breakdown() const;

  Model model_;
  Derived derived_;
  std::unique_ptr<mjData, DeleteData> data_;
  std::vector<double> before_;
};

/// Where the velocities (nv) begin in the state of an environment, counted from its end: an environment's
/// state ends with a simulation's, whatever stands before it.
inline int velocities_from_end(const mjModel& model) {
  return static_cast<int>(2 * model.nv + model.na + 3 * model.nmocap);
}

}  // namespace mbrl::mujoco
