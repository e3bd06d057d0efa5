#include "mbrl/algorithms/imagined/mbpo.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "algorithms/fit_model.hpp"
#include "algorithms/value_bias_of.hpp"
#include "mbrl/algorithms/algorithm.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/rollout/start_states.hpp"

namespace mbrl {
namespace {

// Transitions of the longest trajectories that a training is followed by.
std::size_t most_imagined(const MbpoSettings& s) {
  return static_cast<std::size_t>(s.rollouts) *
         static_cast<std::size_t>(std::max(s.horizon.first, s.horizon.last));
}

}  // namespace

MbpoSettings::MbpoSettings() {
  training.batch_size = 256;
  training.epochs = 100;
  training.holdout_ratio = 0.2;
  training.patience = 5;
  training.elites = 5;
  sac.entropy_per_action = -0.5;
}

void MbpoSettings::validate(const EnvSpec& spec) const {
  require(steps >= 1, "mbpo: steps is ", steps, ", expected at least 1");
  require(random_steps >= 1, "mbpo: random_steps is ", random_steps, ", expected at least 1");
  require(train_every >= 1, "mbpo: train_every is ", train_every, ", expected at least 1");
  require(rollouts >= 1, "mbpo: rollouts is ", rollouts, ", expected at least 1");
  require(keep_steps >= 0, "mbpo: keep_steps is ", keep_steps, ", expected at least 0");
  require(real_ratio >= 0 && real_ratio <= 1, "mbpo: real_ratio is ", real_ratio, ", expected 0 to 1");
  require(updates_per_step >= 0, "mbpo: updates_per_step is ", updates_per_step, ", expected at least 0");
  require(batch_size >= 1, "mbpo: batch_size is ", batch_size, ", expected at least 1");
  require_real_actions("mbpo", spec);
  require_time_limit("mbpo", spec);
  horizon.validate("mbpo");
  uncertainty_cut.validate("mbpo");
  require(!uncertainty_cut.enabled || (model.gaussian && model.members > 1),
          "mbpo: uncertainty_cut is of Gaussians that diverge, expected model.gaussian=true and 2 "
          "model.members or more");
  training.validate(model.members);
  sac.validate();
}

MbpoSettings mbpo_settings(const EnvSpec& spec) {
  MbpoSettings s;
  const auto is = [&](const char* part) { return spec.name.find(part) != std::string::npos; };
  const auto horizon = [&](int last, double begin, double end) {
    s.horizon = {.first = 1, .last = last, .begin = begin, .end = end};
  };
  const auto entropy = [&](double target) { s.sac.entropy_per_action = target / spec.action_dim(); };
  s.updates_per_step = 20;
  if (is("Hopper")) {
    horizon(15, 20e3, 150e3);
    entropy(-1);
  } else if (is("Walker2d")) {
    entropy(-3);
  } else if (is("Ant")) {
    horizon(25, 20e3, 100e3);
    entropy(-4);
  } else if (is("Humanoid")) {
    horizon(25, 20e3, 300e3);
    entropy(-2);
    s.model.hidden = {400, 400, 400, 400};
    s.train_every = 1000;
    s.keep_steps = 5000;
  } else if (is("InvertedPendulum")) {
    s.updates_per_step = 10;
    entropy(-0.05);
    s.random_steps = 500;
    s.keep_steps = 250;
  } else {
    s.updates_per_step = 40;
    entropy(-3);
  }
  return s;
}

MbpoSettings lean_mbpo_settings(const EnvSpec& spec) {
  MbpoSettings s = mbpo_settings(spec);
  s.steps = 20'000;
  s.random_steps = 2000;
  s.train_every = 500;
  s.training.epochs = 60;
  s.rollouts = 25'000;
  s.horizon = {.first = 10, .last = 10};
  s.updates_per_step = 20;
  s.sac.critic.layer_norm = true;  // bears the faster steps
  s.sac.adam.learning_rate = 1e-3;
  s.sac.policy_delay = 2;
  return s;
}

MbpoSettings quick_mbpo_settings() {
  MbpoSettings s;
  s.steps = 3000;
  s.random_steps = 100;
  s.train_every = 25;
  s.rollouts = 1000;
  s.horizon = {.first = 15, .last = 15};
  s.keep_steps = 200;
  s.updates_per_step = 40;
  s.batch_size = 128;
  s.model = {.members = 5, .hidden = {64, 64}};
  s.training.elites = 3;
  s.training.batch_size = 32;
  s.training.epochs = 300;  // of few rows at first
  s.training.patience = 30;
  s.sac.policy.hidden = s.sac.critic.hidden = {64, 64};
  s.sac.adam.learning_rate = 1e-3;
  s.sac.entropy_per_action = -1;
  return s;
}

Mbpo::Mbpo(const MbpoSettings& settings, const AlgorithmContext& context)
    : settings_(settings),
      seed_(context.seed),
      env_(context.make_environment()),
      real_(env_.spec().obs_dim, env_.spec().action_dim(),
            static_cast<std::size_t>(settings.steps + env_.spec().max_steps)),
      imagined_(env_.spec(), settings.rounds_kept(), most_imagined(settings), seed_),
      collector_(env_, real_, seed_),
      model_(MlpEnsemble::create(ensemble_settings(settings.model, env_.spec()), env_.spec().encoding,
                                 env_.spec().action_dim(), seed_)),
      trainer_(settings.training, context.pool, seed_),
      imagination_(model_, given_reward(model_, env_.spec()), given_termination(model_, env_.spec()),
                   {.horizon = settings.horizon.first,
                    .uncertainty = settings.uncertainty_cut.enabled ? EnsembleUncertainty::kDivergence
                                                                    : EnsembleUncertainty::kNone},
                   context.pool, seed_),
      threshold_(settings.uncertainty_cut),
      agent_(env_.spec(), settings.sac, settings.random_steps, seed_, context.pool),
      metrics_(MetricTable::with(WorkClock::columns(
          {{.name = "critic_loss", .decimals = 3},
           {.name = "value", .title = "Q"},
           {.name = "entropy", .title = "entropy", .decimals = 2},
           {.name = "temperature", .decimals = 3},
           {.name = "value_bias", .decimals = 2},
           {.name = "model_loss", .title = "model", .decimals = 3},
           {.name = "model_epochs", .decimals = 0},
           {.name = "horizon", .title = "horizon", .decimals = 0},
           {.name = "imagined_length", .decimals = 2},
           {.name = "cut_threshold", .decimals = 3},
           {.name = "real_reward", .decimals = 3},
           {.name = "imagined_reward", .decimals = 3},
           {.name = "episode_length", .title = "length", .decimals = 0},
           {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}}))) {
  settings.validate(env_.spec());
}

bool Mbpo::model_is_due() const {
  const std::int64_t steps = collector_.steps();
  return steps >= settings_.random_steps && (rounds_ == 0 || steps - trained_at_ >= settings_.train_every);
}

bool Mbpo::fit_model(RunObserver& observer) {
  const auto span = clock_.time(WorkKind::kModel);
  const std::optional<TrainingReport> done =
      fit_or_undo(real_.batch(), rounds_, static_cast<int>(metrics_.rows()) + 1, collector_.steps(), model_,
                  trainer_, observer);
  if (!done) return false;
  model_loss_ = mean_loss(*done);
  model_epochs_ = done->epochs;
  imagination_.set_model(model_);
  trained_at_ = collector_.steps();
  return true;
}

void Mbpo::imagine() {
  const auto span = clock_.time(WorkKind::kModel);
  imagination_.set_horizon(settings_.horizon.at(static_cast<double>(collector_.steps())));
  draw_starts(real_, settings_.rollouts, RandomStream(seed_, Stream::kStarts), rounds_, starts_);
  imagination_.run(agent_.policy(), starts_, {.plan = rounds_}, paths_);
  const bool cut = settings_.uncertainty_cut.enabled;
  if (cut) {
    threshold_.add(paths_);
    cut_where_uncertain(paths_, threshold_.value());
  }
  imagined_reward_ = imagined_.add(paths_);
  require(imagined_.newest() > 0 || (cut && imagined_.kept() > 0),
          "mbpo: every trajectory that the model of round ", rounds_ + 1, " imagined left the numbers",
          cut ? " or was cut" : "", " in its first step; more random_steps may help");
  ++rounds_;
}

void Mbpo::begin_episode() {
  collector_.begin(static_cast<std::uint32_t>(episodes_));
  agent_.begin_episode();
}

void Mbpo::act() {
  const auto span = clock_.time(WorkKind::kCollect);
  collector_.step(agent_.explore(collector_.obs(), collector_.steps(), collector_.t()));
}

void Mbpo::improve(RunObserver& observer) {
  const auto span = clock_.time(WorkKind::kLearn);
  imagined_.draw(real_, settings_.real_ratio, settings_.batch_size,
                 static_cast<std::uint32_t>(agent_.updates()), batch_);
  if (agent_.learn(batch_)) return;
  observer.on_failure();
  fail("mbpo: ", agent_.trouble());
}

void Mbpo::report(RunObserver& observer) {
  observer.on_progress(collector_.progress(settings_.random_steps, metrics_.rows()));
  if (collector_.running()) return;
  ++episodes_;
  const std::vector<double> of_agent = agent_.figures();
  clock_.end_round(metrics_, {{"step", static_cast<double>(collector_.steps())},
                              {"return", collector_.total()},
                              {"critic_loss", of_agent[0]},
                              {"value", of_agent[1]},
                              {"entropy", of_agent[2]},
                              {"temperature", of_agent[3]},
                              {"value_bias", value_bias_of(agent_, collector_, settings_.random_steps)},
                              {"model_loss", model_loss_},
                              {"model_epochs", rounds_ > 0 ? model_epochs_ : MetricTable::kNone},
                              {"horizon", rounds_ > 0 ? imagination_.settings().horizon : MetricTable::kNone},
                              {"imagined_length",
                               rounds_ > 0 ? static_cast<double>(imagined_.newest()) / settings_.rollouts
                                           : MetricTable::kNone},
                              {"cut_threshold", threshold_.value()},
                              {"real_reward", collector_.total() / collector_.t()},
                              {"imagined_reward", imagined_reward_},
                              {"episode_length", static_cast<double>(collector_.t())},
                              {"steps_per_s", collector_.t() / clock_.seconds()}});
  observer.on_round(metrics_, {});
}

void Mbpo::save(StateDict& out, const std::string& prefix) const {
  agent_.save(out, prefix);
  real_.save(out, prefix + "buffer.");
  imagined_.save(out, prefix);
  model_.save(out, prefix + "model.");
  trainer_.save(out, prefix + "trainer.");
  if (settings_.uncertainty_cut.enabled) threshold_.save(out, prefix + "threshold");
  metrics_.save(out, prefix + "metrics");
  clock_.save(out, prefix + "clock");
  collector_.save(out, prefix);
  const EpisodePosition& at = collector_.position();
  out.put(prefix + "position",
          std::vector<std::int64_t>{collector_.steps(), episodes_, at.running ? 1 : 0, at.t, rounds_,
                                    trained_at_, imagination_.settings().horizon});
  out.put(prefix + "figures", std::vector<double>{at.total, model_loss_, model_epochs_, imagined_reward_});
}

void Mbpo::load(const StateDict& in, const std::string& prefix) {
  const auto position = in.get<std::int64_t>(prefix + "position");
  require_dim("checkpoint of mbpo", "'position'", position.size(), 7);
  const auto figures = in.get<double>(prefix + "figures");
  require_dim("checkpoint of mbpo", "'figures'", figures.size(), 4);
  agent_.load(in, prefix);
  real_.load(in, prefix + "buffer.");
  imagined_.load(in, prefix);
  model_.load(in, prefix + "model.");
  trainer_.load(in, prefix + "trainer.");
  if (settings_.uncertainty_cut.enabled) threshold_.load(in, prefix + "threshold");
  metrics_.load(in, prefix + "metrics");
  episodes_ = position[1];
  rounds_ = static_cast<std::uint32_t>(position[4]);
  trained_at_ = position[5];
  clock_.load(in, prefix + "clock");
  model_loss_ = figures[1];
  model_epochs_ = figures[2];
  imagined_reward_ = figures[3];
  collector_.load(in, prefix, position[0],
                  {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
  imagination_.set_model(model_);
  imagination_.set_horizon(static_cast<int>(position[6]));
}

void register_mbpo(AlgorithmRegistry& registry) {
  AlgorithmDescription<MbpoSettings> d;
  d.name = "mbpo";
  d.summary =
      "MBPO (Janner et al. 2019): soft actor-critic on short trajectories imagined by a learned ensemble.";
  d.details =
      "  mbrl train mbpo --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train mbpo --env HalfCheetah-v4 --preset lean --eval-every 2000 --out runs/cheetah\n"
      "  mbrl train mbpo --env Hopper-v4 --steps 50000 --eval-every 5000 --out runs/hopper";
  d.steps_key = "steps";
  d.defaults = mbpo_settings;
  d.presets.push_back({"lean", "20,000 steps of a larger task, in an hour of one core", lean_mbpo_settings});
  d.presets.push_back({"quick", "small networks and 3,000 steps, for a first look",
                       [](const EnvSpec&) { return quick_mbpo_settings(); }});
  d.check = [](const MbpoSettings& s, const EnvSpec& spec) { s.validate(spec); };
  d.make = [](const MbpoSettings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Mbpo>(s, context));
  };
  d.load_actor = [](const MbpoSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    return SacAgent::load_actor(context.make_environment().spec(), s.sac, context.seed, in, prefix);
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
