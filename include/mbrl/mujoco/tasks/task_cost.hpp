// A MuJoCo task's own reward as the cost that iLQR minimises, with derivatives by differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/mujoco/engine/simulation.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

struct TaskCostSettings {
  double step = 1e-5;             // by how much states are moved for differences
  double action_step = 1e-3;      // by how much actions are: wide enough for second differences
  double least_curvature = 1e-3;  // of the cost along each action

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("step", s.step, "by how much states are moved for differences");
    field("action_step", s.action_step, "by how much actions are moved");
    field("least_curvature", s.least_curvature, "least second derivative of the cost along each action");
  }
};

/// A TrajectoryCost over mujoco::Dynamics' x = [qpos; qvel; act]: stage(x, u) is minus the reward of the
/// control step from x with u, which is simulated for it. The final cost is zero, ends of episodes are not
/// seen, and what the task measures before the step is taken at x itself. The gradient comes from central
/// differences; of the Hessian only its diagonal in u is estimated, since rewards are seldom more than a
/// little curved in x (a cost of your own, QuadraticCost say, converges faster where one is at hand). With a
/// pool a stage's differences run in parallel, with the same result. Copies share their simulations. The pool
/// must outlive this.
template <MujocoTask Task>
class TaskCost {
 public:
  explicit TaskCost(const Task& task = Task(), const TaskCostSettings& settings = {},
                    ThreadPool* pool = nullptr)
      : task_(task), settings_(settings), pool_(pool), lanes_(std::make_shared<Lanes>(task)) {
    require(std::isfinite(settings.step) && settings.step > 0 && std::isfinite(settings.action_step) &&
                settings.action_step > 0,
            "mujoco::TaskCost: step and action_step are ", settings.step, " and ", settings.action_step,
            ", expected more than 0");
    require(settings.least_curvature >= 0, "mujoco::TaskCost: least_curvature is ", settings.least_curvature,
            ", expected 0 or more");
  }

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int /*t*/) const {
    const Borrowed lane(*lanes_);
    check(*lane, x, u);
    return moved(*lane, x, u, -1, 0.0);
  }
  double final_cost(ConstVecRef<double>, int) const { return 0.0; }

  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    const Index nx = x.size(), nz = nx + u.size();
    const double here = stage(x, u, t);
    hessian.setZero();
    const auto work = [&](int j) {
      const Borrowed lane(*lanes_);
      const double h = j < nx ? settings_.step : settings_.action_step;
      const double plus = moved(*lane, x, u, j, h), minus = moved(*lane, x, u, j, -h);
      gradient(j) = (plus - minus) / (2 * h);
      if (j >= nx) hessian(j, j) = std::max(settings_.least_curvature, (plus - 2 * here + minus) / (h * h));
    };
    if (pool_) {
      pool_->run(static_cast<int>(nz), std::cref(work));
    } else {
      for (int j = 0; j < nz; ++j) work(j);
    }
  }
  void final_derivatives(ConstVecRef<double>, int, VecRef<double> gradient, BatchRef<double> hessian) const {
    gradient.setZero();
    hessian.setZero();
  }

 private:
  struct Lane {
    explicit Lane(const Task& task)
        : simulation(task.model(), derived_of(task)),
          start(static_cast<std::size_t>(simulation.state_size())) {
      simulation.save(start.data());
    }
    Simulation simulation;
    std::vector<double> start;  // a fresh simulation's state: time and warm start 0, mocap bodies in place
    Vecd action, before, after;
  };
  struct Lanes {
    explicit Lanes(const Task& t) : task(t) {}
    Task task;
    std::mutex mutex;
    std::vector<std::unique_ptr<Lane>> idle;
  };
  class Borrowed {
   public:
    explicit Borrowed(Lanes& lanes) : lanes_(lanes) {
      const std::lock_guard lock(lanes.mutex);
      if (lanes.idle.empty()) {
        lane_ = std::make_unique<Lane>(lanes.task);
      } else {
        lane_ = std::move(lanes.idle.back());
        lanes.idle.pop_back();
      }
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() {
      const std::lock_guard lock(lanes_.mutex);
      lanes_.idle.push_back(std::move(lane_));
    }
    Lane& operator*() const { return *lane_; }

   private:
    Lanes& lanes_;
    std::unique_ptr<Lane> lane_;
  };

  static void check(const Lane& lane, const ConstVecRef<double>& x, const ConstVecRef<double>& u) {
    const Simulation& s = lane.simulation;
    require_dim("mujoco::TaskCost", "the state", x.size(), s.state_size() - 1 - s.nv() - s.places_size());
    require_dim("mujoco::TaskCost", "the action", u.size(), s.nu());
  }

  // The cost of the step with entry j of [x; u] moved by h; NaN if it breaks down.
  double moved(Lane& lane, const ConstVecRef<double>& x, const ConstVecRef<double>& u, Index j,
               double h) const {
    Simulation& simulation = lane.simulation;
    const mjModel& model = simulation.model();
    mjData& data = simulation.data();
    lane.action = u;
    std::copy_n(x.data(), x.size(), lane.start.data() + 1);
    if (j >= x.size())
      lane.action(j - x.size()) += h;
    else if (j >= 0)
      lane.start[static_cast<std::size_t>(j) + 1] += h;
    simulation.load(lane.start.data());
    std::fill_n(data.ctrl, simulation.nu(), 0.0);
    if constexpr (Measures<Task>) {
      lane.before.resize(task_.measured_dim());
      lane.after.resize(task_.measured_dim());
      mj_forward(&model, &data);
      task_.measure(model, data, lane.before);
    }
    if (!simulation.advance(lane.action, task_.frame_skip()).empty())
      return std::numeric_limits<double>::quiet_NaN();
    if constexpr (Measures<Task>) task_.measure(model, data, lane.after);
    return -task_.reward(TaskView{model, data, lane.before, lane.after}, lane.action);
  }

  Task task_;
  TaskCostSettings settings_;
  ThreadPool* pool_;
  std::shared_ptr<Lanes> lanes_;
};

}  // namespace mbrl::mujoco
