#include "mbrl/algorithms/imagined/slbo.hpp"

#include <cmath>
#include <memory>
#include <string>

#include "algorithms/fit_model.hpp"
#include "algorithms/stopwatch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/learning/replay_agent.hpp"

namespace mbrl {

void SlboSettings::validate(const EnvSpec& spec) const {
  require(steps >= 1, "slbo: steps is ", steps, ", expected at least 1");
  require(collect >= 1, "slbo: collect is ", collect, ", expected at least 1");
  require(iterations >= 1, "slbo: iterations is ", iterations, ", expected at least 1");
  require(policy_updates >= 1, "slbo: policy_updates is ", policy_updates, ", expected at least 1");
  require(rollouts >= 1, "slbo: rollouts is ", rollouts, ", expected at least 1");
  require(std::isfinite(entropy) && entropy >= 0, "slbo: entropy is ", entropy, ", expected 0 or more");
  require(entropy_stages >= 0, "slbo: entropy_stages is ", entropy_stages, ", expected 0 or more");
  require(imagination.horizon >= 1, "slbo: imagination.horizon is ", imagination.horizon,
          ", expected at least 1");
  require(!model.gaussian, "slbo: model.gaussian is true, expected false: its loss is one of means");
  require_real_actions("slbo", spec);
  require_time_limit("slbo", spec);
  exploration.validate();
  training.validate();
  trpo.validate();
}

Slbo::Slbo(const SlboSettings& settings, const AlgorithmContext& context)
    : settings_(settings),
      env_(context.make_environment()),
      buffer_(env_.spec().obs_dim, env_.spec().action_dim(),
              static_cast<std::size_t>(settings.steps + env_.spec().max_steps)),
      collector_(env_, buffer_, context.seed),
      explorer_(env_.spec(), settings.exploration, 0, context.seed),
      model_(MlpEnsemble::create(ensemble_settings(settings.model, env_.spec()), env_.spec().encoding,
                                 env_.spec().action_dim(), context.seed)),
      trainer_(model_, settings.training, context.pool, context.seed),
      imagined_(model_, env_.spec(), settings.imagination, settings.normalise_reward, context.pool,
                context.seed),
      trpo_(env_.spec().obs_dim, action_bounds(env_.spec()), settings.trpo, context.seed, context.pool),
      metrics_(MetricTable::with(
          {{.name = "imagined_return", .title = "imagined"},
           {.name = "gap", .title = "imagined - real"},
           {.name = "kl", .decimals = 4},
           {.name = "entropy", .decimals = 2},
           {.name = "model_loss", .title = "model", .decimals = 4},
           {.name = "episodes", .decimals = 0},
           {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}})) {
  settings.validate(env_.spec());
}

void Slbo::collect(RunObserver& observer) {
  const Stopwatch watch;
  if (!collector_.running()) {
    collector_.begin(static_cast<std::uint32_t>(episodes_++));
    explorer_.begin_episode();
  }
  collector_.step(explorer_.act(trpo_.policy(), collector_.obs(), collector_.steps(), collector_.t()));
  ++collected_;
  seconds_ += watch.seconds();
  observer.on_progress(collector_.progress(0, metrics_.rows()));
  if (collector_.running()) return;
  real_total_ += collector_.total();
  ++real_episodes_;
  if (collected_ < settings_.collect && collector_.steps() < settings_.steps) return;
  imagined_.find_starts(buffer_);
  phase_ = kFitting;
}

void Slbo::fit_model(RunObserver& observer) {
  const Stopwatch watch;
  model_loss_ = mean_loss(trainer_.train(buffer_, model_));
  imagined_.set_model(model_);
  phase_ = kImproving;
  seconds_ += watch.seconds();
  observer.on_progress({.phase = RunPhase::kTraining,
                        .round = stage_ + 1,
                        .done = iteration_,
                        .total = settings_.iterations,
                        .value = model_loss_,
                        .steps = collector_.steps()});
}

void Slbo::improve(RunObserver& observer) {
  const Stopwatch watch;
  const OnPolicyBatch& batch =
      imagined_.make("slbo", trpo_, buffer_, settings_.rollouts, static_cast<std::uint32_t>(trpo_.updates()));
  const TrpoReport report = trpo_.update(batch, stage_ < settings_.entropy_stages ? settings_.entropy : 0.0);
  if (!report.finite()) {
    observer.on_safe_point(false);
    fail("slbo: ", trpo_.trouble(report));
  }
  kl_ = report.kl;
  policy_entropy_ = report.entropy;
  imagined_return_ = imagined_.mean_return();
  seconds_ += watch.seconds();
  observer.on_progress({.phase = RunPhase::kTraining,
                        .round = stage_ + 1,
                        .done = iteration_,
                        .total = settings_.iterations,
                        .value = report.value_loss,
                        .steps = collector_.steps()});
  if (++updates_ < settings_.policy_updates) return;
  updates_ = 0;
  phase_ = kFitting;
  if (++iteration_ == settings_.iterations) finish(observer);
}

void Slbo::finish(RunObserver& observer) {
  const double real = real_total_ / real_episodes_;
  metrics_.add({{"step", static_cast<double>(collector_.steps())},
                {"return", real},
                {"imagined_return", imagined_return_},
                {"gap", imagined_return_ - real},
                {"kl", kl_},
                {"entropy", policy_entropy_},
                {"model_loss", model_loss_},
                {"episodes", static_cast<double>(real_episodes_)},
                {"steps_per_s", static_cast<double>(collected_) / seconds_}});
  ++stage_;
  collected_ = iteration_ = real_episodes_ = 0;
  real_total_ = seconds_ = 0;
  phase_ = kCollecting;
  new_row_ = true;
  observer.on_round(metrics_, {});
}

void Slbo::save(StateDict& out, const std::string& prefix) const {
  trpo_.save(out, prefix + "trpo.");
  buffer_.save(out, prefix + "buffer.");
  explorer_.save(out, prefix);
  model_.save(out, prefix + "model.");
  trainer_.save(out, prefix + "trainer.");
  imagined_.save(out, prefix + "return_statistics.");
  metrics_.save(out, prefix + "metrics");
  collector_.save(out, prefix);
  const EpisodePosition& at = collector_.position();
  out.put(prefix + "position",
          std::vector<std::int64_t>{collector_.steps(), episodes_, at.running ? 1 : 0, at.t, stage_, phase_,
                                    collected_, real_episodes_, iteration_, updates_});
  out.put(prefix + "figures", std::vector<double>{at.total, seconds_, real_total_, model_loss_, kl_,
                                                  imagined_return_, policy_entropy_});
}

void Slbo::load(const StateDict& in, const std::string& prefix) {
  const auto position = in.get<std::int64_t>(prefix + "position");
  require_dim("checkpoint of slbo", "'position'", position.size(), 10);
  const auto figures = in.get<double>(prefix + "figures");
  require_dim("checkpoint of slbo", "'figures'", figures.size(), 7);
  trpo_.load(in, prefix + "trpo.");
  buffer_.load(in, prefix + "buffer.");
  explorer_.load(in, prefix);
  model_.load(in, prefix + "model.");
  trainer_.load(in, prefix + "trainer.");
  imagined_.load(in, prefix + "return_statistics.");
  metrics_.load(in, prefix + "metrics");
  collector_.load(in, prefix, position[0],
                  {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
  episodes_ = position[1];
  stage_ = static_cast<int>(position[4]);
  phase_ = static_cast<int>(position[5]);
  collected_ = position[6];
  real_episodes_ = static_cast<int>(position[7]);
  iteration_ = static_cast<int>(position[8]);
  updates_ = static_cast<int>(position[9]);
  seconds_ = figures[1];
  real_total_ = figures[2];
  model_loss_ = figures[3];
  kl_ = figures[4];
  imagined_return_ = figures[5];
  policy_entropy_ = figures[6];
  imagined_.set_model(model_);
  imagined_.find_starts(buffer_);
}

namespace {

SlboSettings quick_slbo(const EnvSpec&) {
  SlboSettings s;
  s.steps = 8000;
  s.collect = 1000;
  s.iterations = 5;
  s.policy_updates = 6;
  s.rollouts = 50;
  s.imagination.horizon = 200;
  s.model.hidden = {64, 64};
  s.training.updates = 400;
  s.training.batch_size = 64;
  s.trpo.discount = 0.95;
  return s;
}

}  // namespace

void register_slbo(AlgorithmRegistry& registry) {
  AlgorithmDescription<SlboSettings> d;
  d.name = "slbo";
  d.summary =
      "SLBO (Luo et al. 2019): updates of the policy in a model and of the model, in turns; the model learns "
      "by its error "
      "two steps ahead.";
  d.details =
      "  mbrl train slbo --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train slbo --env mbbl/Swimmer --out runs/swimmer";
  d.steps_key = "steps";
  d.presets.push_back({"quick", "small networks and 8,000 steps, for a first look", quick_slbo});
  d.check = [](const SlboSettings& s, const EnvSpec& spec) { s.validate(spec); };
  d.make = [](const SlboSettings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Slbo>(s, context));
  };
  d.load_actor = [](const SlboSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(Trpo::new_policy(spec.obs_dim, action_bounds(spec), s.trpo, context.seed), in,
                        prefix + "trpo.policy.");
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
