#include "mbrl/algorithms/imagined/dhmbpo.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "algorithms/imagined/dhmbpo_description.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/critic_value.hpp"
#include "mbrl/learning/unnormalised.hpp"
#include "mbrl/learning/value_bias.hpp"
#include "mbrl/rollout/start_states.hpp"

namespace mbrl {
namespace {

// Rollouts and updates have random numbers of their own.
constexpr std::uint64_t kOfDistribution = 0x9E3779B97F4A7C15ull;

}  // namespace

DhmbpoSettings::DhmbpoSettings() {
  steps = 100'000;
  random_steps = 5000;
}

void DhmbpoSettings::validate(const char* who, const EnvSpec& spec) const {
  require_real_actions(who, spec);
  ReplaySettings::validate(who, spec);
  require_one_environment(who, *this);
  const auto at_least = [who](const char* name, std::int64_t value, std::int64_t least) {
    require(value >= least, who, ": ", name, " is ", value, ", expected at least ", least);
  };
  at_least("random_steps", random_steps, 1);
  at_least("train_every", train_every, 1);
  at_least("distribution_horizon", distribution_horizon, 0);
  at_least("distribution_every", distribution_every, 1);
  at_least("distribution_keep", distribution_keep, 1);
  at_least("critic_updates", critic_updates, 0);
  require(n_step == 1, who, ": n_step is ", n_step, ", expected 1: targets look ahead in the model");
  require(priority.alpha == 0, who, ": priority.alpha is ", priority.alpha,
          ", expected 0: updates begin at states, not at transitions");
  model.validate(who);
  training.validate(who);
  learner.validate(who);
}

void quicken(DhmbpoSettings& s) {
  s.steps = 3000;
  s.random_steps = 400;
  s.batch_size = 128;
  s.train_every = 200;
  s.critic_updates = 50;
  s.model.members = 4;
  s.model.network.hidden = s.learner.policy.hidden = s.learner.critic.hidden = {64, 64};
  s.training.batch_size = 64;
  s.learner.adam.learning_rate = 1e-3;
  s.learner.critics = 2;
}

DhmbpoAgent::DhmbpoAgent(const char* who, const EnvSpec& spec, const DhmbpoSettings& settings,
                         std::uint64_t seed, ThreadPool& pool)
    : who_(who),
      settings_(settings),
      seed_(seed),
      model_(spec.obs_dim, action_bounds(spec), settings.model, seed),
      trainer_(settings.training, pool, seed),
      learner_(spec, model_, settings.learner, pool, seed),
      distribution_(model_, spec.termination, std::max(1, settings.distribution_horizon), false, pool,
                    seed ^ kOfDistribution),
      acting_(learner_.policy()),
      explorer_(spec, {}, settings.random_steps, seed) {
  settings.validate(who, spec);
  if (settings.distribution_horizon > 0)
    states_.resize(spec.obs_dim, static_cast<Index>(settings.batch_size) * settings.distribution_keep *
                                     (settings.distribution_horizon + 1));
}

bool DhmbpoAgent::train(const TransitionBuffer& buffer, std::int64_t steps, int round,
                        RunObserver& observer) {
  StateDict before;
  model_.save(before, "");
  bool stopped = false;
  // The updates that follow are told as part of the training.
  const bool warm = trainings_ == 0 && settings_.warm_start;
  const std::int64_t critic_updates = settings_.learner.critics > 0 ? settings_.critic_updates : 0,
                     warm_updates = warm ? settings_.random_steps * settings_.updates_per_step : 0;
  const TrainingReport report = trainer_.train(
      buffer.batch(), model_, static_cast<std::uint32_t>(trainings_),
      [&](int epoch, int epochs, double loss) {
        observer.on_progress({.phase = RunPhase::kTraining,
                              .round = round,
                              .done = epoch,
                              .total = epochs + static_cast<int>(critic_updates + warm_updates),
                              .value = loss,
                              .steps = steps});
        stopped = observer.stop_requested();
        return !stopped;
      });
  if (stopped) {
    model_.load(before, "");
    observer.on_safe_point(false);
    return false;
  }
  const std::vector<double>& losses = report.holdout_loss.empty() ? report.train_loss : report.holdout_loss;
  model_loss_ = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
  model_epochs_ = report.epochs;
  owed_critic_updates_ = critic_updates;
  owed_updates_ = warm_updates;
  ++trainings_;
  trained_at_ = steps;
  return true;
}

bool DhmbpoAgent::fit_model(const TransitionBuffer& buffer, std::int64_t steps, int round,
                            RunObserver& observer) {
  const bool due =
      steps >= settings_.random_steps && (trainings_ == 0 || steps - trained_at_ >= settings_.train_every);
  if (due && owed_updates_ + owed_critic_updates_ == 0 && !train(buffer, steps, round, observer))
    return false;
  const auto owed = static_cast<int>(owed_updates_ + owed_critic_updates_);
  const int epochs =
      trainings_ > 0 ? settings_.training.epochs_of(static_cast<std::uint32_t>(trainings_ - 1)) : 0;
  for (int done = 1; owed_updates_ + owed_critic_updates_ > 0; ++done) {
    const bool critics_alone = owed_critic_updates_ > 0;
    draw_starts(buffer, settings_.batch_size, RandomStream(seed_, Stream::kStarts),
                static_cast<std::uint32_t>(updates()), starts_);
    if (!improve(starts_, critics_alone)) {
      observer.on_failure();
      fail(who_, ": ", trouble());
    }
    --(critics_alone ? owed_critic_updates_ : owed_updates_);
    observer.on_progress({.phase = RunPhase::kTraining,
                          .round = round,
                          .done = epochs + done,
                          .total = epochs + owed,
                          .value = last_.critic_loss,
                          .steps = steps});
    if (!observer.stop_requested()) continue;
    observer.on_safe_point(false);
    return false;
  }
  return true;
}

void DhmbpoAgent::begin_episode(int lane) {
  explorer_.begin_episode(lane);
  means_.clear();
}

bool DhmbpoAgent::learn(const Transitions& batch) {
  errors_.setZero(batch.obs.cols());
  return improve(batch.obs, false);
}

// From replayed states on, and all states on the way are remembered.
void DhmbpoAgent::spread(ConstBatchRef<float> replayed) {
  normalised_.resize(replayed.rows(), replayed.cols());
  model_.normalise(replayed, normalised_);
  const DifferentiablePaths& paths =
      distribution_.run(learner_.policy(), normalised_, static_cast<std::uint32_t>(updates()), false);
  Batchf raw(replayed.rows(), replayed.cols());
  for (int h = 0; h <= paths.horizon; ++h) {
    model_.denormalise(paths.obs_at(h), raw);
    for (Index j = 0; j < raw.cols(); ++j) {
      if (paths.alive(j, h) == 0) continue;
      states_.col(next_) = raw.col(j);
      next_ = (next_ + 1) % states_.cols();
      filled_ = std::min(filled_ + 1, states_.cols());
    }
  }
}

bool DhmbpoAgent::improve(ConstBatchRef<float> replayed, bool critics_alone) {
  const Index n = replayed.cols();
  Batchf from = replayed;
  if (settings_.distribution_horizon > 0) {
    const auto number = static_cast<std::uint32_t>(updates());
    if (filled_ == 0 || updates() % settings_.distribution_every == 0) spread(replayed);
    const RandomStream random(seed_, Stream::kStarts);
    for (Index j = 0; j < n; ++j)
      from.col(j) = states_.col(static_cast<Index>(
          random.below(static_cast<std::uint64_t>(filled_), number, static_cast<std::uint32_t>(j), 1)));
  }
  model_.normalise(from, from);
  last_ = learner_.update(from, critics_alone);
  acting_ = unnormalised(learner_.policy(), model_.obs_mean(), model_.obs_scale());
  if (!last_.finite()) return false;
  if (!critics_alone)
    means_.add({last_.critic_loss, last_.value, last_.expected, last_.entropy, last_.gradient_norm});
  return true;
}

std::string DhmbpoAgent::trouble() const {
  return detail::concat("update ", updates(), " gave a number that is not finite (critics' loss ",
                        last_.critic_loss, ", expected value ", last_.expected, ", entropy ", last_.entropy,
                        ", temperature ", last_.temperature, ", gradient's norm ", last_.gradient_norm,
                        "); a smaller learner.adam.learning_rate, a learner.adam.max_gradient, or a shorter "
                        "learner.horizon may help");
}

void DhmbpoAgent::values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
  Batchf states(obs.rows(), obs.cols());
  model_.normalise(obs, states);
  learner_.values(states, action, out);
}

