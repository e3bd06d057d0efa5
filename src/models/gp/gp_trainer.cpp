#include "mbrl/models/gp/gp_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/gp/sparse_gp.hpp"
#include "models/gp/inducing.hpp"
#include "models/gp/kernel.hpp"

namespace mbrl {
namespace {

// Root mean squares below this are those of a target that is always 0, but for rounding.
constexpr double kNothing = 1e-12;

// Rows of more than `most`, drawn without replacement and in their order.
std::vector<Index> subset(Index rows, Index most, std::uint64_t seed, std::uint32_t round) {
  std::vector<std::uint32_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), 0u);
  if (rows > most) {
    RandomStream(seed, Stream::kShuffle).permutation(order.data(), static_cast<std::uint32_t>(rows), round);
    order.resize(static_cast<std::size_t>(most));
    std::sort(order.begin(), order.end());
  }
  return {order.begin(), order.end()};
}

// Standard deviations of rows; 1 where nothing varies.
Vecd deviations(const Batchd& x) {
  const Vecd centre = x.rowwise().mean();
  Vecd out = ((x.colwise() - centre).rowwise().squaredNorm() / static_cast<double>(x.cols())).cwiseSqrt();
  for (Index i = 0; i < out.size(); ++i)
    if (!(out[i] > 1e-7 * std::abs(centre[i]) && out[i] > kNothing)) out[i] = 1.0;
  return out;
}

}  // namespace

void GpSettings::validate(const char* who) const {
  require(max_points >= 2, who, ": max_points is ", max_points, ", expected at least 2");
  require(inducing >= 1, who, ": inducing is ", inducing, ", expected at least 1");
  require(restarts >= 0, who, ": restarts is ", restarts, ", expected at least 0");
  require(max_signal_to_noise == 0.0 || (max_signal_to_noise > 1.0 && std::isfinite(max_signal_to_noise)),
          who, ": max_signal_to_noise is ", max_signal_to_noise, ", expected a number above 1, or 0");
  require(noise >= 0.0 && std::isfinite(noise), who, ": noise is ", noise,
          ", expected a number of at least 0");
  search.validate(who);
}

GpTrainer::GpTrainer(const GpSettings& settings, ThreadPool& pool, std::uint64_t seed)
    : settings_(settings), pool_(&pool), seed_(seed) {
  settings.validate("GpTrainer");
}

