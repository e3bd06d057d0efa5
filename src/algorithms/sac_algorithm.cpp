#include "mbrl/algorithms/sac_algorithm.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/learning/sac_agent.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

void SacConfiguration::validate(const EnvSpec& spec) const {
  require(steps >= 1, "sac: steps is ", steps, ", expected at least 1");
  require(random_steps >= 1, "sac: random_steps is ", random_steps, ", expected at least 1");
  require(updates_per_step >= 0, "sac: updates_per_step is ", updates_per_step, ", expected at least 0");
  require(batch_size >= 1, "sac: batch_size is ", batch_size, ", expected at least 1");
  require(capacity >= 1, "sac: capacity is ", capacity, ", expected at least 1");
  require(spec.choices == 0, "sac: ", spec.name, " has ", spec.choices, " choices, expected real actions");
  require(spec.max_steps > 0, "sac: ", spec.name, " has no time limit; wrap it in TimeLimit");
  sac.validate();
}

namespace {

using Clock = std::chrono::steady_clock;

class SacAlgorithm {
 public:
  SacAlgorithm(const SacConfiguration& settings, const AlgorithmContext& context)
      : settings_(settings),
        seed_(context.seed),
        env_(context.make_environment()),
        buffer_(env_.spec().obs_dim, env_.spec().action_dim(), static_cast<std::size_t>(settings.capacity)),
        collector_(env_, buffer_, seed_),
        agent_(env_.spec(), settings.sac, settings.random_steps, context.seed, context.pool),
        rows_(static_cast<std::size_t>(settings.batch_size)) {
    settings.validate(env_.spec());
  }

  bool run(RunObserver& observer) {
    while (collector_.running() || collector_.steps() < settings_.steps) {
      if (!collector_.running()) begin_episode();
      const auto start = Clock::now();
      collector_.step(agent_.explore(collector_.obs(), collector_.steps()));
      const bool random = collector_.steps() <= settings_.random_steps, running = collector_.running();
      for (int i = 0; !random && i < settings_.updates_per_step; ++i) update(observer);
      seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
      observer.on_progress({.phase = random ? RunPhase::kRandom : RunPhase::kActing,
                            .round = static_cast<int>(metrics_.rows()) + (running ? 1 : 0),
                            .done = collector_.t(),
                            .total = collector_.limit(),
                            .value = collector_.total(),
                            .steps = collector_.steps(),
                            .fault = collector_.fault()});
      if (!running) finish(observer);
      if (!observer.on_safe_point(!running)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return agent_.actor(); }
  AnyEnvironment& environment() { return env_; }

  void save(StateDict& out, const std::string& prefix) const {
    agent_.save(out, prefix);
    buffer_.save(out, prefix + "buffer.");
    metrics_.save(out, prefix + "metrics");
    const EpisodePosition& at = collector_.position();
    out.put(prefix + "position",
            std::vector<std::int64_t>{collector_.steps(), episodes_, at.running ? 1 : 0, at.t});
    out.put(prefix + "figures", std::vector<double>{at.total, seconds_});
    collector_.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto position = in.get<std::int64_t>(prefix + "position");
    require_dim("checkpoint of sac", "'position'", position.size(), 4);
    const auto figures = in.get<double>(prefix + "figures");
    require_dim("checkpoint of sac", "'figures'", figures.size(), 2);
    agent_.load(in, prefix);
    buffer_.load(in, prefix + "buffer.");
    metrics_.load(in, prefix + "metrics");
    episodes_ = position[1];
    seconds_ = figures[1];
    collector_.load(in, prefix, position[0],
                    {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
  }

 private:
  void begin_episode() {
    collector_.begin(static_cast<std::uint32_t>(episodes_));
    seconds_ = 0;
    agent_.clear_means();
  }

  void update(RunObserver& observer) {
    const RandomStream random(seed_, Stream::kReplay);
    const auto number = static_cast<std::uint32_t>(agent_.sac().updates());
    for (std::size_t i = 0; i < rows_.size(); ++i)
      rows_[i] =
          static_cast<std::uint32_t>(random.below(buffer_.size(), number, static_cast<std::uint32_t>(i)));
    buffer_.gather(std::span<const std::uint32_t>(rows_), batch_);
    if (agent_.learn(batch_)) return;
    observer.on_safe_point(false);
    fail("sac: ", agent_.trouble());
  }

  void finish(RunObserver& observer) {
    ++episodes_;
    const SacMeans means = agent_.means();
    metrics_.add({{"step", static_cast<double>(collector_.steps())},
                  {"return", collector_.total()},
                  {"critic_loss", means.critic_loss},
                  {"value", means.value},
                  {"entropy", means.entropy},
                  {"temperature", agent_.sac().temperature()},
                  {"episode_length", static_cast<double>(collector_.t())},
                  {"steps_per_s", collector_.t() / seconds_}});
    observer.on_round(metrics_, {});
  }

  SacConfiguration settings_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  TransitionBuffer buffer_;
  Collector<AnyEnvironment> collector_;
  SacAgent agent_;
  std::vector<std::uint32_t> rows_;
  Transitions batch_;
  std::int64_t episodes_ = 0;  // finished
  double seconds_ = 0;         // of the episode
  MetricTable metrics_ =
      MetricTable::with({{.name = "critic_loss", .title = "critics", .decimals = 3},
                         {.name = "value", .title = "Q"},
                         {.name = "entropy", .title = "entropy", .decimals = 2},
                         {.name = "temperature", .title = "temp.", .decimals = 3},
                         {.name = "episode_length", .title = "length", .decimals = 0},
                         {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 0}});
};

SacConfiguration quick_sac(const EnvSpec&) {
  SacConfiguration c;
  c.steps = 10'000;
  c.batch_size = 128;
  c.sac.policy.hidden = c.sac.critic.hidden = {64, 64};
  c.sac.adam.learning_rate = 1e-3;
  return c;
}

}  // namespace

void register_sac(AlgorithmRegistry& registry) {
  AlgorithmDescription<SacConfiguration> sac;
  sac.name = "sac";
  sac.summary =
      "Soft actor-critic (Haarnoja et al. 2018): a stochastic policy from replayed transitions, without a "
      "model.";
  sac.details =
      "  mbrl train sac --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train sac --env HalfCheetah-v5 --steps 100000 --eval-every 10000 --out runs/cheetah";
  sac.steps_key = "steps";
  sac.presets.push_back({"quick", "small networks and 10,000 steps, for a first look", quick_sac});
  sac.check = [](const SacConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  sac.make = [](const SacConfiguration& c, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<SacAlgorithm>(c, context));
  };
  sac.load_actor = [](const SacConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                      const std::string& prefix) {
    return SacAgent::load_actor(context.make_environment().spec(), c.sac, context.seed, in, prefix);
  };
  registry.add(std::move(sac));
}

}  // namespace mbrl
