#include "mbrl/models/neural/diagnostics.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

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

// The entries whose prediction is judged, and one over their scale.
struct JudgedEntries {
  std::vector<Index> rows;
  Vecf inverse_scale;

  JudgedEntries(const char* where, const MlpEnsemble& model, ConstVecRef<float> scale) {
    require_dim(where, "scale", scale.size(), model.obs_dim());
    require((scale.array() >= 0).all(), where, ": scale is ", scale.transpose(),
            ", expected numbers of at least 0");
    for (Index i = 0; i < scale.size(); ++i)
      if (scale(i) > 0 && model.encoding.targets[static_cast<std::size_t>(i)] != TargetKind::kConstant)
        rows.push_back(i);
    require(!rows.empty(), where,
            ": every entry is constant or has scale 0, expected at least one that varies");
    inverse_scale = scale(rows).cwiseInverse();
  }
  // Mean square of the scaled differences.
  double mean_square(const Batchf& predicted, ConstBatchRef<float> truth) const {
    const Batchf error =
        (predicted(rows, Eigen::all) - truth(rows, Eigen::all)).array().colwise() * inverse_scale.array();
    return error.cast<double>().squaredNorm() / static_cast<double>(error.size());
  }
};

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

void check_inputs(const char* where, const MlpEnsemble& model, Index obs_rows, Index action_rows,
                  Index obs_cols, Index action_cols) {
  require_dim(where, "obs", obs_rows, model.obs_dim());
  require_dim(where, "action", action_rows, model.action_dim);
  require(obs_cols > 0, where, ": no samples were given, expected at least one");
  require(obs_cols == action_cols, where, ": ", action_cols, " actions for ", obs_cols, " observations");
}

}  // namespace

PredictionReport evaluate_predictions(const PackedEnsemble& packed, ConstBatchRef<float> obs,
                                      ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                                      ConstVecRef<float> scale, ThreadPool& pool) {
  constexpr const char* kWhere = "evaluate_predictions";
  const MlpEnsemble& model = packed.model();
  const Index n = obs.cols();
  check_inputs(kWhere, model, obs.rows(), action.rows(), n, action.cols());
  require_dim(kWhere, "next_obs", next_obs.rows(), model.obs_dim());
  require_dim(kWhere, "the batch of next_obs", next_obs.cols(), n);
  const JudgedEntries judged(kWhere, model, scale);
  const ElitePredictions elites = predict_elites(packed, obs, action, pool);

  PredictionReport report;
  report.rmse = std::sqrt(judged.mean_square(mean_next_obs(model, elites, obs), next_obs));
  if (!model.settings.gaussian) {
    report.nll = report.calibration_50 = report.calibration_90 = report.calibration_95 = kNan;
    report.calibration_error = kNan;
    return report;
  }

  Batchf target(model.obs_dim(), n);
  model.encoding.target<float>(obs, next_obs, target);
  constexpr int kLevels = 19;
  std::array<double, kLevels> below{};
  double inside_50 = 0, inside_90 = 0, inside_95 = 0, nll = 0;
  const auto members = static_cast<double>(elites.mean.size());
  std::vector<double> log_density(elites.mean.size());
  for (Index i = 0; i < n; ++i) {
    std::fill(log_density.begin(), log_density.end(), 0.0);
    for (const Index d : judged.rows) {
      double cdf = 0;
      for (std::size_t m = 0; m < elites.mean.size(); ++m) {
        const double logvar = static_cast<double>(elites.logvar[m](d, i));
        const double z = (static_cast<double>(target(d, i)) - static_cast<double>(elites.mean[m](d, i))) /
                         std::exp(0.5 * logvar);
        log_density[m] -= 0.5 * (z * z + logvar + std::log(2 * std::numbers::pi));
        cdf += normal_cdf(z) / members;
      }
      inside_50 += std::abs(cdf - 0.5) <= 0.25;
      inside_90 += std::abs(cdf - 0.5) <= 0.45;
      inside_95 += std::abs(cdf - 0.5) <= 0.475;
      for (int level = 1; level <= kLevels; ++level)
        below[static_cast<std::size_t>(level - 1)] += cdf <= 0.05 * level;
    }
    double top = log_density[0];
    for (const double l : log_density) top = std::max(top, l);
    double sum = 0;
    for (const double l : log_density) sum += std::exp(l - top);
    nll -= top + std::log(sum / members);
  }
  const auto count = static_cast<double>(static_cast<Index>(judged.rows.size()) * n);
  report.nll = nll / count;
  report.calibration_50 = inside_50 / count;
  report.calibration_90 = inside_90 / count;
  report.calibration_95 = inside_95 / count;
  for (int level = 1; level <= kLevels; ++level)
    report.calibration_error +=
        std::abs(below[static_cast<std::size_t>(level - 1)] / count - 0.05 * level) / kLevels;
  return report;
}

std::vector<double> open_loop_rmse(const PackedEnsemble& packed, ConstBatchRef<float> first,
                                   const std::vector<Batchf>& actions, const std::vector<Batchf>& truth,
                                   ConstVecRef<float> scale, ThreadPool& pool) {
  constexpr const char* kWhere = "open_loop_rmse";
  const MlpEnsemble& model = packed.model();
  require(actions.size() == truth.size(), kWhere, ": ", actions.size(), " steps of actions, but ",
          truth.size(), " of observations");
  const JudgedEntries judged(kWhere, model, scale);
  std::vector<double> rmse;
  Batchf obs = first;
  for (std::size_t k = 0; k < actions.size(); ++k) {
    check_inputs(kWhere, model, obs.rows(), actions[k].rows(), obs.cols(), actions[k].cols());
    require_dim(kWhere, "truth", truth[k].rows(), obs.rows());
    require_dim(kWhere, "truth's batch", truth[k].cols(), obs.cols());
    if (!obs.allFinite()) {
      rmse.push_back(std::numeric_limits<double>::infinity());
      continue;
    }
    obs = mean_next_obs(model, predict_elites(packed, obs, actions[k], pool), obs);
    const double square = judged.mean_square(obs, truth[k]);
    rmse.push_back(std::isfinite(square) ? std::sqrt(square) : std::numeric_limits<double>::infinity());
  }
  return rmse;
}

VarianceParts decompose_variance(const PackedEnsemble& packed, ConstBatchRef<float> obs,
                                 ConstBatchRef<float> action, ThreadPool& pool) {
  const MlpEnsemble& model = packed.model();
  check_inputs("decompose_variance", model, obs.rows(), action.rows(), obs.cols(), action.cols());
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
