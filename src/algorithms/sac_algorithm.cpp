#include "mbrl/algorithms/sac_algorithm.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/algorithms/environment_bounds.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/policy/policy_actor.hpp"
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

// What there is to say of the updates of an episode: means.
struct UpdateMeans {
  double critic_loss = 0, value = 0, entropy = 0, count = 0;
  void add(const SacReport& r) {
    critic_loss += r.critic_loss;
    value += r.value;
    entropy += r.entropy;
    count += 1;
  }
  double mean(double sum) const { return count > 0 ? sum / count : MetricTable::kNone; }
};

class SacAlgorithm {
 public:
  SacAlgorithm(const SacConfiguration& settings, const AlgorithmContext& context)
      : settings_(settings),
        seed_(context.seed),
        env_(context.make_environment()),
        buffer_(env_.spec().obs_dim, env_.spec().action_dim(), static_cast<std::size_t>(settings.capacity)),
        collector_(env_, buffer_, seed_),
        sac_(env_.spec().obs_dim, action_bounds(env_.spec()), settings.sac, context.seed, context.pool),
        rows_(static_cast<std::size_t>(settings.batch_size)) {
    settings.validate(env_.spec());
    float_obs_.resize(env_.spec().obs_dim, 1);
    float_action_.resize(env_.spec().action_dim(), 1);
  }

  bool run(RunObserver& observer) {
    while (collector_.running() || collector_.steps() < settings_.steps) {
      if (!collector_.running()) begin_episode();
      const auto start = Clock::now();
      collector_.step(choose());
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
  AnyActor actor() const { return AnyActor(PolicyActor<MlpPolicy>(sac_.policy(), ActMode::kMode)); }
  AnyEnvironment& environment() { return env_; }

  void save(StateDict& out, const std::string& prefix) const {
    sac_.save(out, prefix + "sac.");
    buffer_.save(out, prefix + "buffer.");
    metrics_.save(out, prefix + "metrics");
    const EpisodePosition& at = collector_.position();
    out.put(prefix + "position",
            std::vector<std::int64_t>{collector_.steps(), episodes_, at.running ? 1 : 0, at.t});
    out.put(prefix + "figures", std::vector<double>{at.total, seconds_, means_.critic_loss, means_.value,
                                                    means_.entropy, means_.count});
    collector_.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto position = in.get<std::int64_t>(prefix + "position");
    require_dim("checkpoint of sac", "'position'", position.size(), 4);
    const auto figures = in.get<double>(prefix + "figures");
    require_dim("checkpoint of sac", "'figures'", figures.size(), 6);
    sac_.load(in, prefix + "sac.");
    buffer_.load(in, prefix + "buffer.");
    metrics_.load(in, prefix + "metrics");
    episodes_ = position[1];
    seconds_ = figures[1];
    means_ = {figures[2], figures[3], figures[4], figures[5]};
    collector_.load(in, prefix, position[0],
                    {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
  }

 private:
  void begin_episode() {
    collector_.begin(static_cast<std::uint32_t>(episodes_));
    seconds_ = 0;
    means_ = {};
  }

  Vecd choose() {
    const auto step = static_cast<std::uint32_t>(collector_.steps());
    if (collector_.steps() < settings_.random_steps) {
      const RandomStream random(seed_, Stream::kRandomAction);
      return env_.spec().random_action(
          [&](double low, double high, std::uint32_t i) { return random.uniform(low, high, step, i); });
    }
    float_obs_.col(0) = collector_.obs().cast<float>();
    Batchf memory(0, 1);
    sac_.policy().act(float_obs_, memory, {RandomStream(seed_, Stream::kPolicy).key(), step, {}},
                      float_action_, acting_);
    return float_action_.col(0).cast<double>();
  }

  void update(RunObserver& observer) {
    const RandomStream random(seed_, Stream::kReplay);
    const auto number = static_cast<std::uint32_t>(sac_.updates());
    for (std::size_t i = 0; i < rows_.size(); ++i)
      rows_[i] =
          static_cast<std::uint32_t>(random.below(buffer_.size(), number, static_cast<std::uint32_t>(i)));
    buffer_.gather(std::span<const std::uint32_t>(rows_), batch_);
    const SacReport report = sac_.update(batch_);
    if (!report.finite()) {
      observer.on_safe_point(false);
      fail("sac: update ", sac_.updates(),
           " gave a loss, an entropy or a temperature that is not finite (critics' loss ", report.critic_loss,
           ", policy's ", report.policy_loss, ", entropy ", report.entropy, ", temperature ",
           report.temperature, "); a smaller sac.adam.learning_rate, or rewards of order 1, may help");
    }
    means_.add(report);
  }

  void finish(RunObserver& observer) {
    ++episodes_;
    metrics_.add({{"step", static_cast<double>(collector_.steps())},
                  {"return", collector_.total()},
                  {"critic_loss", means_.mean(means_.critic_loss)},
                  {"value", means_.mean(means_.value)},
                  {"entropy", means_.mean(means_.entropy)},
                  {"temperature", sac_.temperature()},
                  {"episode_length", static_cast<double>(collector_.t())},
                  {"steps_per_s", collector_.t() / seconds_}});
    observer.on_round(metrics_, {});
  }

  SacConfiguration settings_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  TransitionBuffer buffer_;
  Collector<AnyEnvironment> collector_;
  Sac sac_;
  MlpPolicy::Workspace acting_;
  std::vector<std::uint32_t> rows_;
  Transitions batch_;
  Batchf float_obs_, float_action_;
  std::int64_t episodes_ = 0;  // finished
  double seconds_ = 0;         // of the episode
  UpdateMeans means_;
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
    const EnvSpec spec = context.make_environment().spec();
    MlpPolicySettings settings;
    settings.network = c.sac.policy;
    MlpPolicy policy(spec.obs_dim, action_bounds(spec), settings, context.seed);
    policy.load(in, prefix + "sac.policy.");
    return AnyActor(PolicyActor<MlpPolicy>(policy, ActMode::kMode));
  };
  registry.add(std::move(sac));
}

}  // namespace mbrl
