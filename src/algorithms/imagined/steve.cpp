#include "mbrl/algorithms/imagined/steve.hpp"

#include "algorithms/model_free/td3_description.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

SteveAgent::SteveAgent(const EnvSpec& spec, const ExpansionSettings& settings, std::uint64_t seed,
                       ThreadPool& pool)
    : Td3Agent(spec, settings.td3, settings.exploration, settings.random_steps, seed, pool),
      model_(settings, spec, seed, pool),
      expansion_(model_.ensemble(), model_.reward(), model_.termination(), settings.horizon,
                 settings.td3.discount, pool, seed) {}

void SteveAgent::begin_episode(int lane) {
  Td3Agent::begin_episode(lane);
  weights_.clear();
}

bool SteveAgent::fit_model(const TransitionBuffer& buffer, std::int64_t steps, int round,
                           RunObserver& observer) {
  const FitOutcome outcome = model_.fit(buffer, steps, round, observer);
  if (outcome == FitOutcome::kFitted) expansion_.set_model(model());
  return outcome != FitOutcome::kStopped;
}

bool SteveAgent::learn(const Transitions& batch) {
  critics_.clear();
  for (int l = 0; l < td3().settings().critics; ++l) critics_.push_back(&td3().critic_target(l));
  expansion_.run(batch, td3().policy_target(), critics_, static_cast<std::uint32_t>(updates()));
  if (!learned(learner().update(batch, expansion_.target()), batch)) return false;
  weights_.add({expansion_.model_weight()});
  return true;
}

std::vector<AgentFigure> SteveAgent::figure_columns() {
  std::vector<AgentFigure> all = Td3Agent::figure_columns();
  all.push_back(model_loss_column());
  all.push_back({.name = "model_weight", .title = "weight", .decimals = 2});
  return all;
}

std::vector<double> SteveAgent::figures() const {
  std::vector<double> all = Td3Agent::figures();
  all.push_back(model_.loss());
  all.push_back(weights_.values()[0]);
  return all;
}

void SteveAgent::save(StateDict& out, const std::string& prefix) const {
  Td3Agent::save(out, prefix);
  model_.save(out, prefix);
  weights_.save(out, prefix + "model_weight");
}

void SteveAgent::load(const StateDict& in, const std::string& prefix) {
  Td3Agent::load(in, prefix);
  model_.load(in, prefix);
  weights_.load(in, prefix + "model_weight");
  expansion_.set_model(model());
}

ExpansionSettings steve_settings() {
  ExpansionSettings s;
  s.model.members = 4;
  s.td3.critics = 4;
  s.td3.objective = PolicyObjective::kMean;
  return s;
}

void register_steve(AlgorithmRegistry& registry) {
  ExpansionSettings quick = steve_settings();
  quicken(quick);
  register_expansion<SteveAgent>(
      registry, "steve",
      "STEVE (Buckman et al. 2018): DDPG whose targets look ahead as far as learned ensembles agree.",
      steve_settings(), quick);
}

}  // namespace mbrl
