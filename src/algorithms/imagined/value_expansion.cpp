#include "mbrl/algorithms/imagined/value_expansion.hpp"

#include <optional>
#include <vector>

#include "algorithms/fit_model.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

ExpansionSettings::ExpansionSettings() {
  random_steps = 10'000;
  steps = 100'000;
  updates_per_step = 4;
  batch_size = 512;
  training.batch_size = 256;
  training.epochs = 100;
  training.learning_rate = 3e-4f;
  training.weight_decay = {1e-4f};
  training.holdout_ratio = 0.2;
  training.patience = 5;
  td3.policy.hidden = td3.critic.hidden = {128, 128, 128};
}

void ExpansionSettings::validate(const char* who, const EnvSpec& spec) const {
  require_real_actions(who, spec);
  ReplaySettings::validate(who, spec);
  require_one_environment(who, *this);
  require(horizon >= 0, who, ": horizon is ", horizon, ", expected at least 0");
  require(train_every >= 1, who, ": train_every is ", train_every, ", expected at least 1");
  require(horizon == 0 || random_steps >= 1, who, ": random_steps is ", random_steps,
          ", expected at least 1, which the first model learns from");
  training.validate(model.members);
  td3.validate();
  exploration.validate();
}

void quicken(ExpansionSettings& s) {
  s.steps = 3000;
  s.random_steps = 400;
  s.batch_size = 128;
  s.train_every = 200;
  s.model.hidden = {64, 64};
  s.model.activation = Activation::kSilu;
  s.training.batch_size = 32;
  s.training.epochs = 50;
  s.training.learning_rate = 1e-3f;
  s.training.weight_decay = {};
  s.td3.policy.hidden = s.td3.critic.hidden = {64, 64};
  s.td3.policy_adam.learning_rate = s.td3.critic_adam.learning_rate = 1e-3;
}

ExpansionModel::ExpansionModel(const ExpansionSettings& settings, const EnvSpec& spec, std::uint64_t seed,
                               ThreadPool& pool)
    : first_(settings.horizon > 0 ? settings.random_steps : -1),
      every_(settings.train_every),
      ensemble_(MlpEnsemble::create(ensemble_settings(settings.model, spec), spec.encoding, spec.action_dim(),
                                    seed)),
      given_(given_reward(ensemble_, spec)),
      termination_(given_termination(ensemble_, spec)),
      trainer_(settings.training, pool, seed) {}

FitOutcome ExpansionModel::fit(const TransitionBuffer& buffer, std::int64_t steps, int round,
                               RunObserver& observer) {
  if (first_ < 0 || steps < first_) return FitOutcome::kNotDue;
  if (trainings_ > 0 && steps - trained_at_ < every_) return FitOutcome::kNotDue;
  const std::optional<TrainingReport> done = fit_or_undo(
      buffer.batch(), static_cast<std::uint32_t>(trainings_), round, steps, ensemble_, trainer_, observer);
  if (!done) return FitOutcome::kStopped;
  loss_ = mean_loss(*done);
  ++trainings_;
  trained_at_ = steps;
  return FitOutcome::kFitted;
}

void ExpansionModel::save(StateDict& out, const std::string& prefix) const {
  ensemble_.save(out, prefix + "model.");
  trainer_.save(out, prefix + "trainer.");
  out.put(prefix + "trainings", std::vector<std::int64_t>{trainings_, trained_at_});
  out.put(prefix + "model_loss", std::vector<double>{loss_});
}

void ExpansionModel::load(const StateDict& in, const std::string& prefix) {
  const auto trainings = in.get<std::int64_t>(prefix + "trainings");
  require_dim("checkpoint", "'trainings'", trainings.size(), 2);
  loss_ = in.get_scalar<double>(prefix + "model_loss");
  ensemble_.load(in, prefix + "model.");
  trainer_.load(in, prefix + "trainer.");
  trainings_ = trainings[0];
  trained_at_ = trainings[1];
}

}  // namespace mbrl
