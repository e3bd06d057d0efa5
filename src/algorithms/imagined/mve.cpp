#include "mbrl/algorithms/imagined/mve.hpp"

#include <algorithm>

#include "algorithms/model_free/td3_description.hpp"
#include "mbrl/rollout/value_expansion.hpp"

namespace mbrl {

MveAgent::MveAgent(const EnvSpec& spec, const MveSettings& settings, std::uint64_t seed, ThreadPool& pool)
    : Td3Agent(spec, settings.td3, settings.exploration, settings.random_steps, seed, pool),
      horizon_(settings.horizon),
      td_k_(settings.td_k),
      model_(settings, spec, seed, pool),
      imagination_(model_.ensemble(), model_.reward(), model_.termination(),
                   {.horizon = std::max(1, horizon_), .propagation = Propagation::kExpectation}, pool, seed) {
}

bool MveAgent::fit_model(const TransitionBuffer& buffer, std::int64_t steps, int round,
                         RunObserver& observer) {
  const FitOutcome outcome = model_.fit(buffer, steps, round, observer);
  if (outcome == FitOutcome::kFitted) imagination_.set_model(model());
  return outcome != FitOutcome::kStopped;
}

bool MveAgent::learn(const Transitions& batch) {
  const Index n = batch.obs.cols();
  if (horizon_ == 0) {
    const bool sound = Td3Agent::learn(batch);
    errors_ = Td3Agent::errors();
    return sound;
  }
  imagination_.run(learner().policy_target(), batch.next_obs, {}, paths_);
  expand_values(batch, paths_, discount(), expanded_, td_k_);
  const bool sound = learned(learner().update(expanded_, n), batch);
  errors_ = Td3Agent::errors().head(n);
  return sound;
}

std::vector<AgentFigure> MveAgent::figure_columns() {
  std::vector<AgentFigure> all = Td3Agent::figure_columns();
  all.push_back(model_loss_column());
  return all;
}

std::vector<double> MveAgent::figures() const {
  std::vector<double> all = Td3Agent::figures();
  all.push_back(model_.loss());
  return all;
}

void MveAgent::save(StateDict& out, const std::string& prefix) const {
  Td3Agent::save(out, prefix);
  model_.save(out, prefix);
}

void MveAgent::load(const StateDict& in, const std::string& prefix) {
  Td3Agent::load(in, prefix);
  model_.load(in, prefix);
  imagination_.set_model(model());
}

void register_mve(AlgorithmRegistry& registry) {
  const MveSettings published;
  MveSettings quick = published;
  quicken(quick);
  quick.td_k =
      false;  // see docs/mve.md: a critic that begins far above what rewards say learns badly with it
  register_expansion<MveAgent>(
      registry, "mve", "MVE (Feinberg et al. 2018): DDPG whose targets look ahead in a learned model.",
      published, quick);
}

}  // namespace mbrl
