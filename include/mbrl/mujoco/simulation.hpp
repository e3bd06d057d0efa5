// One running simulation: a shared model and its own mjData, with divergence caught and the state in the
// open.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/mujoco/model.hpp"

namespace mbrl::mujoco {

// Not for use by two threads at once; as many simulations as you like may share a model.
class Simulation {
 public:
  explicit Simulation(Model model);

  const mjModel& model() const { return *model_; }
  const mjData& data() const { return *data_; }
  mjData& data() { return *data_; }
  int nq() const { return static_cast<int>(model_->nq); }
  int nv() const { return static_cast<int>(model_->nv); }
  int nu() const { return static_cast<int>(model_->nu); }

  // Resets everything, then puts the system at qpos (nq) and qvel (nv) and evaluates it there.
  void start(ConstVecRef<double> qpos, ConstVecRef<double> qvel);

  // `steps` times mj_step with constant controls (nu), which are copied as they are: the engine clamps a copy
  // of its own to ctrlrange. Returns an empty text, or why the simulation broke down; then the state is the
  // one before the call. (The engine itself would go on silently from its reset state.)
  std::string advance(ConstVecRef<double> controls, int steps);

  // Everything the future depends on: time, qpos, qvel, act, and the constraint solver's warm start. The same
  // numbers put back give the same trajectory bit for bit. Quantities derived from them are not part of it.
  int state_size() const { return 1 + nq() + 2 * nv() + static_cast<int>(model_->na); }
  void save(double* out) const;
  void load(const double* in);

 private:
  struct DeleteData {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };
  std::string breakdown() const;

  Model model_;
  std::unique_ptr<mjData, DeleteData> data_;
  std::vector<double> before_;
};

}  // namespace mbrl::mujoco
