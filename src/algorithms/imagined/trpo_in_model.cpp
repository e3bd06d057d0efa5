#include "mbrl/algorithms/imagined/trpo_in_model.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl {

TrpoInModel::TrpoInModel(const char* who, const AlgorithmContext& context, const Budget& budget,
                         const ActorNoiseSettings& exploration, const MlpEnsembleSettings& model,
                         const ImaginationSettings& imagination, bool normalise_reward,
                         const TrpoSettings& trpo, std::vector<MetricColumn> columns)
    : RoundsInModel(who, context, budget, model, std::move(columns)),
      explorer_(env_.spec(), exploration, 0, context.seed),
      imagined_(model_, env_.spec(), imagination, normalise_reward, context.pool, context.seed),
      trpo_(env_.spec().obs_dim, action_bounds(env_.spec()), trpo, context.seed, context.pool) {}

Vecd TrpoInModel::act_in_real(std::int64_t episode) {
  return explorer_.act(acting(episode), collector_.obs(), collector_.steps(), collector_.t());
}

TrpoReport TrpoInModel::climb(RunObserver& observer, double entropy) {
  const auto number = static_cast<std::uint32_t>(trpo_.updates());
  const OnPolicyBatch* batch = nullptr;
  {
    const auto span = clock_.time(WorkKind::kModel);
    batch = &imagined_.make(who_, trpo_.policy(), trpo_, buffer_, budget_.rollouts, number);
  }
  TrpoReport report;
  {
    const auto span = clock_.time(WorkKind::kLearn);
    report = trpo_.update(*batch, entropy);
  }
  check(report, observer);
  return report;
}

void TrpoInModel::check(const TrpoReport& report, RunObserver& observer) {
  if (!report.finite()) {
    observer.on_failure();
    fail(who_, ": ", trpo_.trouble(report));
  }
  kl_ = report.kl;
}

void TrpoInModel::save(StateDict& out, const std::string& prefix, const Besides& besides) const {
  RoundsInModel::save(out, prefix, besides);
  trpo_.save(out, prefix + "trpo.");
  imagined_.save(out, prefix + "return_statistics.");
}

TrpoInModel::Besides TrpoInModel::load(const StateDict& in, const std::string& prefix, std::size_t counts,
                                       std::size_t figures) {
  trpo_.load(in, prefix + "trpo.");
  Besides besides = RoundsInModel::load(in, prefix, counts, figures);
  imagined_.load(in, prefix + "return_statistics.");
  imagined_.set_model(model_);
  imagined_.find_starts(buffer_);
  return besides;
}

}  // namespace mbrl