TrainingReport GpTrainer::train(const TransitionBatch& data, GpModel& model, std::uint32_t round,
                                const EpochCallback& on_epoch) {
  check_transitions(data, model.obs_dim(), model.action_dim(), false);
  require(data.obs.cols() >= 2,
          "GpTrainer: 1 sample, expected at least 2: of one nothing can be learned about how fast "
          "targets vary");
  const bool sparse = settings_.more != ManyPoints::kSubset && data.obs.cols() > settings_.max_points;
  const auto kind =
      settings_.more == ManyPoints::kFitc ? SparseApproximation::kFitc : SparseApproximation::kVfe;
  const std::vector<Index> rows =
      subset(data.obs.cols(), sparse ? data.obs.cols() : settings_.max_points, seed_, round);
  const auto n = static_cast<Index>(rows.size());
  if (!sparse)
    gp::check_memory(n, model.obs_dim(), std::min(pool_->size(), model.obs_dim() * (1 + settings_.restarts)));
  const Batchd obs = data.obs(Eigen::all, rows).cast<double>(),
               action = data.action(Eigen::all, rows).cast<double>();
  Batchd inputs, targets(model.obs_dim(), n);
  model.encode(obs, action, inputs);
  model.encoding().target<double>(obs, data.next_obs(Eigen::all, rows).cast<double>(), targets);

  const Index d = inputs.rows();
  const Vecd unit = deviations(inputs), log_unit = unit.array().log();
  const Vecd size = targets.rowwise().norm() / std::sqrt(static_cast<double>(n));
  const Batchd x = inputs.array().colwise() / unit.array();
  Batchd inducing;
  if (sparse) inducing = gp::inducing_inputs(x, std::min<Index>(settings_.inducing, n), seed_, round);
  // Fewer searches than threads take turns, and the threads share each one's matrices: the same numbers.
  const int entries = model.obs_dim(), starts = 1 + settings_.restarts;
  const bool turns = entries * starts < pool_->size() && !sparse;
  const auto compute_evidence = [&](const Vecd& y, const GpHyperparameters& h, GpEvidence& e,
                                    GpEvidenceWorkspace& workspace) {
    if (!sparse) {
      log_evidence(x, y, h, e, workspace, turns ? pool_ : nullptr);
      return;
    }
    SparseEvidence of_sparse = sparse_evidence(kind, x, y, inducing, h);
    e = {of_sparse.value, std::move(of_sparse.gradient), of_sparse.jitter};
  };
  GpPriors priors;
  if (!settings_.priors) priors = {.lengthscale = {}, .variance = {}};
  priors.max_signal_to_noise = settings_.max_signal_to_noise;
  const RandomStream random(seed_, Stream::kWeights);

  std::vector<LbfgsResult> found(static_cast<std::size_t>(entries * starts));
  std::vector<double> evidence(found.size(), 0.0);
  const auto search = [&](int task) {
    const int entry = task / starts, start = task % starts;
    const auto at = static_cast<std::size_t>(task);
    if (!(size[entry] > kNothing)) return;
    const Vecd y = targets.row(entry).transpose() / size[entry];
    GpHyperparameters first{Vecd::Zero(d), 0.0, std::log(0.1)};
    if (start == 0 && !model.empty()) {
      first = model.hyperparameters(entry);
      first.log_lengthscale -= log_unit;
      first.log_signal -= std::log(size[entry]);
      first.log_noise -= std::log(size[entry]);
    } else if (start > (model.empty() ? 0 : 1)) {
      const auto draw = [&](double low, double high, Index i) {
        return random.uniform(low, high, round, static_cast<std::uint32_t>(entry),
                              static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(i));
      };
      for (Index i = 0; i < d; ++i) first.log_lengthscale[i] = draw(-1.0, 2.0, i);
      first.log_signal = draw(-1.0, 1.0, d);
      first.log_noise = draw(-5.0, -1.0, d + 1);
    }
    if (settings_.noise > 0.0) first.log_noise = std::log(settings_.noise);
    GpEvidence e;
    GpEvidenceWorkspace workspace;
    const auto objective = [&](const Vecd& packed, Vecd& gradient) {
      if (!packed.allFinite()) return std::numeric_limits<double>::infinity();
      const auto h = GpHyperparameters::unpacked(packed);
      compute_evidence(y, h, e, workspace);
      const double value = e.value + priors.log_density(h, e.gradient);
      if (settings_.noise > 0.0) e.gradient[d + 1] = 0.0;
      gradient = -e.gradient / static_cast<double>(n);
      return -value / static_cast<double>(n);
    };
    found[at] = minimize_lbfgs(objective, first.packed(), settings_.search);
    compute_evidence(y, GpHyperparameters::unpacked(found[at].x), e, workspace);
    evidence[at] = e.value;
  };
  if (turns)
    for (int task = 0; task < entries * starts; ++task) search(task);
  else
    pool_->run(entries * starts, search);

  std::vector<GpHyperparameters> hyperparameters;
  TrainingReport report;
  report.epochs = 1;
  double loss = 0.0;
  fits_.assign(static_cast<std::size_t>(entries), {});
  for (int entry = 0; entry < entries; ++entry) {
    GpFit& fit = fits_[static_cast<std::size_t>(entry)];
    GpHyperparameters& h = hyperparameters.emplace_back();
    if (!(size[entry] > kNothing)) {  // the prior, of a width that does not matter
      h = {log_unit, std::log(1e-6), std::log(1e-6)};
      continue;
    }
    std::size_t best = static_cast<std::size_t>(entry * starts);
    for (int start = 0; start < starts; ++start) {
      const auto at = static_cast<std::size_t>(entry * starts + start);
      const bool usable = found[at].status != LbfgsStatus::kDivergedStart;
      if (usable &&
          (found[best].status == LbfgsStatus::kDivergedStart || found[at].value < found[best].value))
        best = at;
      fit.iterations += found[at].iterations;
      fit.evaluations += found[at].evaluations;
    }
    fit.status = found[best].status;
    fit.log_evidence = evidence[best];
    require(fit.status != LbfgsStatus::kDivergedStart, "GpTrainer: the evidence of entry ", entry,
            " is not finite at any start; expected data whose covariance is not singular (a noise above 0 "
            "helps)");
    h = GpHyperparameters::unpacked(found[best].x);
    h.log_lengthscale += log_unit;
    h.log_signal += std::log(size[entry]);
    h.log_noise += std::log(size[entry]);
    report.steps += fit.iterations;
    loss -= fit.log_evidence / static_cast<double>(n * entries);
  }
  if (sparse) {
    inducing.array().colwise() *= unit.array();
    std::vector<GpPosterior> posteriors(hyperparameters.size());
    pool_->run(entries, [&](int entry) {
      const auto at = static_cast<std::size_t>(entry);
      posteriors[at] =
          sparse_posterior(kind, inputs, Vecd(targets.row(entry)), inducing, hyperparameters[at]);
    });
    model.set_sparse(std::move(inducing), std::move(hyperparameters), std::move(posteriors));
  } else {
    model.condition(std::move(inputs), std::move(targets), std::move(hyperparameters));
  }
  for (int entry = 0; entry < entries; ++entry)
    fits_[static_cast<std::size_t>(entry)].jitter = model.posterior(entry).jitter;
  report.train_loss = {loss};
  if (on_epoch) on_epoch(0, 1, loss);
  return report;
}

}  // namespace mbrl
