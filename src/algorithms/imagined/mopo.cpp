#include "mbrl/algorithms/imagined/mopo.hpp"

#include <cmath>
#include <memory>
#include <vector>

#include "algorithms/fit_model.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/rollout/start_states.hpp"

namespace mbrl {
namespace {

ImaginationSettings imagination_settings(const MopoSettings& s) {
  return {.horizon = s.horizon, .uncertainty = s.penalty > 0 ? s.uncertainty : EnsembleUncertainty::kNone};
}

}  // namespace

MopoSettings::MopoSettings() {
  const MbpoSettings mbpo;
  model = mbpo.model;
  training = mbpo.training;
  sac = mbpo.sac;
}

void MopoSettings::validate(const EnvSpec& spec) const {
  OfflineSettings::validate("mopo", spec);
  require(penalty >= 0 && std::isfinite(penalty), "mopo: penalty is ", penalty,
          ", expected 0 or more, and finite");
  require(penalty == 0 || uncertainty != EnsembleUncertainty::kNone,
          "mopo: uncertainty is none, expected deviation, disagreement or divergence, or penalty=0");
  require(imagine_every >= 1, "mopo: imagine_every is ", imagine_every, ", expected at least 1");
  require(rollouts >= 1, "mopo: rollouts is ", rollouts, ", expected at least 1");
  require(horizon >= 1, "mopo: horizon is ", horizon, ", expected at least 1");
  require(keep_rounds >= 1, "mopo: keep_rounds is ", keep_rounds, ", expected at least 1");
  require(real_ratio >= 0 && real_ratio <= 1, "mopo: real_ratio is ", real_ratio, ", expected 0 to 1");
  training.validate(model.members);
  sac.validate();
}

MopoSettings mopo_settings(const EnvSpec& spec) {
  MopoSettings s;
  s.sac = mbpo_settings(spec).sac;
  return s;
}

Mopo::Mopo(const MopoSettings& settings, const AlgorithmContext& context)
    : settings_(settings),
      seed_(context.seed),
      env_(context.make_environment()),
      data_("mopo", settings.data, env_.spec()),
      imagined_(env_.spec(), settings.keep_rounds,
                static_cast<std::size_t>(settings.rollouts) * static_cast<std::size_t>(settings.horizon),
                seed_),
      model_(MlpEnsemble::create(ensemble_settings(settings.model, env_.spec()), env_.spec().encoding,
                                 env_.spec().action_dim(), seed_)),
      trainer_(settings.training, context.pool, seed_),
      imagination_(model_, given_reward(model_, env_.spec()), given_termination(model_, env_.spec()),
                   imagination_settings(settings), context.pool, seed_),
      agent_(env_.spec(), settings.sac, 0, seed_, context.pool),
      metrics_(MetricTable::with(
          WorkClock::columns({{.name = "critic_loss", .title = "critics", .decimals = 3},
                              {.name = "value", .title = "Q"},
                              {.name = "entropy", .title = "entropy", .decimals = 2},
                              {.name = "temperature", .title = "temp.", .decimals = 3},
                              {.name = "model_loss", .decimals = 3},
                              {.name = "model_epochs", .decimals = 0},
                              {.name = "imagined_reward", .title = "imagined", .decimals = 3},
                              {.name = "penalty", .title = "penalty", .decimals = 3},
                              {.name = "episode_length", .title = "length", .decimals = 0},
                              {.name = "updates_per_s", .wall_clock = true, .decimals = 0}}))) {
  settings.validate(env_.spec());
}

bool Mopo::fit_model(RunObserver& observer) {
  const auto span = clock_.time(WorkKind::kModel);
  const auto report = fit_or_undo(data().batch(), 0, 1, 0, model_, trainer_, observer);
  if (!report) return false;
  model_loss_ = mean_loss(*report);
  model_epochs_ = report->epochs;
  imagination_.set_model(model_);
  return true;
}

void Mopo::imagine() {
  const auto span = clock_.time(WorkKind::kModel);
  draw_starts(data(), settings_.rollouts, RandomStream(seed_, Stream::kStarts), rounds_, starts_);
  imagination_.run(agent_.policy(), starts_, {.plan = rounds_}, paths_);
  if (paths_.uncertainty.size() > 0)
    paths_.reward -= static_cast<float>(settings_.penalty) * paths_.uncertainty;
  imagined_reward_ = imagined_.add(paths_);
  require(imagined_.newest() > 0, "mopo: every trajectory that the model imagined in round ", rounds_ + 1,
          " left the numbers in its first step; more data, or longer training of the model, may help");
  // The uncertainty is 0 behind a trajectory's end.
  penalty_ =
      settings_.penalty * paths_.uncertainty.cast<double>().sum() / static_cast<double>(imagined_.newest());
  imagined_reward_ += penalty_;
  ++rounds_;
}

bool Mopo::learn() {
  const auto span = clock_.time(WorkKind::kLearn);
  imagined_.draw(data(), settings_.real_ratio, settings_.batch_size,
                 static_cast<std::uint32_t>(agent_.updates()), batch_);
  return agent_.learn(batch_);
}

void Mopo::improve(RunObserver& observer) {
  if (!learn()) {
    observer.on_failure();
    fail("mopo: ", agent_.trouble());
  }
  observer.on_progress({.phase = RunPhase::kTraining,
                        .round = static_cast<int>(metrics_.rows()) + 1,
                        .done = settings_.in_round(agent_.updates()),
                        .total = settings_.updates_per_round,
                        .value = agent_.figures()[0],
                        .steps = agent_.updates()});
}

void Mopo::finish(RunObserver& observer) {
  const auto round = static_cast<std::uint32_t>(metrics_.rows());
  const EpisodeResult episode = show_policy(env_, agent_.policy(), seed_, round);
  const std::vector<double> of_agent = agent_.figures();
  clock_.end_round(metrics_, {{"step", static_cast<double>(agent_.updates())},
                              {"return", episode.total},
                              {"critic_loss", of_agent[0]},
                              {"value", of_agent[1]},
                              {"entropy", of_agent[2]},
                              {"temperature", of_agent[3]},
                              {"model_loss", model_loss_},
                              {"model_epochs", model_epochs_},
                              {"imagined_reward", imagined_reward_},
                              {"penalty", penalty_},
                              {"episode_length", static_cast<double>(episode.steps)},
                              {"updates_per_s", settings_.in_round(agent_.updates()) / clock_.seconds()}});
  agent_.begin_episode();
  observer.on_round(metrics_, {});
}

void Mopo::save(StateDict& out, const std::string& prefix) const {
  agent_.save(out, prefix);
  data_.save(out, prefix + "data");
  imagined_.save(out, prefix);
  model_.save(out, prefix + "model.");
  metrics_.save(out, prefix + "metrics");
  out.put_scalar(prefix + "rounds", std::int64_t{rounds_});
  out.put(prefix + "figures", std::vector<double>{model_loss_, model_epochs_, imagined_reward_, penalty_});
  clock_.save(out, prefix + "clock");
}

void Mopo::load(const StateDict& in, const std::string& prefix) {
  data_.check(in, prefix + "data");
  const auto figures = in.get<double>(prefix + "figures");
  require_dim("checkpoint of mopo", "'figures'", figures.size(), 4);
  agent_.load(in, prefix);
  imagined_.load(in, prefix);
  model_.load(in, prefix + "model.");
  metrics_.load(in, prefix + "metrics");
  rounds_ = static_cast<std::uint32_t>(in.get_scalar<std::int64_t>(prefix + "rounds"));
  clock_.load(in, prefix + "clock");
  model_loss_ = figures[0];
  model_epochs_ = figures[1];
  imagined_reward_ = figures[2];
  penalty_ = figures[3];
  imagination_.set_model(model_);
}

namespace {

MopoSettings quick_mopo(const EnvSpec&) {
  const MbpoSettings mbpo = quick_mbpo_settings();
  MopoSettings s;
  s.updates = 20'000;
  s.batch_size = mbpo.batch_size;
  s.imagine_every = 250;
  s.rollouts = mbpo.rollouts;
  s.model = mbpo.model;
  s.training = mbpo.training;
  s.training.epochs = 50;  // MBPO has few rows at first, a data set has all of them
  s.training.patience = 5;
  s.sac = mbpo.sac;
  return s;
}

}  // namespace

void register_mopo(AlgorithmRegistry& registry) {
  AlgorithmDescription<MopoSettings> d;
  d.name = "mopo";
  d.summary =
      "MOPO (Yu et al. 2020): a policy from a data set, learned in a model whose uncertainty costs reward.";
  d.details =
      "  mbrl train sac --env Pendulum-v1 --preset quick --out runs/sac\n"
      "  mbrl dataset runs/sac --out pendulum.safetensors\n"
      "  mbrl train mopo --env Pendulum-v1 --preset quick --set data=pendulum.safetensors --out runs/mopo\n"
      "Steps are gradient steps. The episode at the end of a round shows the policy and is not learned from.";
  d.steps_key = "updates";
  d.defaults = mopo_settings;
  d.presets.push_back({"quick", "small networks and 20,000 updates, for a first look", quick_mopo});
  d.check = [](const MopoSettings& s, const EnvSpec& spec) { s.validate(spec); };
  d.make = [](const MopoSettings& s, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Mopo>(s, context));
  };
  d.load_actor = [](const MopoSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    return SacAgent::load_actor(context.make_environment().spec(), s.sac, context.seed, in, prefix);
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
