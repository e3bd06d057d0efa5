#include "mbrl/algorithms/model_free/cql_algorithm.hpp"

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/replay_sampler.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/sac_agent.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/work_clock.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

void CqlConfiguration::validate(const EnvSpec& spec) const {
  OfflineSettings::validate("cql", spec);
  sac.validate();
}

namespace {

/// A round is updates_per_round updates and an episode of the policy's mode.
class Cql final : public PolicyOwner {
 public:
  Cql(const CqlConfiguration& c, const AlgorithmContext& context)
      : c_(c),
        seed_(context.seed),
        env_(context.make_environment()),
        data_("cql", c.data, env_.spec()),
        sampler_({}, data_.transitions().size(), context.seed),
        sac_(env_.spec().obs_dim, action_bounds(env_.spec()), c.sac, context.seed, context.pool),
        rows_(static_cast<std::size_t>(c.batch_size)),
        metrics_(MetricTable::with(
            WorkClock::columns({{.name = "critic_loss", .title = "critics", .decimals = 3},
                                {.name = "value", .title = "Q"},
                                {.name = "penalty", .title = "penalty", .decimals = 2},
                                {.name = "entropy", .title = "entropy", .decimals = 2},
                                {.name = "temperature", .title = "temp.", .decimals = 3},
                                {.name = "episode_length", .title = "length", .decimals = 0},
                                {.name = "updates_per_s", .wall_clock = true, .decimals = 0}}))) {}

  bool run(RunObserver& observer) {
    while (sac_.updates() < c_.updates) {
      update(observer);
      const bool over = c_.round_over(sac_.updates());
      if (over) finish(observer);
      if (!observer.on_safe_point(over)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(sac_.policy()); }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &sac_.policy(); }

  void save(StateDict& out, const std::string& prefix) const {
    sac_.save(out, prefix + "sac.");
    means_.save(out, prefix + "means");
    metrics_.save(out, prefix + "metrics");
    clock_.save(out, prefix + "clock");
    data_.save(out, prefix + "data");
  }
  void load(const StateDict& in, const std::string& prefix) {
    data_.check(in, prefix + "data");
    sac_.load(in, prefix + "sac.");
    means_.load(in, prefix + "means");
    metrics_.load(in, prefix + "metrics");
    clock_.load(in, prefix + "clock");
  }

 private:
  void update(RunObserver& observer) {
    const auto span = clock_.time(WorkKind::kLearn);
    const TransitionBuffer& data = data_.transitions();
    sampler_.draw(data.size(), static_cast<std::uint32_t>(sac_.updates()), 0, rows_, batch_.weight);
    data.gather(std::span<const std::uint32_t>(rows_), batch_);
    const SacReport report = sac_.update(batch_);
    if (!report.finite()) {
      observer.on_failure();
      fail("cql: update ", sac_.updates(), " gave a number that is not finite (critics' loss ",
           report.critic_loss, ", penalty ", report.penalty, ", policy's loss ", report.policy_loss,
           "); a smaller sac.adam.learning_rate or sac.conservatism, or rewards of order 1, may help");
    }
    means_.add({report.critic_loss, report.value, report.penalty, report.entropy});
    observer.on_progress({.phase = RunPhase::kTraining,
                          .round = static_cast<int>(metrics_.rows()) + 1,
                          .done = c_.in_round(sac_.updates()),
                          .total = c_.updates_per_round,
                          .value = report.critic_loss,
                          .steps = sac_.updates()});
  }

  void finish(RunObserver& observer) {
    const std::uint32_t round = static_cast<std::uint32_t>(metrics_.rows());
    const std::int64_t done = sac_.updates() - static_cast<std::int64_t>(round) * c_.updates_per_round;
    const EpisodeResult episode = show_policy(env_, sac_.policy(), seed_, round);
    const std::vector<double> means = means_.values();
    clock_.end_round(metrics_, {{"step", static_cast<double>(sac_.updates())},
                                {"return", episode.total},
                                {"critic_loss", means[0]},
                                {"value", means[1]},
                                {"penalty", means[2]},
                                {"entropy", means[3]},
                                {"temperature", sac_.temperature()},
                                {"episode_length", static_cast<double>(episode.steps)},
                                {"updates_per_s", static_cast<double>(done) / clock_.seconds()}});
    means_.clear();
    observer.on_round(metrics_, {});
  }

  CqlConfiguration c_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  OfflineData data_;
  ReplaySampler sampler_;
  Sac sac_;
  std::vector<std::uint32_t> rows_;
  Transitions batch_;
  UpdateMeans means_{4};
  WorkClock clock_;
  MetricTable metrics_;
};

CqlConfiguration quick_cql(const EnvSpec&) {
  CqlConfiguration c;
  c.updates = 5000;
  c.batch_size = 128;
  c.sac.policy.hidden = c.sac.critic.hidden = {64, 64};
  c.sac.adam.learning_rate = 1e-3;
  c.sac.penalty_actions = 4;
  c.sac.conservatism = 1;  // 5 is for data of a few ways to act; that of a small task is broad
  return c;
}

}  // namespace

void register_cql(AlgorithmRegistry& registry) {
  AlgorithmDescription<CqlConfiguration> cql;
  cql.name = "cql";
  cql.summary =
      "Conservative Q-learning (Kumar et al. 2020): a policy from a data set, without trying anything.";
  cql.details =
      "  mbrl train sac --env Pendulum-v1 --preset quick --out runs/sac\n"
      "  mbrl dataset runs/sac --out pendulum.safetensors\n"
      "  mbrl train cql --env Pendulum-v1 --preset quick --set data=pendulum.safetensors --out runs/cql\n"
      "Steps are gradient steps. The episode at the end of a round shows the policy and is not learned from.";
  cql.steps_key = "updates";
  cql.presets.push_back({"quick", "small networks and 5,000 updates, for a first look", quick_cql});
  cql.check = [](const CqlConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  cql.make = [](const CqlConfiguration& c, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Cql>(c, context));
  };
  cql.load_actor = [](const CqlConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                      const std::string& prefix) {
    return SacAgent::load_actor(context.make_environment().spec(), c.sac, context.seed, in, prefix);
  };
  registry.add(std::move(cql));
}

}  // namespace mbrl
