// An environment from a few equations: what is drawn at the start, how a step goes, what is seen.
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

namespace mbrl {

/// What a step gives besides the new state.
struct StepOutcome {
  double reward = 0.0;
  bool terminated = false;
};

// clang-format off
/// A task is a handful of functions without side effects; docs/custom_environment.md writes one.
template <class T>
concept AnalyticTask = std::copy_constructible<T> &&
    requires(const T& task, const RandomStream& random, Vecd& vector, ConstVecRef<double> action) {
  { task.spec() } -> std::convertible_to<EnvSpec>;
  { task.state_dim() } -> std::convertible_to<int>;
  task.draw_start(random, vector);                            // state_dim entries, coming in as zeros
  { task.step(vector, action) } -> std::same_as<StepOutcome>; // the state before, to become the one after
};

/// What is observed is the state unless the task says otherwise.
template <class T>
concept Observes = requires(const T& task, const Vecd& state, Vecd& obs) {
  task.observe(state, obs);                                   // obs_dim entries
};
// clang-format on

/// A Resettable and PhysicsSettable environment, and a Simulator. A step to a state that is not finite ends
/// the episode as terminated, with the cause in StepResult::fault, and the state is the one before.
template <AnalyticTask Task>
class AnalyticEnvironment {
 public:
  explicit AnalyticEnvironment(Task task = Task()) : task_(std::move(task)), spec_(task_.spec()) {
    check_spec(spec_);
    if constexpr (!Observes<Task>)
      require_dim(spec_.name, "spec().obs_dim of a task without observe", spec_.obs_dim, task_.state_dim());
    reset(0);
    episode_.forget();
    before_ = state_;
    if constexpr (Observes<Task>) seen_.setZero(spec_.obs_dim);
  }

  const EnvSpec& spec() const { return spec_; }

  Vecd reset(std::uint64_t seed) {
    state_ = Vecd::Zero(task_.state_dim());
    task_.draw_start(RandomStream(seed, Stream::kReset), state_);
    steps_ = 0;
    broken_ = false;
    episode_.begin();
    return observation();
  }

  StepResult step(ConstVecRef<double> action) {
    episode_.require_running(spec_.name);
    const SimulatorStep step = advance(action);
    require(std::isfinite(step.reward), spec_.name, ": the reward of step ", steps_, " is ", step.reward,
            ", expected a finite number");
    StepResult result;
    if (step.broken) result.fault = "the state is not finite";
    result.reward = step.reward;
    result.terminated = step.terminated;
    result.obs = observation();
    result.truncated = steps_ >= spec_.max_steps;
    episode_.after(result);
    return result;
  }

  Vecd observation() const {
    if constexpr (Observes<Task>) {
      Vecd obs(spec_.obs_dim);
      task_.observe(state_, obs);
      return obs;
    } else {
      return state_;
    }
  }

  std::vector<double> state() const {
    std::vector<double> state(static_cast<std::size_t>(state_dim()));
    save_state(state);
    return state;
  }
  void set_state(const std::vector<double>& state) { load_state(state); }

  /// The environment as a Simulator.
  int obs_dim() const { return spec_.obs_dim; }
  int action_dim() const { return spec_.action_dim(); }
  int state_dim() const { return static_cast<int>(state_.size()) + 2; }
  /// [state, steps, broken]
  void save_state(std::span<double> state) const {
    require_dim(spec_.name, "save_state: the state", state.size(), state_dim());
    std::copy_n(state_.data(), state_.size(), state.data());
    state[state.size() - 2] = static_cast<double>(steps_);
    state.back() = broken_ ? 1.0 : 0.0;
  }
  void load_state(std::span<const double> state) {
    require_dim(spec_.name, "set_state: the state", state.size(), state_dim());
    state_ = Eigen::Map<const Vecd>(state.data(), state_.size());
    steps_ = static_cast<int>(state[state.size() - 2]);
    broken_ = state.back() != 0.0;
    episode_.begin();
  }
  SimulatorStep advance(ConstVecRef<double> action) {
    check_action(spec_, action);
    require(!broken_, spec_.name, ": step after the state broke down, expected reset or set_state first");
    before_ = state_;
    StepOutcome outcome;
    try {
      outcome = task_.step(state_, action);
    } catch (...) {  // an action refused changes nothing
      state_ = before_;
      throw;
    }
    ++steps_;
    if (state_.allFinite()) return {outcome.reward, outcome.terminated, false};
    broken_ = true;
    state_ = before_;
    return {0.0, true, true};
  }
  void observe(VecRef<double> obs) {
    if constexpr (Observes<Task>) {
      task_.observe(state_, seen_);
      obs = seen_;
    } else {
      obs = state_;
    }
  }

  std::vector<std::string> physics_names() const {
    std::vector<std::string> names;
    for (Index i = 0; i < state_.size(); ++i) names.push_back("state" + std::to_string(i));
    return names;
  }
  std::vector<double> physics_state() const { return {state_.data(), state_.data() + state_.size()}; }
  Vecd set_physics_state(const std::vector<double>& values) {
    require_dim(spec_.name + ": set_physics_state", "values", values.size(), state_.size());
    state_ = Eigen::Map<const Vecd>(values.data(), state_.size());
    steps_ = 0;
    broken_ = false;
    episode_.begin();
    return observation();
  }

 private:
  Task task_;
  EnvSpec spec_;
  Vecd state_, before_, seen_;
  int steps_ = 0;
  bool broken_ = false;
  EpisodeGuard episode_;
};

}  // namespace mbrl
