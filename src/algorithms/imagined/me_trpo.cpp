#include "mbrl/algorithms/imagined/me_trpo.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "algorithms/fit_model.hpp"
#include "algorithms/stopwatch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"

namespace mbrl {
namespace {

constexpr std::uint32_t kValidation = 0x80000000u;  // plans from here on are validations'

}  // namespace

MeTrpoSettings::MeTrpoSettings() {
  training.batch_size = 256;
  training.epochs = 200;
  training.holdout_ratio = 0.2;
  training.patience = 10;
  training.bootstrap = false;
  trpo.policy.hidden = {32, 32};
}

void MeTrpoSettings::validate(const EnvSpec& spec) const {
  require(steps >= 1, "me-trpo: steps is ", steps, ", expected at least 1");
  require(collect >= 1, "me-trpo: collect is ", collect, ", expected at least 1");
  require(rollouts >= 1, "me-trpo: rollouts is ", rollouts, ", expected at least 1");
  require(policy_updates >= 1, "me-trpo: policy_updates is ", policy_updates, ", expected at least 1");
  require(validate_every >= 1, "me-trpo: validate_every is ", validate_every, ", expected at least 1");
  require(improving_models >= 0 && improving_models <= 1, "me-trpo: improving_models is ", improving_models,
          ", expected 0 to 1");
  require(patience >= 1, "me-trpo: patience is ", patience, ", expected at least 1");
  require(imagination.horizon >= 1, "me-trpo: imagination.horizon is ", imagination.horizon,
          ", expected at least 1");
  require(imagination.propagation != Propagation::kMomentMatching,
          "me-trpo: imagination.propagation is MM, expected TS1, TSinf, E or DS");
  require_real_actions("me-trpo", spec);
  require_time_limit("me-trpo", spec);
  training.validate(model.members);
  trpo.validate();
}

MeTrpo::MeTrpo(const MeTrpoSettings& settings, const AlgorithmContext& context)
    : settings_(settings),
      seed_(context.seed),
      env_(context.make_environment()),
      buffer_(env_.spec().obs_dim, env_.spec().action_dim(),
              static_cast<std::size_t>(settings.steps + env_.spec().max_steps)),
      collector_(env_, buffer_, seed_),
      model_(MlpEnsemble::create(ensemble_settings(settings.model, env_.spec()), env_.spec().encoding,
                                 env_.spec().action_dim(), seed_)),
      trainer_(settings.training, context.pool, seed_),
      imagined_(model_, env_.spec(), settings.imagination, settings.normalise_reward, context.pool, seed_),
      trpo_(env_.spec().obs_dim, action_bounds(env_.spec()), settings.trpo, seed_, context.pool),
      metrics_(MetricTable::with(
          {{.name = "imagined_return", .title = "imagined"},
           {.name = "gap", .title = "imagined - real"},
           {.name = "agreement", .title = "agree", .decimals = 2},
           {.name = "policy_updates", .title = "updates", .decimals = 0},
           {.name = "kl", .decimals = 4},
           {.name = "model_loss", .title = "model", .decimals = 4},
           {.name = "episodes", .decimals = 0},
           {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}})) {
  settings.validate(env_.spec());
  for (int k = 0; k < settings.model.members; ++k)
    single_.emplace_back(model_, given_reward(model_, env_.spec()), given_termination(model_, env_.spec()),
                         settings.imagination, context.pool, seed_);
}

void MeTrpo::collect(RunObserver& observer) {
  const Stopwatch watch;
  if (!collector_.running()) collector_.begin(static_cast<std::uint32_t>(episodes_++));
  Batchf obs(collector_.obs().cast<float>()), action(env_.spec().action_dim(), 1), memory(0, 1);
  const PolicyKey key{
      RandomStream(seed_, Stream::kPolicy).key(), static_cast<std::uint32_t>(collector_.steps()), {}};
  trpo_.policy().act(obs, memory, key, action, workspace_);
  collector_.step(action.col(0).cast<double>());
  ++collected_;
  seconds_ += watch.seconds();
  observer.on_progress(collector_.progress(0, metrics_.rows()));
  if (collector_.running()) return;
  real_total_ += collector_.total();
  ++real_episodes_;
  if (collected_ >= settings_.collect || collector_.steps() >= settings_.steps) phase_ = kFitting;
}

// Each model alone, for validation, and all of them.
void MeTrpo::use_model() {
  imagined_.set_model(model_);
  for (std::size_t k = 0; k < single_.size(); ++k) {
    MlpEnsemble one = model_;
    one.elites = {static_cast<int>(k)};
    single_[k].set_model(one);
  }
}

bool MeTrpo::fit_model(RunObserver& observer) {
  const Stopwatch watch;
  const std::optional<TrainingReport> done =
      fit_or_undo(buffer_.batch(), rounds_, static_cast<int>(metrics_.rows()) + 1, collector_.steps(), model_,
                  trainer_, observer);
  if (!done) return false;
  model_loss_ = mean_loss(*done);
  use_model();
  imagined_.find_starts(buffer_);
  best_ = {};
  trpo_.save(best_, "");
  best_returns_ = returns_by_model();
  agreement_ = MetricTable::kNone;
  updates_ = idle_ = 0;
  phase_ = kImproving;
  seconds_ += watch.seconds();
  return true;
}

// Undiscounted, from the same starts and with the same noise throughout a round.
std::vector<double> MeTrpo::returns_by_model() {
  constexpr int kStarts = 100;
  const Batchf starts = imagined_.starts(buffer_, kStarts, kValidation + rounds_);
  std::vector<double> returns;
  for (Imagination<MlpPolicy>& one : single_) {
    one.run(trpo_.policy(), starts, {.plan = kValidation + rounds_}, paths_);
    returns.push_back(paths_.reward.cast<double>().sum() / double{kStarts});
  }
  return returns;
}

void MeTrpo::improve(RunObserver& observer) {
  const Stopwatch watch;
  const TrpoReport report = trpo_.update(imagined_.make("me-trpo", trpo_, buffer_, settings_.rollouts,
                                                        static_cast<std::uint32_t>(trpo_.updates())));
  if (!report.finite()) {
    observer.on_safe_point(false);
    fail("me-trpo: ", trpo_.trouble(report));
  }
  kl_ = report.kl;
  ++updates_;
  bool over = updates_ >= settings_.policy_updates;
  if (over || updates_ % settings_.validate_every == 0) {
    const std::vector<double> returns = returns_by_model();
    int better = 0;
    for (std::size_t k = 0; k < returns.size(); ++k) better += returns[k] > best_returns_[k] ? 1 : 0;
    agreement_ = static_cast<double>(better) / static_cast<double>(returns.size());
    if (agreement_ >= settings_.improving_models) {
      best_returns_ = returns;
      best_ = {};
      trpo_.save(best_, "");
      idle_ = 0;
    } else {
      over = over || ++idle_ >= settings_.patience;
    }
  }
  seconds_ += watch.seconds();
  observer.on_progress({.phase = RunPhase::kTraining,
                        .round = static_cast<int>(metrics_.rows()) + 1,
                        .done = updates_,
                        .total = settings_.policy_updates,
                        .value = report.value_loss,
                        .steps = collector_.steps()});
  if (over) finish(observer);
}

// The best policy of the round goes on; its number of updates is that of all, so that no random number comes twice.
void MeTrpo::finish(RunObserver& observer) {
  best_.put_scalar("updates", trpo_.updates());
  trpo_.load(best_, "");
  double imagined = 0;
  for (const double r : best_returns_) imagined += r / static_cast<double>(best_returns_.size());
  const double real = real_total_ / real_episodes_;
  metrics_.add({{"step", static_cast<double>(collector_.steps())},
                {"return", real},
                {"imagined_return", imagined},
                {"gap", imagined - real},
                {"agreement", agreement_},
                {"policy_updates", static_cast<double>(updates_)},
                {"kl", kl_},
                {"model_loss", model_loss_},
                {"episodes", static_cast<double>(real_episodes_)},
                {"steps_per_s", static_cast<double>(collected_) / seconds_}});
  ++rounds_;
  collected_ = updates_ = real_episodes_ = 0;
  real_total_ = seconds_ = 0;
  phase_ = kCollecting;
  new_row_ = true;
  observer.on_round(metrics_, {});
}

void MeTrpo::save(StateDict& out, const std::string& prefix) const {
  trpo_.save(out, prefix + "trpo.");
  buffer_.save(out, prefix + "buffer.");
  model_.save(out, prefix + "model.");
  trainer_.save(out, prefix + "trainer.");
  imagined_.save(out, prefix + "return_statistics.");
  metrics_.save(out, prefix + "metrics");
  collector_.save(out, prefix);
  const EpisodePosition& at = collector_.position();
  out.put(prefix + "position",
          std::vector<std::int64_t>{collector_.steps(), episodes_, at.running ? 1 : 0, at.t, rounds_, phase_,
                                    collected_, real_episodes_, updates_, idle_});
  out.put(prefix + "figures",
          std::vector<double>{at.total, seconds_, real_total_, model_loss_, kl_, agreement_});
  out.put(prefix + "best_returns", best_returns_);
  if (phase_ == kImproving)
    for (const auto& [name, array] : best_.arrays) out.arrays[prefix + "best." + name] = array;
}

void MeTrpo::load(const StateDict& in, const std::string& prefix) {
  const auto position = in.get<std::int64_t>(prefix + "position");
  require_dim("checkpoint of me-trpo", "'position'", position.size(), 10);
  const auto figures = in.get<double>(prefix + "figures");
  require_dim("checkpoint of me-trpo", "'figures'", figures.size(), 6);
  trpo_.load(in, prefix + "trpo.");
  buffer_.load(in, prefix + "buffer.");
  model_.load(in, prefix + "model.");
  trainer_.load(in, prefix + "trainer.");
  imagined_.load(in, prefix + "return_statistics.");
  metrics_.load(in, prefix + "metrics");
  collector_.load(in, prefix, position[0],
                  {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
  episodes_ = position[1];
  rounds_ = static_cast<std::uint32_t>(position[4]);
  phase_ = static_cast<int>(position[5]);
  collected_ = position[6];
  real_episodes_ = static_cast<int>(position[7]);
  updates_ = static_cast<int>(position[8]);
  idle_ = static_cast<int>(position[9]);
  seconds_ = figures[1];
  real_total_ = figures[2];
  model_loss_ = figures[3];
  kl_ = figures[4];
  agreement_ = figures[5];
  best_returns_ = in.get<double>(prefix + "best_returns");
  best_ = {};
  const std::string own = prefix + "best.";
  for (const auto& [name, array] : in.arrays)
    if (name.rfind(own, 0) == 0) best_.arrays[name.substr(own.size())] = array;
  use_model();
  imagined_.find_starts(buffer_);
}

namespace {

MeTrpoSettings quick_me_trpo(const EnvSpec&) {
  MeTrpoSettings s;
  s.steps = 8000;
  s.collect = 1000;
  s.rollouts = 100;
  s.imagination.horizon = 200;
  s.policy_updates = 40;
  s.model.hidden = {64, 64};
  s.training.batch_size = 64;
  s.training.learning_rate = 1e-3f;
  s.trpo.discount = 0.95;
  return s;
}

}  // namespace

void register_me_trpo(AlgorithmRegistry& registry) {
  AlgorithmDescription<MeTrpoSettings> d;
  d.name = "me-trpo";
  d.summary =
      "ME-TRPO (Kurutach et al. 2018): trust region steps on trajectories imagined by an ensemble, while "
      "most "
      "of its models agree.";
  d.details =
      "  mbrl train me-trpo --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train me-trpo --env mbbl/Swimmer --steps 50000 --out runs/swimmer";
  d.steps_key = "steps";
  d.presets.push_back({"quick", "small networks and 8,000 steps, for a first look", quick_me_trpo});
  d.check = [](const MeTrpoSettings& s, const EnvSpec& spec) { s.validate(spec); };
  d.make = [](const MeTrpoSettings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<MeTrpo>(s, context));
  };
  d.load_actor = [](const MeTrpoSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(Trpo::new_policy(spec.obs_dim, action_bounds(spec), s.trpo, context.seed), in,
                        prefix + "trpo.policy.");
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
