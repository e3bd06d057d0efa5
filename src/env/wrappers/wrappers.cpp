// The wrappers' steps, and what they make of a specification.
#include "mbrl/env/wrappers/wrappers.hpp"

#include <algorithm>
#include <utility>

#include "mbrl/core/random.hpp"
#include "mbrl/env/check_action.hpp"

namespace mbrl {

std::vector<double> Wrapper::joined(std::vector<double> own) const {
  const std::vector<double> state = env_.state();
  own.insert(own.end(), state.begin(), state.end());
  return own;
}

std::vector<double> Wrapper::split(const std::vector<double>& state, std::size_t own) {
  require(state.size() >= own, spec_.name, ": set_state: state has dimension ", state.size(), ", expected ",
          own, " or more");
  const auto middle = state.begin() + static_cast<std::ptrdiff_t>(own);
  env_.set_state({middle, state.end()});
  return {state.begin(), middle};
}

TimeLimit::TimeLimit(AnyEnvironment env, int steps) : Wrapper(std::move(env)) {
  require(steps >= 1, "TimeLimit: steps is ", steps, ", expected 1 or more");
  spec_.max_steps = spec_.max_steps > 0 ? std::min(spec_.max_steps, steps) : steps;
}

Vecd TimeLimit::reset(std::uint64_t seed) {
  steps_ = 0;
  episode_.begin();
  return env_.reset(seed);
}

StepResult TimeLimit::step(ConstVecRef<double> action) {
  episode_.require_running(spec_.name);
  StepResult result = env_.step(action);
  if (++steps_ >= spec_.max_steps) result.truncated = true;
  episode_.after(result);
  return result;
}

void TimeLimit::set_state(const std::vector<double>& state) {
  steps_ = static_cast<int>(split(state, 1)[0]);
  episode_.begin();
}

Vecd TimeLimit::set_physics_state(const std::vector<double>& values) {
  steps_ = 0;
  episode_.begin();
  return env_.set_physics_state(values);
}

ActionRepeat::ActionRepeat(AnyEnvironment env, int repeats) : Wrapper(std::move(env)), repeats_(repeats) {
  require(repeats >= 1, "ActionRepeat: repeats is ", repeats, ", expected 1 or more");
  spec_.max_steps = (spec_.max_steps + repeats - 1) / repeats;
  spec_.dt *= repeats;
  if (repeats > 1) spec_.reward = {};
}

StepResult ActionRepeat::step(ConstVecRef<double> action) {
  StepResult result = env_.step(action);
  for (int i = 1; i < repeats_ && !result.terminated && !result.truncated; ++i) {
    const double before = result.reward;
    result = env_.step(action);
    result.reward += before;
  }
  if (!result.fault.empty()) result.reward = 0.0;
  return result;
}

ScaledActions::ScaledActions(AnyEnvironment env)
    : Wrapper(std::move(env)),
      middle_(0.5 * (spec_.action_low + spec_.action_high)),
      half_(0.5 * (spec_.action_high - spec_.action_low)) {
  spec_.choices = 0;  // numbers now, of which the environment takes the nearest choice
  spec_.action_low.setConstant(-1.0);
  spec_.action_high.setConstant(1.0);
  if (spec_.reward)
    spec_.reward = [reward = spec_.reward, middle = Vecf(middle_.cast<float>()),
                    half = Vecf(half_.cast<float>())](ConstBatchRef<float> obs, ConstBatchRef<float> action,
                                                      ConstBatchRef<float> next, int t, VecRef<float> out) {
      const Batchf scaled = (half.asDiagonal() * action).colwise() + middle;
      reward(obs, scaled, next, t, out);
    };
}

StepResult ScaledActions::step(ConstVecRef<double> action) {
  require_dim(spec_.name + ": step", "action", action.size(), spec_.action_dim());
  return env_.step(middle_ + half_.cwiseProduct(action));
}

StepResult StrictActions::step(ConstVecRef<double> action) {
  check_action(spec_, action);
  for (Index i = 0; i < action.size(); ++i)
    require(action(i) >= spec_.action_low(i) && action(i) <= spec_.action_high(i), spec_.name,
            ": action entry ", i, " is ", action(i), ", expected ", spec_.action_low(i), " to ",
            spec_.action_high(i));
  return env_.step(action);
}

StackedObservations::StackedObservations(AnyEnvironment env, int count) : Wrapper(std::move(env)) {
  require(count >= 1, "StackedObservations: count is ", count, ", expected 1 or more");
  const int dim = spec_.obs_dim;
  const ObsEncoding one = spec_.encoding;
  spec_.obs_dim *= count;
  for (int frame = 1; frame < count; ++frame) {
    for (ObsFeature feature : one.features) {
      feature.obs_index += frame * dim;
      spec_.encoding.features.push_back(feature);
    }
    spec_.encoding.targets.insert(spec_.encoding.targets.end(), one.targets.begin(), one.targets.end());
  }
  if (spec_.reward)
    spec_.reward = [reward = spec_.reward, dim](ConstBatchRef<float> obs, ConstBatchRef<float> action,
                                                ConstBatchRef<float> next, int t, VecRef<float> out) {
      reward(obs.bottomRows(dim), action, next.bottomRows(dim), t, out);
    };
  if (spec_.termination)
    spec_.termination = [termination = spec_.termination, dim](
                            ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next,
                            int t, VecRef<float> done) {
      termination(obs.bottomRows(dim), action, next.bottomRows(dim), t, done);
    };
  begin(Vecd::Zero(dim));  // until the first reset
}

Vecd StackedObservations::begin(const Vecd& obs) {
  stack_ = obs.replicate(spec_.obs_dim / obs.size(), 1);
  return stack_;
}

StepResult StackedObservations::step(ConstVecRef<double> action) {
  StepResult result = env_.step(action);
  const Index kept = stack_.size() - result.obs.size();
  std::copy_n(stack_.data() + result.obs.size(), kept, stack_.data());
  stack_.tail(result.obs.size()) = result.obs;
  result.obs = stack_;
  return result;
}

std::vector<double> StackedObservations::state() const { return joined({stack_.begin(), stack_.end()}); }

void StackedObservations::set_state(const std::vector<double>& state) {
  const std::vector<double> own = split(state, static_cast<std::size_t>(stack_.size()));
  stack_ = Eigen::Map<const Vecd>(own.data(), stack_.size());
}

NoisyEnvironment::NoisyEnvironment(AnyEnvironment env, NoiseSettings settings)
    : Wrapper(std::move(env)), settings_(std::move(settings)) {
  const auto complete = [this](const char* what, Vecd& sd, int dim) {
    if (sd.size() == 0) sd = Vecd::Zero(dim);
    if (sd.size() == 1) sd = Vecd::Constant(dim, sd(0));
    require_dim("NoisyEnvironment of " + spec_.name, what, sd.size(), dim);
    require((sd.array() >= 0.0).all() && sd.allFinite(), "NoisyEnvironment of ", spec_.name, ": ", what,
            " is ", sd.transpose(), ", expected finite standard deviations of 0 or more");
  };
  complete("observation noise", settings_.observation, spec_.obs_dim);
  complete("action noise", settings_.action, spec_.action_dim());
}

Vecd NoisyEnvironment::noisy(const Vecd& values, const Vecd& sd, std::uint32_t kind,
                             std::uint32_t step) const {
  const RandomStream random(seed_, Stream::kEnvironment);
  Vecd out = values;
  for (Index i = 0; i < out.size(); ++i)
    if (sd(i) > 0.0) out(i) += sd(i) * random.normal(static_cast<std::uint32_t>(i), step, kind);
  return out;
}

Vecd NoisyEnvironment::reset(std::uint64_t seed) {
  seed_ = seed;
  steps_ = 0;
  return noisy(env_.reset(seed), settings_.observation, 0, 0);
}

StepResult NoisyEnvironment::step(ConstVecRef<double> action) {
  require_dim(spec_.name + ": step", "action", action.size(), spec_.action_dim());
  StepResult result = env_.step(noisy(action, settings_.action, 1, steps_ + 1));
  ++steps_;  // an action refused is no step
  result.obs = noisy(result.obs, settings_.observation, 0, steps_);
  return result;
}

std::vector<double> NoisyEnvironment::state() const {
  return joined({static_cast<double>(seed_ >> 32), static_cast<double>(seed_ & 0xFFFFFFFFu),
                 static_cast<double>(steps_)});
}

void NoisyEnvironment::set_state(const std::vector<double>& state) {
  const std::vector<double> own = split(state, 3);
  seed_ = (static_cast<std::uint64_t>(own[0]) << 32) | static_cast<std::uint64_t>(own[1]);
  steps_ = static_cast<std::uint32_t>(own[2]);
}

Vecd NoisyEnvironment::set_physics_state(const std::vector<double>& values) {
  seed_ = 0;
  steps_ = 0;
  return noisy(env_.set_physics_state(values), settings_.observation, 0, 0);
}

DelayedEnvironment::DelayedEnvironment(AnyEnvironment env, DelaySettings settings)
    : Wrapper(std::move(env)), settings_(settings) {
  require(settings.observation >= 0 && settings.action >= 0, "DelayedEnvironment: delays are ",
          settings.observation, " and ", settings.action, " steps, expected 0 or more");
  if (settings.observation > 0 || settings.action > 0) spec_.reward = {};
  if (settings.observation > 0) spec_.termination = {};
  begin(Vecd::Zero(spec_.obs_dim));  // until the first reset
}

Vecd DelayedEnvironment::begin(const Vecd& obs) {
  const Vecd idle = Vecd::Zero(spec_.action_dim()).cwiseMax(spec_.action_low).cwiseMin(spec_.action_high);
  actions_.assign(static_cast<std::size_t>(settings_.action), idle);
  observations_.assign(static_cast<std::size_t>(settings_.observation), obs);
  return obs;
}

StepResult DelayedEnvironment::step(ConstVecRef<double> action) {
  require(action.size() == spec_.action_dim() && action.allFinite(), spec_.name, ": action is ",
          action.transpose(), ", expected ", spec_.action_dim(), " finite numbers");
  // An action refused leaves the queue, which stays as long as it was.
  actions_.emplace_back(action);
  const Vecd acting = std::move(actions_.front());
  actions_.pop_front();
  StepResult result = env_.step(acting);
  observations_.push_back(result.obs);
  result.obs = observations_.front();
  observations_.pop_front();
  return result;
}

std::vector<double> DelayedEnvironment::state() const {
  std::vector<double> own;
  for (const auto* queue : {&actions_, &observations_})
    for (const Vecd& entry : *queue) own.insert(own.end(), entry.begin(), entry.end());
  return joined(std::move(own));
}

void DelayedEnvironment::set_state(const std::vector<double>& state) {
  std::size_t count = 0;
  for (const auto* queue : {&actions_, &observations_})
    for (const Vecd& entry : *queue) count += static_cast<std::size_t>(entry.size());
  const std::vector<double> own = split(state, count);
  const double* in = own.data();
  for (auto* queue : {&actions_, &observations_})
    for (Vecd& entry : *queue) {
      std::copy_n(in, entry.size(), entry.data());
      in += entry.size();
    }
}

}  // namespace mbrl
