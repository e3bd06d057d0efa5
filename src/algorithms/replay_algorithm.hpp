// The loop of soft actor-critic, TD3, DDPG and their expansions by a learned model: act in one environment or several,
// remember, learn from what was remembered.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "algorithms/value_bias_of.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/replay_sampler.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/vector_collector.hpp"
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

/// An agent that learns a model of what is experienced, too. Nothing is done unless it is due; false: the observer has
/// stopped the training, which is undone and was followed by a safe point.
template <class A>
concept ModelLearner =
    requires(A& agent, const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer) {
      { agent.fit_model(buffer, steps, round, observer) } -> std::same_as<bool>;
    };

/// An Algorithm over any ReplayAgent; a round is an episode, or the episodes that end in the same step of several
/// environments.
template <ReplayAgent Agent>
class ReplayAlgorithm final : public PolicyOwner, public ValueOwner, public DataOwner {
 public:
  /// make_agent(spec): the agent for the environment's specification. `name` begins its errors.
  template <class F>
  ReplayAlgorithm(std::string name, const ReplaySettings& settings, const AlgorithmContext& context,
                  F&& make_agent)
      : name_(std::move(name)),
        settings_(settings),
        seed_(context.seed),
        envs_(environments(context, settings.environments)),
        buffer_(spec().obs_dim, spec().action_dim(), static_cast<std::size_t>(settings.capacity),
                settings.environments),
        sampler_(settings.priority, buffer_.capacity(), seed_),
        collectors_(envs_, buffer_, seed_, context.pool),
        agent_(make_agent(spec())),
        rows_(static_cast<std::size_t>(settings.batch_size)),
        metrics_(MetricTable::with(WorkClock::columns(columns()))) {}

  bool run(RunObserver& observer) {
    while (collectors_.running() || collectors_.steps() < settings_.steps) {
      if constexpr (ModelLearner<Agent>) {
        const auto span = clock_.time(WorkKind::kModel);
        const int round = static_cast<int>(metrics_.rows()) + 1;
        if (!agent_.fit_model(buffer_, collectors_.steps(), round, observer)) return false;
      }
      const std::int64_t before = collectors_.steps();
      if (before < settings_.steps) collectors_.begin_where_ended([this](int k) { agent_.begin_episode(k); });
      act();
      improve(before, observer);
      observer.on_progress(collectors_.progress(settings_.random_steps, metrics_.rows()));
      const bool round_over = !collectors_.ended().empty();
      if (round_over) finish(observer);
      if (!observer.on_safe_point(round_over)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(agent_.policy()); }
  AnyEnvironment& environment() { return envs_.front(); }
  LearnedPolicy policy() const override { return &agent_.policy(); }
  TerminalValueFunction<float> value() const override { return agent_.value(); }
  double discount() const override { return agent_.discount(); }
  const TransitionBuffer& buffer() const override { return buffer_; }

  void save(StateDict& out, const std::string& prefix) const {
    agent_.save(out, prefix);
    buffer_.save(out, prefix + "buffer.");
    sampler_.save(out, prefix + "sampler.");
    metrics_.save(out, prefix + "metrics");
    clock_.save(out, prefix + "clock");
    collectors_.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    agent_.load(in, prefix);
    buffer_.load(in, prefix + "buffer.");
    sampler_.load(in, prefix + "sampler.");
    metrics_.load(in, prefix + "metrics");
    clock_.load(in, prefix + "clock");
    collectors_.load(in, prefix, name_);
  }

 private:
  static std::vector<MetricColumn> columns() {
    std::vector<MetricColumn> all;
    for (AgentFigure& f : Agent::figure_columns())
      all.push_back({.name = std::move(f.name), .title = std::move(f.title), .decimals = f.decimals});
    all.push_back({.name = "value_bias", .title = "Q - G", .decimals = 1});
    all.push_back({.name = "episode_length", .title = "length", .decimals = 0});
    all.push_back({.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 0});
    return all;
  }

  static std::vector<AnyEnvironment> environments(const AlgorithmContext& context, int count) {
    std::vector<AnyEnvironment> all;
    for (int k = 0; k < std::max(count, 1); ++k) all.push_back(context.make_environment());
    return all;
  }
  const EnvSpec& spec() const { return envs_.front().spec(); }

  void act() {
    const auto span = clock_.time(WorkKind::kCollect);
    const int stored =
        collectors_.step([this](const Collector<AnyEnvironment>& collector, int k, std::int64_t step) {
          return agent_.explore(collector.obs(), step, collector.t(), k);
        });
    for (int i = 0; i < stored; ++i) sampler_.added();
  }

  // For every step beyond the random ones since there were `before`.
  void improve(std::int64_t before, RunObserver& observer) {
    const auto span = clock_.time(WorkKind::kLearn);
    const std::int64_t learned_from = collectors_.steps() - std::max(before, settings_.random_steps);
    for (std::int64_t i = 0; i < learned_from * settings_.updates_per_step; ++i) update(observer);
  }

  void update(RunObserver& observer) {
    require(!buffer_.empty(), name_, ": none of the first ", collectors_.steps(),
            " steps could be kept, the simulation broke down in each: ", collectors_.fault());
    const double progress = static_cast<double>(collectors_.steps()) / static_cast<double>(settings_.steps);
    sampler_.draw(buffer_.size(), static_cast<std::uint32_t>(agent_.updates()), progress, rows_,
                  batch_.weight);
    if (settings_.n_step > 1)
      gather_n_step(buffer_, rows_, settings_.n_step, agent_.discount(), batch_);
    else
      buffer_.gather(std::span<const std::uint32_t>(rows_), batch_);
    if (agent_.learn(batch_)) return sampler_.tell(rows_, agent_.errors());
    observer.on_failure();
    fail(name_, ": ", agent_.trouble());
  }

  void finish(RunObserver& observer) {
    const auto steps = static_cast<double>(collectors_.steps());
    const double counted = metrics_.rows() > 0 ? metrics_.last("step") : 0;
    // All environments have made as many steps when one begins: an episode is the policy's after its share of the random
    // ones.
    const std::int64_t random_share =
        (settings_.random_steps + settings_.environments - 1) / settings_.environments;
    const auto mean = [this](auto&& of) {
      double sum = 0;
      for (const int k : collectors_.ended()) sum += of(collectors_[k]);
      return sum / static_cast<double>(collectors_.ended().size());
    };
    using One = Collector<AnyEnvironment>;
    std::vector<std::pair<std::string_view, double>> row = {
        {"step", steps},
        {"return", mean([](const One& c) { return c.total(); })},
        {"value_bias", mean([&](const One& c) { return value_bias_of(agent_, c, random_share); })},
        {"episode_length", mean([](const One& c) { return static_cast<double>(c.t()); })},
        {"steps_per_s", (steps - counted) / clock_.seconds()}};
    const std::vector<AgentFigure> names = Agent::figure_columns();
    const std::vector<double> figures = agent_.figures();
    for (std::size_t i = 0; i < names.size(); ++i) row.emplace_back(names[i].name, figures[i]);
    clock_.end_round(metrics_, std::move(row));
    observer.on_round(metrics_, {});
  }

  std::string name_;
  ReplaySettings settings_;
  std::uint64_t seed_;
  std::vector<AnyEnvironment> envs_;
  TransitionBuffer buffer_;
  ReplaySampler sampler_;
  VectorCollector collectors_;
  Agent agent_;
  std::vector<std::uint32_t> rows_;
  Transitions batch_;
  WorkClock clock_;
  MetricTable metrics_;
};

}  // namespace mbrl
