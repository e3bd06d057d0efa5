// An environment from a MuJoCo model and a task: what is drawn at the start, what is seen, what is rewarded.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/env/check_action.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/mujoco/simulation.hpp"

namespace mbrl::mujoco {

// What a task sees after a control step. Of `data` only time, qpos, qvel and act are sure to be up to date:
// derived quantities such as xpos lag behind, and are not part of an environment's state. What the task needs
// of those it takes in `measure`, and finds here as it was before and after the control step (the same at the
// start).
struct TaskView {
  const mjModel& model;
  const mjData& data;
  const Vecd& before;
  const Vecd& after;
};

// clang-format off
// A task is a handful of pure functions; docs/custom_environment.md writes one.
template <class T>
concept MujocoTask = std::copy_constructible<T> &&
    requires(const T& task, const RandomStream& random, Vecd& vector, const TaskView& view,
             ConstVecRef<double> action) {
  { task.spec() } -> std::convertible_to<EnvSpec>;
  { task.model() } -> std::convertible_to<Model>;
  { task.frame_skip() } -> std::convertible_to<int>;           // mj_steps a control step
  task.draw_start(random, vector, vector);                     // qpos (comes in as the model's qpos0), qvel (as zeros)
  task.observe(view, vector);                                  // obs_dim entries
  { task.reward(view, action) } -> std::convertible_to<double>;
};

// A task may also end episodes: `bool terminated(const TaskView&) const`.
template <class T>
concept EndsEpisodes = requires(const T& task, const TaskView& view) {
  { task.terminated(view) } -> std::convertible_to<bool>;
};

// And it may measure, after every control step, what has to be remembered or read from derived quantities.
template <class T>
concept Measures = requires(const T& task, const mjModel& model, mjData& data, Vecd& out) {
  { task.measured_dim() } -> std::convertible_to<int>;
  task.measure(model, data, out);                              // measured_dim entries
};
// clang-format on

// A Resettable and PhysicsSettable environment, and a Simulator. Throws on construction if the model cannot
// be loaded, or has other dimensions or another time step than the task says.
template <MujocoTask Task>
class TaskEnvironment {
 public:
  explicit TaskEnvironment(const Task& task = Task()) : TaskEnvironment(task, task.model()) {}
  // The same task with another model of the same dimensions: heavier, say.
  TaskEnvironment(const Task& task, Model model)
      : task_(task), spec_(task_.spec()), simulation_(std::move(model)) {
    require_dim(spec_.name, "spec().action_low", spec_.action_low.size(), simulation_.nu());
    require_dim(spec_.name, "spec().action_high", spec_.action_high.size(), simulation_.nu());
    const double dt = task_.frame_skip() * simulation_.model().opt.timestep;
    require(std::abs(spec_.dt - dt) < 1e-12, spec_.name, ": spec().dt is ", spec_.dt,
            " s, expected frame_skip x timestep = ", dt, " s");
    require_dim(spec_.name, "spec().encoding", spec_.encoding.obs_dim(), spec_.obs_dim);
    spec_.encoding.validate();
    if constexpr (Measures<Task>) before_ = after_ = Vecd::Zero(task_.measured_dim());
    reset(0);
  }

  const EnvSpec& spec() const { return spec_; }
  const Simulation& simulation() const { return simulation_; }
  const Task& task() const { return task_; }

  Vecd reset(std::uint64_t seed) {
    const mjModel& model = simulation_.model();
    Vecd qpos = Eigen::Map<const Vecd>(model.qpos0, simulation_.nq());
    Vecd qvel = Vecd::Zero(simulation_.nv());
    task_.draw_start(RandomStream(seed, Stream::kReset), qpos, qvel);
    return start(qpos, qvel);
  }

  // Actions outside the bounds go to the engine as they are, which clamps them; a reward sees them unclamped.
  StepResult step(ConstVecRef<double> action) {
    StepResult result;
    const SimulatorStep step = advance(action, result.fault);
    require(std::isfinite(step.reward), spec_.name, ": the task's reward is ", step.reward,
            ", expected a finite number");
    result.obs = observation();
    result.reward = step.reward;
    result.terminated = step.terminated;
    result.truncated = steps_ >= spec_.max_steps;
    return result;
  }