double DhmbpoAgent::value_bias(const Transitions& episode) const {
  if (settings_.learner.critics == 0) return MetricTable::kNone;
  const Vecf bonus = entropy_bonus(acting_, learner_.temperature(), learner_.log_half(), episode);
  return mbrl::value_bias(*this, discount(), bonus, episode);
}

TerminalValueFunction<float> DhmbpoAgent::value() const {
  require(settings_.learner.critics > 0, who_,
          ": learner.critics is 0, expected at least 1 critic where a value is asked for");
  return critic_value(*this);
}

AnyActor DhmbpoAgent::load_actor(const EnvSpec& spec, const DhmbpoSettings& settings, std::uint64_t seed,
                                 const StateDict& in, const std::string& prefix) {
  return loaded_actor(ValueGradient::new_policy(spec, settings.learner, seed), in, prefix + "acting.");
}

std::vector<AgentFigure> DhmbpoAgent::figure_columns() {
  return {{.name = "critic_loss", .title = "critics", .decimals = 3},
          {.name = "value", .title = "Q"},
          {.name = "expected", .decimals = 1},
          {.name = "entropy", .title = "entropy", .decimals = 2},
          {.name = "gradient_norm", .title = "gradient", .decimals = 3},
          {.name = "temperature", .title = "temp.", .decimals = 3},
          {.name = "model_loss", .title = "model", .decimals = 3},
          {.name = "model_epochs", .decimals = 0}};
}

