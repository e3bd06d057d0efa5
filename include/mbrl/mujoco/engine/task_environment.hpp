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
#include "mbrl/mujoco/engine/simulation.hpp"

namespace mbrl::mujoco {

/// What a task sees after a control step. Of `data` only time, qpos, qvel and act are sure to be up to date:
/// derived quantities such as xpos lag behind (unless the task asks for Derived::kInSync), and are not part of
/// an environment's state. What the task needs
/// of those it takes in `measure`, and finds here as it was before and after the control step (the same at the
/// start).
struct TaskView {
  const mjModel& model;
  const mjData& data;
  const Vecd& before;
  const Vecd& after;
};

// clang-format off
/// A task is a handful of pure functions; docs/custom_environment.md writes one.
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

/// A task may also end episodes: `bool terminated(const TaskView&) const`.
template <class T>
concept EndsEpisodes = requires(const T& task, const TaskView& view) {
  { task.terminated(view) } -> std::convertible_to<bool>;
};

/// And it may measure, after every control step, what has to be remembered or read from derived quantities.
template <class T>
concept Measures = requires(const T& task, const mjModel& model, mjData& data, Vecd& out) {
  { task.measured_dim() } -> std::convertible_to<int>;
  task.measure(model, data, out);                              // measured_dim entries
};

/// Its model may have mocap bodies, at places that belong to the start state: 3 numbers each, coming in as the model's.
template <class T>
concept DrawsPlaces = requires(const T& task, const RandomStream& random, Vecd& places) {
  task.draw_places(random, places);
};

/// A start drawn may be refused, seen when the model was evaluated there; then another one is drawn.
template <class T>
concept RefusesStarts = requires(const T& task, const mjModel& model, const mjData& data) {
  { task.accepts_start(model, data) } -> std::convertible_to<bool>;
};

/// It may begin after so many time steps without controls from the start drawn.
template <class T>
concept Settles = requires(const T& task) { { task.settling_steps() } -> std::convertible_to<int>; };

/// Derived quantities may be those of the new state: `Derived derived() const`, else they lag.
template <class T>
concept ChoosesDerived = requires(const T& task) { { task.derived() } -> std::same_as<Derived>; };
// clang-format on

template <MujocoTask T>
Derived derived_of(const T& task) {
  if constexpr (ChoosesDerived<T>)
    return task.derived();
  else
    return Derived::kLagging;
}

/// A Resettable and PhysicsSettable environment, and a Simulator. Throws on construction if the model cannot
/// be loaded, or has other dimensions or another time step than the task says.
template <MujocoTask Task>
class TaskEnvironment {
 public:
  explicit TaskEnvironment(const Task& task = Task()) : TaskEnvironment(task, task.model()) {}
  /// The same task with another model of the same dimensions: heavier, say.
  TaskEnvironment(const Task& task, Model model)
      : task_(task), spec_(task_.spec()), simulation_(std::move(model), derived_of(task_)) {
    require_dim(spec_.name, "spec().action_low", spec_.action_low.size(), simulation_.nu());
    require_dim(spec_.name, "spec().action_high", spec_.action_high.size(), simulation_.nu());
    const double dt = task_.frame_skip() * simulation_.model().opt.timestep;
    require(std::abs(spec_.dt - dt) < 1e-12, spec_.name, ": spec().dt is ", spec_.dt,
            " s, expected frame_skip x timestep = ", dt, " s");
    check_spec(spec_);
    scratch_.setZero(spec_.obs_dim);
    if constexpr (Measures<Task>) before_ = after_ = Vecd::Zero(task_.measured_dim());
    reset(0);
    episode_.forget();
  }

  const EnvSpec& spec() const { return spec_; }
  const Simulation& simulation() const { return simulation_; }
  const Task& task() const { return task_; }

