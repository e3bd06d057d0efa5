#include "mbrl/models/neural/diagnostics.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

// Mean and log-variance of every elite, target_dim x n each.
struct ElitePredictions {
  std::vector<Batchf> mean, logvar;
};

ElitePredictions predict_elites(const PackedEnsemble& packed, ConstBatchRef<float> obs,
                                ConstBatchRef<float> action, ThreadPool& pool) {
  const MlpEnsemble& model = packed.model();
  ElitePredictions out;
  for (const int member : model.elites) {
    Batchf mean(model.target_dim(), obs.cols()), logvar(model.target_dim(), obs.cols());
    packed.predict(member, obs, action, mean, logvar, pool);
    out.mean.push_back(std::move(mean));
    out.logvar.push_back(std::move(logvar));
  }
  return out;
}

// Next observations by the mean of the elites.
Batchf mean_next_obs(const MlpEnsemble& model, const ElitePredictions& elites, ConstBatchRef<float> obs) {
  Batchf mean = Batchf::Zero(obs.rows(), obs.cols());
  for (const Batchf& m : elites.mean) mean += m.topRows(obs.rows());
  mean /= static_cast<float>(elites.mean.size());
  Batchf next(obs.rows(), obs.cols());
  model.encoding.decode<float>(obs, mean, next);
  return next;
}

detail::JudgedEntries judged_entries(const char* where, const MlpEnsemble& model, ConstVecRef<float> scale) {
  return {where, model.obs_dim(), scale, [&](Index i) {
            return model.encoding.targets[static_cast<std::size_t>(i)] == TargetKind::kConstant;
          }};
}

}  // namespace

PredictionReport evaluate_predictions(const PackedEnsemble& packed, ConstBatchRef<float> obs,
                                      ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                                      ConstVecRef<float> scale, ThreadPool& pool) {
  constexpr const char* kWhere = "evaluate_predictions";
  const MlpEnsemble& model = packed.model();
  const Index n = obs.cols();
  detail::check_predicted(kWhere, model.obs_dim(), model.action_dim, obs, action);
  require_dim(kWhere, "next_obs", next_obs.rows(), model.obs_dim());
  require_dim(kWhere, "the batch of next_obs", next_obs.cols(), n);
  const detail::JudgedEntries judged = judged_entries(kWhere, model, scale);
  const ElitePredictions elites = predict_elites(packed, obs, action, pool);

  PredictionReport report;
  report.rmse = std::sqrt(judged.mean_square<float>(mean_next_obs(model, elites, obs), next_obs));
  if (!model.settings.gaussian) {
    detail::judge_nothing(report);
    return report;
  }

  Batchf target(model.obs_dim(), n);
  model.encoding.target<float>(obs, next_obs, target);
  detail::judge_mixture(
      elites.mean.size(), judged.rows, n,
      [&](std::size_t m, Index d, Index i) {
        return std::pair(static_cast<double>(target(d, i)) - static_cast<double>(elites.mean[m](d, i)),
                         static_cast<double>(elites.logvar[m](d, i)));
      },
      report);
  return report;
}

std::vector<double> open_loop_rmse(const PackedEnsemble& packed, ConstBatchRef<float> first,
                                   const std::vector<Batchf>& actions, const std::vector<Batchf>& truth,
                                   ConstVecRef<float> scale, ThreadPool& pool) {
  constexpr const char* kWhere = "open_loop_rmse";
  const MlpEnsemble& model = packed.model();
  require(actions.size() == truth.size(), kWhere, ": ", actions.size(), " steps of actions, but ",
          truth.size(), " of observations");
  const detail::JudgedEntries judged = judged_entries(kWhere, model, scale);
  std::vector<double> rmse;
  Batchf obs = first;
  for (std::size_t k = 0; k < actions.size(); ++k) {
    detail::check_predicted(kWhere, model.obs_dim(), model.action_dim, obs, actions[k]);
    require_dim(kWhere, "truth", truth[k].rows(), obs.rows());
    require_dim(kWhere, "truth's batch", truth[k].cols(), obs.cols());
    if (!obs.allFinite()) {
      rmse.push_back(std::numeric_limits<double>::infinity());
      continue;
    }
    obs = mean_next_obs(model, predict_elites(packed, obs, actions[k], pool), obs);
    const double square = judged.mean_square<float>(obs, truth[k]);
    rmse.push_back(std::isfinite(square) ? std::sqrt(square) : std::numeric_limits<double>::infinity());
  }
  return rmse;
}

VarianceParts decompose_variance(const PackedEnsemble& packed, ConstBatchRef<float> obs,
                                 ConstBatchRef<float> action, ThreadPool& pool) {
  const MlpEnsemble& model = packed.model();
  detail::check_predicted("decompose_variance", model.obs_dim(), model.action_dim, obs, action);
  require(model.settings.gaussian,
          "decompose_variance: a deterministic ensemble has no aleatoric variance, expected a Gaussian one");
  const ElitePredictions elites = predict_elites(packed, obs, action, pool);
  const auto members = static_cast<float>(elites.mean.size());
  VarianceParts parts{Batchf::Zero(model.target_dim(), obs.cols()),
                      Batchf::Zero(model.target_dim(), obs.cols())};
  Batchf mean = Batchf::Zero(model.target_dim(), obs.cols());
  for (const Batchf& m : elites.mean) mean += m / members;
  for (std::size_t m = 0; m < elites.mean.size(); ++m) {
    parts.aleatoric.array() += elites.logvar[m].array().exp() / members;
    parts.epistemic.array() += (elites.mean[m] - mean).array().square() / members;
  }
  return parts;
}

}  // namespace mbrl
