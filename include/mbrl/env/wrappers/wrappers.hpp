// Environments around environments: time limit, action repeat, scaling and bounds, stacked, noisy and delayed
// observations.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"

namespace mbrl {

/// What wrappers have in common. A wrapper holds its environment, is one itself, and adapts the specification,
/// planners' functions included; where these are no functions of what is seen any more, they are left out.
///   AnyEnvironment env(ActionRepeat(registry.make("pets/CartPole"), 4));
class Wrapper {
 public:
  const EnvSpec& spec() const { return spec_; }
  const AnyEnvironment& inner() const { return env_; }
  std::vector<std::string> physics_names() const { return env_.physics_names(); }
  std::vector<double> physics_state() const { return env_.physics_state(); }

 protected:
  explicit Wrapper(AnyEnvironment env) : env_(std::move(env)), spec_(env_.spec()) {}
  // The wrapper's own numbers, then the environment's.
  std::vector<double> joined(std::vector<double> own) const;
  // Puts the environment's part back; gives the wrapper's own.
  std::vector<double> split(const std::vector<double>& state, std::size_t own);

  AnyEnvironment env_;
  EnvSpec spec_;
};

/// Truncates after `steps` steps, or earlier if the environment does.
class TimeLimit : public Wrapper {
 public:
  TimeLimit(AnyEnvironment env, int steps);
  Vecd reset(std::uint64_t seed);
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const { return joined({static_cast<double>(steps_)}); }
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values);

 private:
  int steps_ = 0;
  EpisodeGuard episode_;  // ends earlier than the one inside
};

/// Repeats each action `repeats` times or until the episode ends, and adds up the rewards. A sum of rewards on
/// the way is no function of its ends, so planners get no reward for repeats > 1.
class ActionRepeat : public Wrapper {
 public:
  ActionRepeat(AnyEnvironment env, int repeats);
  Vecd reset(std::uint64_t seed) { return env_.reset(seed); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const { return env_.state(); }
  void set_state(const std::vector<double>& state) { env_.set_state(state); }
  Vecd set_physics_state(const std::vector<double>& values) { return env_.set_physics_state(values); }

 private:
  int repeats_;
};

/// Actions in [-1, 1] are stretched to the environment's bounds; those beyond go on beyond.
class ScaledActions : public Wrapper {
 public:
  explicit ScaledActions(AnyEnvironment env);
  Vecd reset(std::uint64_t seed) { return env_.reset(seed); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const { return env_.state(); }
  void set_state(const std::vector<double>& state) { env_.set_state(state); }
  Vecd set_physics_state(const std::vector<double>& values) { return env_.set_physics_state(values); }

 private:
  Vecd middle_, half_;
};

/// Refuses actions outside the bounds with an error that names entry, value and bound. Environments themselves
/// take them, as those they equal do.
class StrictActions : public Wrapper {
 public:
  explicit StrictActions(AnyEnvironment env) : Wrapper(std::move(env)) {}
  Vecd reset(std::uint64_t seed) { return env_.reset(seed); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const { return env_.state(); }
  void set_state(const std::vector<double>& state) { env_.set_state(state); }
  Vecd set_physics_state(const std::vector<double>& values) { return env_.set_physics_state(values); }
};

/// Observes the last `count` observations, the newest last; at the start the first one `count` times.
class StackedObservations : public Wrapper {
 public:
  StackedObservations(AnyEnvironment env, int count);
  Vecd reset(std::uint64_t seed) { return begin(env_.reset(seed)); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values) { return begin(env_.set_physics_state(values)); }

 private:
  Vecd begin(const Vecd& obs);
  Vecd stack_;
};

/// Standard deviations of normal noise, one an entry, or one for all; empty for none.
struct NoiseSettings {
  Vecd observation{}, action{};
};

/// Adds noise to observations and actions that is a function of the seed, the step and the entry. Rewards are
/// the environment's for the noisy action; planners keep their functions, which now see noisy observations. An
/// episode that begins with set_physics_state has the noise of seed 0.
class NoisyEnvironment : public Wrapper {
 public:
  NoisyEnvironment(AnyEnvironment env, NoiseSettings settings);
  Vecd reset(std::uint64_t seed);
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values);

 private:
  Vecd noisy(const Vecd& values, const Vecd& sd, std::uint32_t kind, std::uint32_t step) const;
  NoiseSettings settings_;
  std::uint64_t seed_ = 0;
  std::uint32_t steps_ = 0;
};

/// Actions act `action` steps after they were given, before that the one within the bounds that is nearest to
/// zero; observations are those of `observation` steps ago, before that the first one. Rewards and ends of
/// episodes are not delayed. Planners get no reward function, and no termination function if observations are
/// delayed.
struct DelaySettings {
  int observation = 0, action = 0;
};

class DelayedEnvironment : public Wrapper {
 public:
  DelayedEnvironment(AnyEnvironment env, DelaySettings settings);
  Vecd reset(std::uint64_t seed) { return begin(env_.reset(seed)); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values) { return begin(env_.set_physics_state(values)); }

 private:
  Vecd begin(const Vecd& obs);
  DelaySettings settings_;
  std::deque<Vecd> actions_, observations_;  // waiting, the oldest first
};

}  // namespace mbrl