std::vector<double> DhmbpoAgent::figures() const {
  std::vector<double> all = means_.values();
  all.push_back(learner_.temperature());
  all.push_back(model_loss_);
  all.push_back(model_epochs_);
  return all;
}

void DhmbpoAgent::save(StateDict& out, const std::string& prefix) const {
  model_.save(out, prefix + "model.");
  learner_.save(out, prefix + "learner.");
  acting_.save(out, prefix + "acting.");
  means_.save(out, prefix + "means");
  const Batchf states = states_.leftCols(filled_);
  out.put_matrix(prefix + "states", states);
  out.put(prefix + "position_of_states", std::vector<std::int64_t>{filled_, next_});
  out.put(prefix + "trainings",
          std::vector<std::int64_t>{trainings_, trained_at_, owed_critic_updates_, owed_updates_});
  out.put(prefix + "of_model", std::vector<double>{model_loss_, model_epochs_});
}

void DhmbpoAgent::load(const StateDict& in, const std::string& prefix) {
  const auto trainings = in.get<std::int64_t>(prefix + "trainings"),
             position = in.get<std::int64_t>(prefix + "position_of_states");
  const auto of_model = in.get<double>(prefix + "of_model");
  require_dim("checkpoint", "'trainings'", trainings.size(), 4);
  require_dim("checkpoint", "'position_of_states'", position.size(), 2);
  require_dim("checkpoint", "'of_model'", of_model.size(), 2);
  const std::vector<float> states = in.get<float>(prefix + "states");
  require(position[0] >= 0 && position[0] <= states_.cols() && position[1] >= 0 &&
              position[1] <= states_.cols() &&
              static_cast<Index>(states.size()) == states_.rows() * position[0],
          "checkpoint: 'states' has ", states.size(), " numbers, expected those of ", position[0],
          " observations, at most ", states_.cols());
  model_.load(in, prefix + "model.");
  learner_.load(in, prefix + "learner.");
  acting_.load(in, prefix + "acting.");
  means_.load(in, prefix + "means");
  filled_ = position[0];
  next_ = position[1];
  states_.leftCols(filled_) = Eigen::Map<const Batchf>(states.data(), states_.rows(), filled_);
  trainings_ = trainings[0];
  trained_at_ = trainings[1];
  owed_critic_updates_ = trainings[2];
  owed_updates_ = trainings[3];
  model_loss_ = of_model[0];
  model_epochs_ = of_model[1];
}

void register_dhmbpo(AlgorithmRegistry& registry) {
  const DhmbpoSettings published;
  DhmbpoSettings quick = published;
  quicken(quick);
  register_value_gradient(
      registry, "dhmbpo",
      "DHMBPO (Kubo et al. 2025): the gradient of a learned model over 5 steps, from states 20 steps ahead.",
      published, quick);
}

}  // namespace mbrl