  Vecd reset(std::uint64_t seed) {
    constexpr int kAttempts = 1000;
    RandomStream random(seed, Stream::kReset);
    for (int attempt = 1;; ++attempt) {
      draw(random);
      if constexpr (RefusesStarts<Task>) {
        if (!task_.accepts_start(simulation_.model(), simulation_.data())) {
          require(attempt < kAttempts, spec_.name, ": none of ", attempt, " starts drawn was accepted");
          const auto bits = random.bits(~0u, ~0u, ~0u, ~0u);  // a block that no draw uses
          random = RandomStream((std::uint64_t{bits[1]} << 32) | bits[0], Stream::kReset);
          continue;
        }
      }
      break;
    }
    if constexpr (Settles<Task>) {
      const std::string fault = simulation_.settle(task_.settling_steps());
      require(fault.empty(), spec_.name, ": broken down while the start settled: ", fault);
    }
    return begin();
  }

  /// Actions outside the bounds go to the engine as they are, which clamps them; a reward sees them unclamped.
  StepResult step(ConstVecRef<double> action) {
    episode_.require_running(spec_.name);
    StepResult result;
    const SimulatorStep step = advance(action, result.fault);
    require(std::isfinite(step.reward), spec_.name, ": the task's reward is ", step.reward,
            ", expected a finite number");
    result.obs = observation();
    result.reward = step.reward;
    result.terminated = step.terminated;
    result.truncated = steps_ >= spec_.max_steps;
    episode_.after(result);
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

  /// The environment as a Simulator: the same steps without their observations, and without memory from the
  /// heap.
  int obs_dim() const { return spec_.obs_dim; }
  int action_dim() const { return spec_.action_dim(); }
  int state_dim() const { return 2 + 2 * static_cast<int>(after_.size()) + simulation_.state_size(); }
  /// [steps, broken, measured before, measured after, simulation]
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
    episode_.begin();
  }
  SimulatorStep advance(ConstVecRef<double> action) {
    std::string fault;
    return advance(action, fault);
  }
  void observe(VecRef<double> obs) {
    task_.observe(view(), scratch_);
    obs = scratch_;
  }

  std::vector<std::string> physics_names() const {
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(simulation_.nq() + simulation_.nv() + simulation_.places_size()));
    for (int i = 0; i < simulation_.nq(); ++i) names.push_back("qpos" + std::to_string(i));
    for (int i = 0; i < simulation_.nv(); ++i) names.push_back("qvel" + std::to_string(i));
    for (int i = 0; i < simulation_.places_size(); ++i) names.push_back("mocap" + std::to_string(i));
    return names;
  }
  std::vector<double> physics_state() const {
    const mjData& data = simulation_.data();
    std::vector<double> values(data.qpos, data.qpos + simulation_.nq());
    values.insert(values.end(), data.qvel, data.qvel + simulation_.nv());
    values.insert(values.end(), data.mocap_pos, data.mocap_pos + simulation_.places_size());
    return values;
  }
  Vecd set_physics_state(const std::vector<double>& values) {
    const int nq = simulation_.nq(), nv = simulation_.nv(), places = simulation_.places_size();
    require_dim(spec_.name + ": set_physics_state", "values", values.size(), nq + nv + places);
    const Vecd all = Eigen::Map<const Vecd>(values.data(), nq + nv + places);
    simulation_.start(all.head(nq), all.segment(nq, nv), all.tail(places));
    return begin();
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

  void draw(const RandomStream& random) {
    const mjModel& model = simulation_.model();
    Vecd qpos = Eigen::Map<const Vecd>(model.qpos0, simulation_.nq());
    Vecd qvel = Vecd::Zero(simulation_.nv());
    task_.draw_start(random, qpos, qvel);
    Vecd places(simulation_.places_size());
    for (int body = 0; body < static_cast<int>(model.nbody); ++body)
      if (model.body_mocapid[body] >= 0)
        places.segment<3>(3 * model.body_mocapid[body]) =
            Eigen::Map<const Eigen::Vector3d>(model.body_pos + 3 * body);
    if constexpr (DrawsPlaces<Task>) task_.draw_places(random, places);
    simulation_.start(qpos, qvel, places);
  }

  // At the start of an episode, where the simulation is.
  Vecd begin() {
    measure();
    before_ = after_;
    steps_ = 0;
    broken_ = false;
    episode_.begin();
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
  EpisodeGuard episode_;
};

}  // namespace mbrl::mujoco
