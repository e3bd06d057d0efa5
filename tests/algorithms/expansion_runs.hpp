// What the tests of agents with expanded targets share.
#pragma once

#include <cstddef>
#include <string>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/algorithms/imagined/value_expansion.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/run/collector.hpp"

namespace mbrl::testing {

template <class Settings>
Settings small_expansion(int horizon) {
  Settings s;
  s.steps = 400;
  s.random_steps = 60;
  s.updates_per_step = 1;
  s.batch_size = 16;
  s.train_every = 50;
  s.horizon = horizon;
  s.model.hidden = {16};
  s.training.epochs = 3;
  s.training.batch_size = 16;
  s.td3.policy.hidden = s.td3.critic.hidden = {16};
  return s;
}

// Random steps on the pendulum.
inline TransitionBuffer pendulum_data(int rows) {
  Pendulum env;
  TransitionBuffer data(3, 1, static_cast<std::size_t>(rows));
  Collector<Pendulum> collector(env, data, 3);
  for (std::uint32_t i = 0; static_cast<int>(i) < rows; ++i) {
    if (!collector.running()) collector.begin(i);
    collector.random_step(0, i);
  }
  return data;
}

// An agent on the pendulum whose model has learned the data.
template <class Agent, class Settings>
Agent fitted(const Settings& settings, const TransitionBuffer& data, ThreadPool& pool) {
  Agent agent(Pendulum().spec(), settings, 1, pool);
  RunObserver silent;
  REQUIRE(agent.fit_model(data, settings.random_steps, 1, silent));
  return agent;
}

// Counts trainings, and stops after an epoch of the one given; never for 0.
struct TrainingStopper : RunObserver {
  explicit TrainingStopper(int at) : stop_at(at) {}
  void on_progress(const RunProgress& p) override {
    training = p.phase == RunPhase::kTraining;
    if (training && p.done == 1) ++trainings;
  }
  bool stop_requested() override { return training && stop_at > 0 && trainings == stop_at; }
  int stop_at, trainings = 0;
  bool training = false;
};

inline std::string figures_of(const MetricTable& table) {
  std::string text;
  for (std::size_t r = 0; r < table.rows(); ++r)
    for (std::size_t c = 0; c < table.columns().size(); ++c)
      if (!table.columns()[c].wall_clock) text += std::to_string(table.row(r)[c]) + " ";
  return text;
}

}  // namespace mbrl::testing
