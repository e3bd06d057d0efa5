// Evaluators and a model that move a clock as they work, for tests of planning under a deadline.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "planning/test_evaluators.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl::planning_test {

// A clock at `*now` seconds; each evaluated candidate moves it by one.
struct SlowEvaluator {
  std::shared_ptr<double> now = std::make_shared<double>(100.0);
  ObjectiveEvaluator<float> evaluator{2, 6, [this](const Vecf& s, const Batchf& a) {
                                        *now += 1;
                                        return quadratic<float>()(s, a);
                                      }};
  SecondsClock clock() const {
    return [now = now] { return *now; };
  }
  Deadline in(double seconds) const {
    return Deadline(std::make_shared<const SecondsClock>(clock()), *now + seconds);
  }
};

inline PlannerSettings iterated(const std::string& name, int iterations) {
  PlannerSettings s{.name = name};
  s.cem = {.population = 40, .elites = 5, .iterations = iterations, .epsilon = 0};
  s.icem = {.population = 40,
            .elites = 5,
            .iterations = iterations,
            .decay = 1,
            .keep_elites = false,
            .shift_elites = false,
            .add_mean = false,
            .stop_std = 0};
  s.mppi.population = s.pddm.population = s.cmaes.population = 40;
  s.mppi.iterations = s.pddm.iterations = s.cmaes.iterations = iterations;
  s.cmaes.stop_std = 0;
  s.mcts = {.trees = 40, .iterations = iterations};
  return s;
}

// Evaluates particles on a clock of its own; what a call costs varies from call to call by up to a tenth, and
// now and then by a half.
struct UnsteadyEvaluator {
  using Scalar = float;
  using State = Vecf;
  std::shared_ptr<double> now = std::make_shared<double>(0.0);
  NoisyEvaluator<float> evaluator;
  explicit UnsteadyEvaluator(int particles)
      : evaluator(
            2, 6, particles,  // the same best action at every step, so that a shifted plan is as good
            [](const Vecf&, const Batchf& actions) {
              return -(actions.row(0).array() - 0.5f).square().sum() -
                     (actions.row(1).array() + 0.3f).square().sum();
            },
            0.01f, 0.01f) {}
  int horizon() const { return evaluator.horizon(); }
  int action_dim() const { return evaluator.action_dim(); }
  int particles() const { return evaluator.particles(); }
  void evaluate(const State& state, ConstBatchRef<float> actions, RolloutKey key, VecRef<float> returns) {
    spend(static_cast<double>(actions.cols()) * particles());
    evaluator.evaluate(state, actions, key, returns);
  }
  void evaluate_particles(const State& state, ConstBatchRef<float> actions, const std::uint32_t* ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns) {
    spend(static_cast<double>(actions.cols()) * (last - first));
    evaluator.evaluate_particles(state, actions, ids, key, first, last, returns);
  }
  void spend(double rollouts) {
    ++calls;
    const double extra = calls % 23 == 0 ? 0.5 : 0.1 * static_cast<double>(calls * 7919 % 11) / 10;
    *now += (0.2 + 0.1 * rollouts) * (1 + extra);
  }
  std::int64_t calls = 0;
};

// Moves the clock by a hundredth of a second a step and by one and a half a linearisation.
struct SlowModel : PendulumModel {
  std::shared_ptr<double> now = std::make_shared<double>(100.0);
  explicit SlowModel(const PendulumModel& model) : PendulumModel(model) {}
  template <class... Arguments>
  void step(Arguments&&... arguments) const {
    *now += 0.01;
    PendulumModel::step(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  void linearize(Arguments&&... arguments) const {
    *now += 1.5;
    PendulumModel::linearize(std::forward<Arguments>(arguments)...);
  }
};

}  // namespace mbrl::planning_test