  Vecd observation() const {
    Vecd obs(spec_.obs_dim);
    task_.observe(view(), obs);
    require_dim(spec_.name, "the task's observation", obs.size(), spec_.obs_dim);
    require(obs.allFinite(), spec_.name, ": the task's observation is ", obs.transpose(),
            ", expected finite numbers");
    return obs;
  }

  std::vector<double> state() const {
    std::vector<double> state(static_cast<std::size_t>(state_dim()));
    save_state(state);
    return state;
  }
  void set_state(const std::vector<double>& state) { load_state(state); }

  // The environment as a Simulator: the same steps without their observations, and without memory from the
  // heap.
  int obs_dim() const { return spec_.obs_dim; }
  int action_dim() const { return spec_.action_dim(); }
  int state_dim() const { return 2 + 2 * static_cast<int>(after_.size()) + simulation_.state_size(); }
  // [steps, broken, measured before, measured after, simulation]
  void save_state(std::span<double> state) const {
    require_dim(spec_.name, "save_state: the state", state.size(), state_dim());
    double* out = state.data();
    *out++ = static_cast<double>(steps_);
    *out++ = broken_ ? 1.0 : 0.0;
    out = std::copy_n(before_.data(), before_.size(), out);
    out = std::copy_n(after_.data(), after_.size(), out);
    simulation_.save(out);
  }
  void load_state(std::span<const double> state) {
    require_dim(spec_.name, "set_state: the state", state.size(), state_dim());
    const double* in = state.data();
    steps_ = static_cast<int>(*in++);
    broken_ = *in++ != 0.0;
    in = copy_in(in, before_);
    in = copy_in(in, after_);
    simulation_.load(in);
  }
  SimulatorStep advance(ConstVecRef<double> action) {
    std::string fault;
    return advance(action, fault);
  }
  void observe(VecRef<double> obs) {
    scratch_.resize(spec_.obs_dim);
    task_.observe(view(), scratch_);
    obs = scratch_;
  }

  std::vector<std::string> physics_names() const {
    std::vector<std::string> names;
    for (int i = 0; i < simulation_.nq(); ++i) names.push_back("qpos" + std::to_string(i));
    for (int i = 0; i < simulation_.nv(); ++i) names.push_back("qvel" + std::to_string(i));
    return names;
  }
  std::vector<double> physics_state() const {
    const mjData& data = simulation_.data();
    std::vector<double> values(data.qpos, data.qpos + simulation_.nq());
    values.insert(values.end(), data.qvel, data.qvel + simulation_.nv());
    return values;
  }
  Vecd set_physics_state(const std::vector<double>& values) {
    const int nq = simulation_.nq(), nv = simulation_.nv();
    require_dim(spec_.name + ": set_physics_state", "values", values.size(), nq + nv);
    return start(Eigen::Map<const Vecd>(values.data(), nq), Eigen::Map<const Vecd>(values.data() + nq, nv));
  }

 private:
  TaskView view() const { return {simulation_.model(), simulation_.data(), before_, after_}; }

  void measure() {
    if constexpr (Measures<Task>) task_.measure(simulation_.model(), simulation_.data(), after_);
  }

  SimulatorStep advance(ConstVecRef<double> action, std::string& fault) {
    check_action(spec_, action);
    require(!broken_, spec_.name,
            ": step after the simulation broke down, expected reset or set_state first");
    ++steps_;
    fault = simulation_.advance(action, task_.frame_skip());
    if (!fault.empty()) [[unlikely]] {
      broken_ = true;
      return {0.0, true, true};
    }
    before_ = after_;
    measure();
    SimulatorStep step{task_.reward(view(), action), false, false};
    if constexpr (EndsEpisodes<Task>) step.terminated = task_.terminated(view());
    return step;
  }

  Vecd start(ConstVecRef<double> qpos, ConstVecRef<double> qvel) {
    simulation_.start(qpos, qvel);
    measure();
    before_ = after_;
    steps_ = 0;
    broken_ = false;
    return observation();
  }

  static const double* copy_in(const double* in, Vecd& out) {
    std::copy_n(in, out.size(), out.data());
    return in + out.size();
  }

  Task task_;
  EnvSpec spec_;
  Simulation simulation_;
  Vecd before_, after_, scratch_;
  int steps_ = 0;
  bool broken_ = false;
};

}  // namespace mbrl::mujoco
