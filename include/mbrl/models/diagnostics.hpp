// How good is a learned model on data it has not seen: likelihood, error, calibration, and how errors
// compound. For any model; an MLP ensemble is judged by vector kernels (models/neural/diagnostics.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"

namespace mbrl {

/// The predictive distribution of an ensemble is the equal mixture of its members' Gaussians (Chua et al.
/// 2018, section 4); of a network ensemble, of its elites.
struct PredictionReport {
  double nll = 0;   // -log p(next_obs | obs, action) a dimension, mean over samples; joint over dimensions
  double rmse = 0;  // of the mixture's mean, each dimension in units of `scale`
  double calibration_50 =
      0;  // share of outcomes inside the central 50, 90 and 95 % intervals of the marginals
  double calibration_90 = 0;
  double calibration_95 = 0;
  double calibration_error =
      0;  // mean over levels 0.05, 0.10, ..., 0.95 of |share below that quantile - level|
};

namespace detail {

// The entries of the observation whose prediction is judged, and one over their scale.
struct JudgedEntries {
  std::vector<Index> rows;
  Vecf inverse_scale;

  // `constant(i)`: entry i stays what it is through an episode.
  template <class F>
  JudgedEntries(const char* where, int obs_dim, ConstVecRef<float> scale, F&& constant) {
    require_dim(where, "scale", scale.size(), obs_dim);
    require((scale.array() >= 0).all(), where, ": scale is ", scale.transpose(),
            ", expected numbers of at least 0");
    for (Index i = 0; i < scale.size(); ++i)
      if (scale(i) > 0 && !constant(i)) rows.push_back(i);
    require(!rows.empty(), where,
            ": every entry is constant or has scale 0, expected at least one that varies");
    inverse_scale = scale(rows).cwiseInverse();
  }
  // Mean square of the scaled differences.
  template <class S>
  double mean_square(const Batch<S>& predicted, ConstBatchRef<float> truth) const {
    const Batch<S> error =
        (predicted(rows, Eigen::all) - truth(rows, Eigen::all).template cast<S>()).array().colwise() *
        inverse_scale.array().template cast<S>();
    return error.template cast<double>().squaredNorm() / static_cast<double>(error.size());
  }
};

inline void check_predicted(const char* where, int obs_dim, int action_dim, ConstBatchRef<float> obs,
                            ConstBatchRef<float> action) {
  require_dim(where, "obs", obs.rows(), obs_dim);
  require_dim(where, "action", action.rows(), action_dim);
  require(obs.cols() > 0, where, ": no samples were given, expected at least one");
  require(obs.cols() == action.cols(), where, ": ", action.cols(), " actions for ", obs.cols(),
          " observations");
}

// Fills likelihood and calibration of n outcomes under a mixture of Gaussians: at(member, entry, sample) is
// {outcome - mean, log-variance}.
template <class F>
void judge_mixture(std::size_t members, const std::vector<Index>& entries, Index n, F&& at,
                   PredictionReport& report) {
  constexpr int kLevels = 19;
  std::array<double, kLevels> below{};
  double inside_50 = 0, inside_90 = 0, inside_95 = 0, nll = 0;
  const auto share = static_cast<double>(members);
  std::vector<double> log_density(members);
  for (Index i = 0; i < n; ++i) {
    std::fill(log_density.begin(), log_density.end(), 0.0);
    for (const Index d : entries) {
      double cdf = 0;
      for (std::size_t m = 0; m < members; ++m) {
        const auto [error, logvar] = at(m, d, i);
        const double z = error / std::exp(0.5 * logvar);
        log_density[m] -= 0.5 * (z * z + logvar + std::log(2 * std::numbers::pi));
        cdf += 0.5 * std::erfc(-z / std::numbers::sqrt2) / share;
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
    nll -= top + std::log(sum / share);
  }
  const auto count = static_cast<double>(static_cast<Index>(entries.size()) * n);
  report.nll = nll / count;
  report.calibration_50 = inside_50 / count;
  report.calibration_90 = inside_90 / count;
  report.calibration_95 = inside_95 / count;
  report.calibration_error = 0;
  for (int level = 1; level <= kLevels; ++level)
    report.calibration_error +=
        std::abs(below[static_cast<std::size_t>(level - 1)] / count - 0.05 * level) / kLevels;
}

// For a model that says nothing about its own error.
inline void judge_nothing(PredictionReport& report) {
  report.nll = report.calibration_50 = report.calibration_90 = report.calibration_95 =
      report.calibration_error = std::numeric_limits<double>::quiet_NaN();
}

// Means (and variances, where the model has them) of every member, obs_dim x n each.
template <class Model>
struct MemberPredictions {
  using S = typename Model::Scalar;
  static constexpr bool kGaussian = EnsembleModel<Model> || ProbabilisticModel<Model>;

  MemberPredictions(const Model& model, const Batch<S>& obs, ConstBatchRef<float> actions) {
    const Batch<S> action = actions.template cast<S>();
    typename Model::Workspace workspace;
    int members = 1;
    if constexpr (EnsembleModel<Model>) members = static_cast<int>(model.members());
    for (int m = 0; m < members; ++m) {
      mean.emplace_back(obs.rows(), obs.cols());
      if constexpr (kGaussian) variance.emplace_back(obs.rows(), obs.cols());
      if constexpr (EnsembleModel<Model>)
        model.predict(m, obs, action, mean.back(), variance.back(), workspace);
      else if constexpr (ProbabilisticModel<Model>)
        model.predict(obs, action, mean.back(), variance.back(), workspace);
      else
        model.step(obs, action, mean.back(), workspace);
    }
  }
  Batch<S> mixture_mean() const {
    Batch<S> sum = mean.front();
    for (std::size_t m = 1; m < mean.size(); ++m) sum += mean[m];
    return sum / static_cast<S>(mean.size());
  }

  std::vector<Batch<S>> mean, variance;
};

}  // namespace detail

template <class M>
concept AnyKindOfModel = DynamicsModel<M> || EnsembleModel<M>;

/// obs, next_obs: obs_dim x n; action: action_dim x n; scale: obs_dim, at least 0. Entries of scale 0 (they
/// do not vary, so no unit measures their error) are left out. A model without variances, or with one of 0 in
/// an entry that counts, has an rmse only, the rest is NaN. Throws for n = 0, for wrong dimensions and where
/// nothing is left.
template <AnyKindOfModel Model>
PredictionReport evaluate_predictions(const Model& model, ConstBatchRef<float> obs,
                                      ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                                      ConstVecRef<float> scale) {
  constexpr const char* kWhere = "evaluate_predictions";
  using S = typename Model::Scalar;
  const int obs_dim = static_cast<int>(model.obs_dim());
  detail::check_predicted(kWhere, obs_dim, static_cast<int>(model.action_dim()), obs, action);
  require_dim(kWhere, "next_obs", next_obs.rows(), obs_dim);
  require_dim(kWhere, "the batch of next_obs", next_obs.cols(), obs.cols());
  const detail::JudgedEntries judged(kWhere, obs_dim, scale, [](Index) { return false; });
  const detail::MemberPredictions<Model> predicted(model, obs.template cast<S>(), action);

  PredictionReport report;
  report.rmse = std::sqrt(judged.mean_square<S>(predicted.mixture_mean(), next_obs));
  bool judgeable = predicted.kGaussian;
  for (const Batch<S>& v : predicted.variance)
    judgeable = judgeable && (v(judged.rows, Eigen::all).array() > S(0)).all();
  if (!judgeable) {
    detail::judge_nothing(report);
    return report;
  }
  detail::judge_mixture(
      predicted.mean.size(), judged.rows, obs.cols(),
      [&](std::size_t m, Index d, Index i) {
        return std::pair(static_cast<double>(next_obs(d, i)) - static_cast<double>(predicted.mean[m](d, i)),
                         std::log(static_cast<double>(predicted.variance[m](d, i))));
      },
      report);
  return report;
}

/// Error of the mean prediction fed back into itself with the recorded actions: entry k - 1 is the root mean
/// square error k steps ahead over all windows and dimensions, each dimension in units of `scale` (entries
/// left out as above). `first` is obs_dim x n, actions[k] and truth[k] hold the action of step k and the
/// observation after it. A prediction that stops being finite makes the error of that step and all later ones
/// infinite.
template <AnyKindOfModel Model>
std::vector<double> open_loop_rmse(const Model& model, ConstBatchRef<float> first,
                                   const std::vector<Batchf>& actions, const std::vector<Batchf>& truth,
                                   ConstVecRef<float> scale) {
  constexpr const char* kWhere = "open_loop_rmse";
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  using S = typename Model::Scalar;
  require(actions.size() == truth.size(), kWhere, ": ", actions.size(), " steps of actions, but ",
          truth.size(), " of observations");
  const int obs_dim = static_cast<int>(model.obs_dim());
  const detail::JudgedEntries judged(kWhere, obs_dim, scale, [](Index) { return false; });
  std::vector<double> rmse;
  Batch<S> obs = first.template cast<S>();
  for (std::size_t k = 0; k < actions.size(); ++k) {
    detail::check_predicted(kWhere, obs_dim, static_cast<int>(model.action_dim()), first, actions[k]);
    require_dim(kWhere, "truth", truth[k].rows(), obs_dim);
    require_dim(kWhere, "truth's batch", truth[k].cols(), obs.cols());
    if (obs.allFinite()) obs = detail::MemberPredictions<Model>(model, obs, actions[k]).mixture_mean();
    const double square = obs.allFinite() ? judged.mean_square<S>(obs, truth[k]) : kInfinite;
    rmse.push_back(std::isfinite(square) ? std::sqrt(square) : kInfinite);
  }
  return rmse;
}

}  // namespace mbrl
