// A MuJoCo model as dynamics with derivatives: x' = f(x, u) and its Jacobians along a whole trajectory, for
// iLQR and whatever else needs them.
#pragma once

#include <concepts>
#include <memory>
#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/mujoco/engine/simulation.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

struct DynamicsSettings {
  double step = 1e-6;    // by how much states and controls are moved for differences
  bool centered = true;  // (f(z + h) - f(z - h)) / 2h, else (f(z + h) - f(z)) / h at half the cost

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("step", s.step, "by how much states and controls are moved for differences");
    field("centered", s.centered, "centred differences; else one-sided, at half the cost");
  }
};

/// A DifferentiableModel with x = [qpos; qvel; act] (nq + nv + na) and u the controls, clamped by the engine.
/// A step is `frame_skip` mj_steps, started with time 0 and a cold constraint solver, so that it is a function
/// of (x, u) alone: an environment's own step agrees with it to the solver's tolerance, not to the last bit. A
/// step that breaks down gives NaN. Jacobians are those of mjd_transitionFD, chained over the mj_steps
///   dx_k+1 = A_k dx_k + B_k du;
/// with the RK4 integrator, for which the engine has none, and before MuJoCo 4.0 with the implicit ones, for
/// which they can be wrong, differences of the whole step. They are taken in
/// the tangent space, where a quaternion has three directions, and carried over to the components of x; along
/// a quaternion's own length the derivative is zero, since the engine normalises it. With a pool the columns
/// of a batch are shared out to its threads, with the same result. The pool must outlive this.
class Dynamics {
 public:
  using Scalar = double;

  /// Simulations and scratch memory of the threads; they come into being when first needed.
  class Workspace {
   public:
    Workspace();
    ~Workspace();
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;

   private:
    friend class Dynamics;
    struct Lane;
    std::vector<std::unique_ptr<Lane>> lanes_;
  };

  /// Throws on settings out of range.
  Dynamics(Model model, int frame_skip, const DynamicsSettings& settings = {}, ThreadPool* pool = nullptr);
  /// The dynamics of a task. Its environment's physics_state() is x (for models without activations or mocap
  /// bodies). Its own type is excluded first: whether Dynamics is a task depends on whether it can be copied,
  /// for which every constructor is looked at.
  template <class Task>
    requires(!std::same_as<Task, Dynamics> && MujocoTask<Task>)
  explicit Dynamics(const Task& task, const DynamicsSettings& settings = {}, ThreadPool* pool = nullptr)
      : Dynamics(task.model(), task.frame_skip(), settings, pool) {}

  int obs_dim() const { return nq_ + nv_ + na_; }
  int action_dim() const { return nu_; }
  int frame_skip() const { return frame_skip_; }
  const Model& model() const { return model_; }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace& workspace) const;
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace& workspace) const;

 private:
  using Lane = Workspace::Lane;

  template <class Work>
  void share_out(Index columns, Workspace& workspace, const Work& work) const;
  void load(Lane& lane, ConstVecRef<double> x, ConstVecRef<double> u) const;
  void linearize_one(Lane& lane, ConstVecRef<double> x, ConstVecRef<double> u,
                     BatchRef<double> jacobian) const;
  bool chain(Lane& lane, ConstVecRef<double> u) const;
  bool differences(Lane& lane, ConstVecRef<double> x, ConstVecRef<double> u) const;
  void check(const char* where, const ConstBatchRef<double>& obs, const ConstBatchRef<double>& action) const;

  Model model_;
  int frame_skip_, nq_, nv_, na_, nu_;
  DynamicsSettings settings_;
  ThreadPool* pool_;
};

}  // namespace mbrl::mujoco
