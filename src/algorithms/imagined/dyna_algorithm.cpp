#include "mbrl/algorithms/imagined/dyna_algorithm.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/algorithms/algorithm.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

void DynaConfiguration::validate(const EnvSpec& spec) const {
  require(steps >= 1, "dyna: steps is ", steps, ", expected at least 1");
  dyna.validate();
  require(spec.choices > 0, "dyna: ", spec.name,
          "'s actions are real numbers, expected choices, as DynaMaze has them; for real numbers 'mbpo' with "
          "horizon.last=1 is the same idea");
  require(spec.action_dim() == 1, "dyna: ", spec.name, " asks for ", spec.action_dim(),
          " choices a step, expected 1");
  require(spec.max_steps > 0, "dyna: ", spec.name, " has no time limit; wrap it in TimeLimit");
}

namespace {

// Takes the table's best choice.
struct TableActor {
  DynaQ table;
  void begin(std::uint64_t /*seed*/) {}
  Vecd act(ConstVecRef<double> obs, int /*t*/) const { return Vecd::Constant(1, table.best(obs)); }
};

// A round is an episode.
class Dyna final : public DataOwner {
 public:
  Dyna(const DynaConfiguration& settings, const AlgorithmContext& context)
      : settings_(settings),
        env_(context.make_environment()),
        buffer_(env_.spec().obs_dim, env_.spec().action_dim(),
                static_cast<std::size_t>(settings.steps + env_.spec().max_steps)),
        collector_(env_, buffer_, context.seed),
        table_(env_.spec().obs_dim, env_.spec().choices, settings.dyna, context.seed),
        metrics_(MetricTable::with(WorkClock::columns(
            {{.name = "episode_length", .title = "length", .decimals = 0},
             {.name = "states", .title = "states", .decimals = 0},
             {.name = "tried", .title = "tried", .decimals = 0},
             {.name = "value", .title = "V(start)", .decimals = 3},
             {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 0}}))) {}

  bool run(RunObserver& observer) {
    while (collector_.running() || collector_.steps() < settings_.steps) {
      if (!collector_.running()) start_ = collector_.begin(static_cast<std::uint32_t>(metrics_.rows()));
      const Vecd obs = collector_.obs();
      const int choice = table_.explore(obs, collector_.steps());
      if (act(choice)) learn(obs, choice);
      observer.on_progress(collector_.progress(0, metrics_.rows()));
      if (!collector_.running()) finish(observer);
      if (!observer.on_safe_point(!collector_.running())) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return AnyActor(TableActor{table_}); }
  AnyEnvironment& environment() { return env_; }
  const TransitionBuffer& buffer() const override { return buffer_; }

  void save(StateDict& out, const std::string& prefix) const {
    table_.save(out, prefix + "table.");
    buffer_.save(out, prefix + "buffer.");
    metrics_.save(out, prefix + "metrics");
    clock_.save(out, prefix + "clock");
    collector_.save(out, prefix);
    const EpisodePosition& at = collector_.position();
    out.put(prefix + "position", std::vector<std::int64_t>{collector_.steps(), at.running ? 1 : 0, at.t});
    out.put(prefix + "figures", std::vector<double>{at.total});
    out.put(prefix + "start", std::vector<double>(start_.data(), start_.data() + start_.size()));
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto position = in.get<std::int64_t>(prefix + "position");
    require_dim("checkpoint of dyna", "'position'", position.size(), 3);
    const auto figures = in.get<double>(prefix + "figures");
    require_dim("checkpoint of dyna", "'figures'", figures.size(), 1);
    const auto start = in.get<double>(prefix + "start");
    table_.load(in, prefix + "table.");
    buffer_.load(in, prefix + "buffer.");
    metrics_.load(in, prefix + "metrics");
    clock_.load(in, prefix + "clock");
    start_ = Eigen::Map<const Vecd>(start.data(), static_cast<Index>(start.size()));
    collector_.load(in, prefix, position[0],
                    {.t = static_cast<int>(position[2]), .total = figures[0], .running = position[1] != 0});
  }

 private:
  bool act(int choice) {
    const auto span = clock_.time(WorkKind::kCollect);
    return collector_.step(Vecd::Constant(1, choice));
  }

  // From the step just made, and from those that the table remembers.
  void learn(const Vecd& obs, int choice) {
    const auto span = clock_.time(WorkKind::kLearn);
    table_.learn(obs, choice, collector_.reward(), collector_.obs(), collector_.position().terminated);
  }

  void finish(RunObserver& observer) {
    clock_.end_round(metrics_, {{"step", static_cast<double>(collector_.steps())},
                                {"return", collector_.total()},
                                {"episode_length", static_cast<double>(collector_.t())},
                                {"states", static_cast<double>(table_.states())},
                                {"tried", static_cast<double>(table_.tried())},
                                {"value", table_.values(start_).maxCoeff()},
                                {"steps_per_s", collector_.t() / clock_.seconds()}});
    observer.on_round(metrics_, {});
  }

  DynaConfiguration settings_;
  AnyEnvironment env_;
  TransitionBuffer buffer_;
  Collector<AnyEnvironment> collector_;
  DynaQ table_;
  MetricTable metrics_;
  Vecd start_;  // of the episode
  WorkClock clock_;
};

}  // namespace

void register_dyna(AlgorithmRegistry& registry) {
  AlgorithmDescription<DynaConfiguration> dyna;
  dyna.name = "dyna";
  dyna.summary =
      "Tabular Dyna-Q (Sutton 1990): Q-learning from experience and from a model that remembers it.";
  dyna.details =
      "  mbrl train dyna --env DynaMaze --out runs/maze\n"
      "  mbrl train dyna --env DynaMaze --set dyna.planning_steps=0 --out runs/q_learning";
  dyna.environment = "DynaMaze";
  dyna.steps_key = "steps";
  dyna.check = [](const DynaConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  dyna.make = [](const DynaConfiguration& c, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Dyna>(c, context));
  };
  dyna.load_actor = [](const DynaConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                       const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    DynaQ table(spec.obs_dim, spec.choices, c.dyna, context.seed);
    table.load(in, prefix + "table.");
    return AnyActor(TableActor{std::move(table)});
  };
  registry.add(std::move(dyna));
}

}  // namespace mbrl
