// What the library asks of an environment, and the type-erased form used where it is chosen at run time.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/env/episode_guard.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/simulator.hpp"

namespace mbrl {

/// What one control step gives back. Terminated (the task ended) is not truncated (time ran out).
struct StepResult {
  Vecd obs;
  double reward = 0.0;
  bool terminated = false;
  bool truncated = false;
  /// Why the simulation itself broke down; empty as long as it did not. Such a step is terminated, its obs is
  /// the last good one and its reward 0: it is no data to learn from.
  std::string fault{};
};

// clang-format off
/// A task that is acted on step by step. A step before `reset`, or after an episode's end, is an error.
template <class E>
concept Environment = requires(E& env, const E& cenv, std::uint64_t seed, ConstVecRef<double> action) {
  { cenv.spec() } -> std::convertible_to<const EnvSpec&>;   // dimensions, bounds, time limit
  { env.reset(seed) } -> std::convertible_to<Vecd>;         // first observation; the seed fixes the start state
  { env.step(action) } -> std::same_as<StepResult>;         // one control step
};

/// An environment whose whole state can be taken out and put back, bit for bit.
template <class E>
concept Resettable = Environment<E> && requires(E& env, const E& cenv, const std::vector<double>& state) {
  { cenv.state() } -> std::convertible_to<std::vector<double>>;
  env.set_state(state);                                     // throws mbrl::Error on a wrong length
};
// clang-format on

// clang-format off
/// An environment that can begin an episode at a recorded physical state. The names are the columns of a recording
/// (qpos0, qvel0, ... or state0, ...), the values are in their order.
template <class E>
concept PhysicsSettable = Environment<E> && requires(E& env, const E& cenv, const std::vector<double>& values) {
  { cenv.physics_names() } -> std::convertible_to<std::vector<std::string>>;
  { cenv.physics_state() } -> std::convertible_to<std::vector<double>>;
  { env.set_physics_state(values) } -> std::convertible_to<Vecd>;  // step 0; gives the first observation
};
// clang-format on

/// Any resettable environment behind one type: chosen by name at run time. It is a Simulator too, so planners
/// can look ahead in the environment itself; one that is none by its own steps observes on the way and
/// allocates. A step before the first reset or after the end of an episode is an mbrl::Error, whatever the
/// environment inside makes of it.
class AnyEnvironment {
 public:
  template <Resettable E>
    requires(!std::same_as<std::remove_cvref_t<E>, AnyEnvironment>)
  explicit AnyEnvironment(E env) : self_(std::make_unique<Model<E>>(std::move(env))) {}

  const EnvSpec& spec() const { return self_->spec(); }
  Vecd reset(std::uint64_t seed) {
    episode_.begin();
    return self_->reset(seed);
  }
  StepResult step(ConstVecRef<double> action) {
    episode_.require_running(spec().name);
    StepResult result = self_->step(action);
    episode_.after(result);
    return result;
  }
  std::vector<double> state() const { return self_->state(); }
  void set_state(const std::vector<double>& state) {
    self_->set_state(state);
    episode_.begin();
  }

  /// See PhysicsSettable; these throw if the environment inside is not.
  std::vector<std::string> physics_names() const { return self_->physics_names(); }
  std::vector<double> physics_state() const { return self_->physics_state(); }
  Vecd set_physics_state(const std::vector<double>& values) {
    Vecd obs = self_->set_physics_state(values);
    episode_.begin();
    return obs;
  }

  /// See Simulator.
  int obs_dim() const { return spec().obs_dim; }
  int action_dim() const { return spec().action_dim(); }
  int state_dim() const { return self_->state_dim(); }
  void save_state(std::span<double> out) const { self_->save_state(out); }
  void load_state(std::span<const double> state) {
    self_->load_state(state);
    episode_.begin();
  }
  SimulatorStep advance(ConstVecRef<double> action) { return self_->advance(action); }
  void observe(VecRef<double> obs) { self_->observe(obs); }

  /// The environment inside, or null if it is of another type. What is done to it there is not seen here: an
  /// episode counts as begun.
  template <class E>
  E* target() {
    episode_.begin();
    auto* model = dynamic_cast<Model<E>*>(self_.get());
    return model ? &model->env : nullptr;
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const EnvSpec& spec() const = 0;
    virtual Vecd reset(std::uint64_t seed) = 0;
    virtual StepResult step(ConstVecRef<double> action) = 0;
    virtual std::vector<double> state() const = 0;
    virtual void set_state(const std::vector<double>& state) = 0;
    virtual std::vector<std::string> physics_names() const = 0;
    virtual std::vector<double> physics_state() const = 0;
    virtual Vecd set_physics_state(const std::vector<double>& values) = 0;
    virtual int state_dim() const = 0;
    virtual void save_state(std::span<double> out) const = 0;
    virtual void load_state(std::span<const double> state) = 0;
    virtual SimulatorStep advance(ConstVecRef<double> action) = 0;
    virtual void observe(VecRef<double> obs) = 0;
  };
  template <class E>
  struct Model final : Interface {
    explicit Model(E e) : env(std::move(e)) {}
    const EnvSpec& spec() const override { return env.spec(); }
    Vecd reset(std::uint64_t seed) override { return env.reset(seed); }
    StepResult step(ConstVecRef<double> action) override { return env.step(action); }
    std::vector<double> state() const override { return env.state(); }
    void set_state(const std::vector<double>& state) override { env.set_state(state); }
    std::vector<std::string> physics_names() const override {
      if constexpr (PhysicsSettable<E>)
        return env.physics_names();
      else
        no_physics();
    }
    std::vector<double> physics_state() const override {
      if constexpr (PhysicsSettable<E>)
        return env.physics_state();
      else
        no_physics();
    }
    Vecd set_physics_state([[maybe_unused]] const std::vector<double>& values) override {
      if constexpr (PhysicsSettable<E>)
        return env.set_physics_state(values);
      else
        no_physics();
    }
    int state_dim() const override {
      if constexpr (Simulator<E>)
        return env.state_dim();
      else
        return static_cast<int>(env.state().size());
    }
    void save_state(std::span<double> out) const override {
      if constexpr (Simulator<E>) {
        env.save_state(out);
      } else {
        const std::vector<double> state = env.state();
        require_dim(env.spec().name + ": save_state", "state", out.size(), state.size());
        std::copy(state.begin(), state.end(), out.begin());
      }
    }
    void load_state(std::span<const double> state) override {
      if constexpr (Simulator<E>)
        env.load_state(state);
      else
        env.set_state({state.begin(), state.end()});
    }
    SimulatorStep advance(ConstVecRef<double> action) override {
      if constexpr (Simulator<E>) {
        return env.advance(action);
      } else {
        StepResult result = env.step(action);
        // Planners look beyond time limits, where `step` does not go: the state put back is a new beginning.
        if ((result.terminated || result.truncated) && result.fault.empty()) env.set_state(env.state());
        seen = std::move(result.obs);
        return {result.reward, result.terminated, !result.fault.empty()};
      }
    }
    void observe(VecRef<double> obs) override {
      if constexpr (Simulator<E>)
        env.observe(obs);
      else
        obs = seen;
    }
    [[noreturn]] void no_physics() const {
      fail("environment '", env.spec().name, "' cannot be started from a recorded physical state");
    }
    E env;
    Vecd seen{};  // by the last step, of an environment that is no Simulator
  };
  std::unique_ptr<Interface> self_;
  EpisodeGuard episode_;
};

}  // namespace mbrl
