// The loop of soft actor-critic, TD3, DDPG and their expansions by a learned model: act, remember, learn from what was
// remembered.
#pragma once

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
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

/// An agent that learns a model of what is experienced, too. Nothing is done unless it is due; false: the observer has
/// stopped the training, which is undone and was followed by a safe point.
template <class A>
concept ModelLearner =
    requires(A& agent, const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer) {
      { agent.fit_model(buffer, steps, round, observer) } -> std::same_as<bool>;
    };

/// An Algorithm over any ReplayAgent; a round is an episode.
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
        env_(context.make_environment()),
        buffer_(env_.spec().obs_dim, env_.spec().action_dim(), static_cast<std::size_t>(settings.capacity)),
        sampler_(settings.priority, buffer_.capacity(), seed_),
        collector_(env_, buffer_, seed_),
        agent_(make_agent(env_.spec())),
        rows_(static_cast<std::size_t>(settings.batch_size)),
        metrics_(MetricTable::with(WorkClock::columns(columns()))) {}

  bool run(RunObserver& observer) {
    while (collector_.running() || collector_.steps() < settings_.steps) {
      if constexpr (ModelLearner<Agent>) {
        const auto span = clock_.time(WorkKind::kModel);
        const int round = static_cast<int>(metrics_.rows()) + 1;
        if (!agent_.fit_model(buffer_, collector_.steps(), round, observer)) return false;
      }
      if (!collector_.running()) begin_episode();
      act();
      const bool running = collector_.running();
      if (collector_.steps() > settings_.random_steps) improve(observer);
      observer.on_progress(collector_.progress(settings_.random_steps, metrics_.rows()));
      if (!running) finish(observer);
      if (!observer.on_safe_point(!running)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(agent_.policy()); }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &agent_.policy(); }
  TerminalValueFunction<float> value() const override { return agent_.value(); }
  double discount() const override { return agent_.discount(); }
  const TransitionBuffer& buffer() const override { return buffer_; }

  void save(StateDict& out, const std::string& prefix) const {
    agent_.save(out, prefix);
    buffer_.save(out, prefix + "buffer.");
    sampler_.save(out, prefix + "sampler.");
    metrics_.save(out, prefix + "metrics");
    const EpisodePosition& at = collector_.position();
    out.put(prefix + "position",
            std::vector<std::int64_t>{collector_.steps(), episodes_, at.running ? 1 : 0, at.t});
    out.put(prefix + "figures", std::vector<double>{at.total});
    clock_.save(out, prefix + "clock");
    collector_.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto position = in.get<std::int64_t>(prefix + "position");
    require_dim("checkpoint of " + name_, "'position'", position.size(), 4);
    const auto figures = in.get<double>(prefix + "figures");
    require_dim("checkpoint of " + name_, "'figures'", figures.size(), 1);
    agent_.load(in, prefix);
    buffer_.load(in, prefix + "buffer.");
    sampler_.load(in, prefix + "sampler.");
    metrics_.load(in, prefix + "metrics");
    episodes_ = position[1];
    clock_.load(in, prefix + "clock");
    collector_.load(in, prefix, position[0],
                    {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
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

  void begin_episode() {
    collector_.begin(static_cast<std::uint32_t>(episodes_));
    agent_.begin_episode();
  }

  void act() {
    const auto span = clock_.time(WorkKind::kCollect);
    if (collector_.step(agent_.explore(collector_.obs(), collector_.steps(), collector_.t())))
      sampler_.added();
  }

  void improve(RunObserver& observer) {
    const auto span = clock_.time(WorkKind::kLearn);
    for (int i = 0; i < settings_.updates_per_step; ++i) update(observer);
  }

  void update(RunObserver& observer) {
    require(!buffer_.empty(), name_, ": none of the first ", collector_.steps(),
            " steps could be kept, the simulation broke down in each: ", collector_.fault());
    const double progress = static_cast<double>(collector_.steps()) / static_cast<double>(settings_.steps);
    sampler_.draw(buffer_.size(), static_cast<std::uint32_t>(agent_.updates()), progress, rows_,
                  batch_.weight);
    if (settings_.n_step > 1)
      gather_n_step(buffer_, rows_, settings_.n_step, agent_.discount(), batch_);
    else
      buffer_.gather(std::span<const std::uint32_t>(rows_), batch_);
    if (agent_.learn(batch_)) return sampler_.tell(rows_, agent_.errors());
    observer.on_safe_point(false);
    fail(name_, ": ", agent_.trouble());
  }

  void finish(RunObserver& observer) {
    ++episodes_;
    std::vector<std::pair<std::string_view, double>> row = {
        {"step", static_cast<double>(collector_.steps())},
        {"return", collector_.total()},
        {"value_bias", value_bias_of(agent_, collector_, settings_.random_steps)},
        {"episode_length", static_cast<double>(collector_.t())},
        {"steps_per_s", collector_.t() / clock_.seconds()}};
    const std::vector<AgentFigure> names = Agent::figure_columns();
    const std::vector<double> figures = agent_.figures();
    for (std::size_t i = 0; i < names.size(); ++i) row.emplace_back(names[i].name, figures[i]);
    clock_.end_round(metrics_, std::move(row));
    observer.on_round(metrics_, {});
  }

  std::string name_;
  ReplaySettings settings_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  TransitionBuffer buffer_;
  ReplaySampler sampler_;
  Collector<AnyEnvironment> collector_;
  Agent agent_;
  std::vector<std::uint32_t> rows_;
  Transitions batch_;
  std::int64_t episodes_ = 0;  // finished
  WorkClock clock_;
  MetricTable metrics_;
};

}  // namespace mbrl
