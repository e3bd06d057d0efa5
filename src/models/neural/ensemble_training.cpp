// Preparation of training data, elites and early stopping: what trainers share.
#include "mbrl/models/neural/ensemble_training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "mbrl/core/error.hpp"
#include "mbrl/data/splits.hpp"
#include "models/neural/columns.hpp"
#include "models/neural/standard_scale.hpp"

namespace mbrl {
namespace {

Batchf raw_inputs(const MlpEnsemble& model, ConstBatchRef<float> obs, ConstBatchRef<float> action) {
  Batchf inputs(model.input_dim(), obs.cols());
  model.encoding.encode<float>(obs, inputs.topRows(model.encoding.feature_dim()));
  inputs.bottomRows(model.action_dim) = action;
  return inputs;
}

void standardise(const std::vector<float>& mean, const std::vector<float>& std_dev, Batchf& x) {
  const Eigen::Map<const Vecf> m(mean.data(), x.rows()), s(std_dev.data(), x.rows());
  x = ((x.colwise() - m).array().colwise() / s.array()).matrix();
}
void standardise(const MlpEnsemble& model, Batchf& inputs) {
  standardise(model.input_mean, model.input_std, inputs);
}

// To these rows; the range, and how fine a change is resolved, come from all of the data.
void scale_to(const Batchf& inputs, const Batchf& targets, const TransitionBatch& data,
              bool standardise_targets, MlpEnsemble& model) {
  for (Index r = 0; r < inputs.rows(); ++r) {
    const auto [mean, std_dev] = input_scale(inputs, r);
    model.input_mean[static_cast<std::size_t>(r)] = static_cast<float>(mean);
    model.input_std[static_cast<std::size_t>(r)] = static_cast<float>(std_dev);
  }
  std::fill(model.target_mean.begin(), model.target_mean.end(), 0.0f);
  std::fill(model.target_std.begin(), model.target_std.end(), 1.0f);
  const Index regressed = targets.rows() - (model.settings.learned_termination ? 1 : 0);
  for (Index r = 0; r < regressed && standardise_targets; ++r) {
    const auto [mean, std_dev] = target_scale(targets, r, r < model.obs_dim() ? &data.obs : nullptr);
    model.target_mean[static_cast<std::size_t>(r)] = static_cast<float>(mean);
    model.target_std[static_cast<std::size_t>(r)] = static_cast<float>(std_dev);
  }
  for (Index r = 0; r < model.obs_dim(); ++r) {
    const auto i = static_cast<std::size_t>(r);
    model.obs_low[i] = std::min(data.obs.row(r).minCoeff(), data.next_obs.row(r).minCoeff());
    model.obs_high[i] = std::max(data.obs.row(r).maxCoeff(), data.next_obs.row(r).maxCoeff());
  }
}

}  // namespace

bool varies(double mean, double std_dev) { return std_dev >= std::max(1e-12, 1e-7 * std::abs(mean)); }

void EnsembleTrainingSettings::validate(int members) const {
  require(epochs >= 1, "training: epochs is ", epochs, ", expected at least 1");
  require(batch_size >= 1, "training: batch_size is ", batch_size, ", expected at least 1");
  require(std::isfinite(learning_rate) && learning_rate > 0.0f, "training: learning_rate is ", learning_rate,
          ", expected a positive number");
  for (const float decay : weight_decay)
    require(std::isfinite(decay) && decay >= 0.0f, "training: weight_decay holds ", decay,
            ", expected numbers of at least 0");
  require(std::isfinite(logvar_bound_weight) && logvar_bound_weight >= 0.0f,
          "training: logvar_bound_weight is ", logvar_bound_weight, ", expected at least 0");
  require(nll_beta >= 0.0f && nll_beta <= 1.0f, "training: nll_beta is ", nll_beta, ", expected 0 to 1");
  require(holdout_ratio >= 0.0 && holdout_ratio < 1.0, "training: holdout_ratio is ", holdout_ratio,
          ", expected 0 <= holdout_ratio < 1");
  require(max_holdout >= 0, "training: max_holdout is ", max_holdout, ", expected at least 0");
  require(patience >= 0, "training: patience is ", patience, ", expected at least 0");
  require(std::isfinite(improvement) && improvement >= 0.0, "training: improvement is ", improvement,
          ", expected at least 0");
  require(elites >= 0 && elites <= members, "training: elites is ", elites, ", expected 0 to ", members,
          " (the ensemble's members)");
  const bool holdout = holdout_ratio > 0.0 && max_holdout > 0;
  require(holdout || patience == 0, "training: patience is ", patience,
          " but nothing is held out; expected holdout_ratio and max_holdout > 0");
  require(holdout || elites == 0 || elites == members, "training: elites is ", elites, " of ", members,
          " but nothing is held out to choose them by; expected holdout_ratio and max_holdout > 0");
}

std::vector<std::uint32_t> PreparedTraining::epoch_order(int member, int epoch) const {
  const auto& sample = samples.at(static_cast<std::size_t>(member));
  const auto n = static_cast<std::uint32_t>(sample.size());
  std::vector<std::uint32_t> order(n);
  // 16 bits of member beside 16 bits of epoch: more of either would repeat an order, which does no harm.
  const std::uint32_t index = (static_cast<std::uint32_t>(member) << 16) ^ static_cast<std::uint32_t>(epoch);
  RandomStream(seed, Stream::kShuffle).permutation(order.data(), n, round, index);
  for (std::uint32_t& row : order) row = sample[row];
  return order;
}

void check_transitions(const TransitionBatch& data, const MlpEnsemble& model) {
  check_transitions(data, model.obs_dim(), model.action_dim, model.settings.learned_reward);
  if (model.settings.learned_termination)
    require_dim("training", "terminated", data.terminated.size(), data.obs.cols());
}

Batchf standardised_inputs(const MlpEnsemble& model, ConstBatchRef<float> obs, ConstBatchRef<float> action) {
  Batchf inputs = raw_inputs(model, obs, action);
  standardise(model, inputs);
  return inputs;
}

Batchf regression_targets(const MlpEnsemble& model, const TransitionBatch& data) {
  Batchf targets(model.target_dim(), data.obs.cols());
  model.encoding.target<float>(data.obs, data.next_obs, targets.topRows(model.obs_dim()));
  if (model.settings.learned_reward) targets.row(model.reward_row()) = data.reward.transpose();
  if (model.settings.learned_termination)
    targets.row(model.termination_row()) =
        Eigen::Map<const Batch<std::uint8_t>>(data.terminated.data(), 1, data.obs.cols()).cast<float>();
  return targets;
}

void fit_scaling(const TransitionBatch& data, MlpEnsemble& model) {
  check_transitions(data, model);
  scale_to(raw_inputs(model, data.obs, data.action), regression_targets(model, data), data, true, model);
}

PreparedTraining prepare_training(const TransitionBatch& data, const EnsembleTrainingSettings& settings,
                                  std::uint64_t seed, std::uint32_t round, MlpEnsemble& model) {
  const int members = static_cast<int>(model.members.size());
  settings.validate(members);
  model.validate();
  check_transitions(data, model);

  const auto rows = static_cast<std::uint32_t>(data.obs.cols());
  const HoldoutSplit split = holdout_split(rows, settings.holdout_ratio,
                                           static_cast<std::uint32_t>(settings.max_holdout), seed, round);
  require(!split.holdout.empty() ||
              (settings.patience == 0 && (settings.elites == 0 || settings.elites == members)),
          "training: holdout_ratio ", settings.holdout_ratio, " of ", rows,
          " samples holds none out, and elites or patience need some");

  const Batchf inputs = raw_inputs(model, data.obs, data.action);
  const Batchf targets = regression_targets(model, data);
  PreparedTraining prepared;
  prepared.seed = seed;
  prepared.round = round;
  take_columns(inputs, split.train, prepared.inputs);
  take_columns(targets, split.train, prepared.targets);
  take_columns(inputs, split.holdout, prepared.holdout_inputs);
  take_columns(targets, split.holdout, prepared.holdout_targets);

  scale_to(prepared.inputs, prepared.targets, data, settings.standardise_targets, model);
  standardise(model, prepared.inputs);
  standardise(model.target_mean, model.target_std, prepared.targets);
  if (prepared.holdout_inputs.cols() > 0) {
    standardise(model, prepared.holdout_inputs);
    standardise(model.target_mean, model.target_std, prepared.holdout_targets);
  }

  const Index n = prepared.inputs.cols();
  for (int member = 0; member < members; ++member) {
    if (settings.bootstrap) {
      prepared.samples.push_back(
          bootstrap_indices(static_cast<std::uint32_t>(n), seed, round, static_cast<std::uint32_t>(member)));
    } else {
      prepared.samples.emplace_back(static_cast<std::size_t>(n));
      std::iota(prepared.samples.back().begin(), prepared.samples.back().end(), 0u);
    }
  }
  return prepared;
}

EarlyStopping::EarlyStopping(int members, const EnsembleTrainingSettings& settings)
    : patience_(settings.patience),
      improvement_(settings.improvement),
      best_(static_cast<std::size_t>(members), std::numeric_limits<double>::infinity()),
      improved_(static_cast<std::size_t>(members), 0) {}

const std::vector<char>& EarlyStopping::update(const std::vector<double>& holdout_loss) {
  bool any = false;
  for (std::size_t i = 0; i < best_.size(); ++i) {
    const bool first = std::isinf(best_[i]);
    improved_[i] = first || best_[i] - holdout_loss[i] > improvement_ * best_[i] ? 1 : 0;
    if (improved_[i]) best_[i] = holdout_loss[i];
    any = any || improved_[i];
  }
  idle_ = any ? 0 : idle_ + 1;
  return improved_;
}

std::vector<int> choose_elites(const std::vector<double>& holdout_loss,
                               const EnsembleTrainingSettings& settings, int members) {
  std::vector<int> order(static_cast<std::size_t>(members));
  std::iota(order.begin(), order.end(), 0);
  if (holdout_loss.empty()) return order;
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return holdout_loss[static_cast<std::size_t>(a)] < holdout_loss[static_cast<std::size_t>(b)];
  });
  if (settings.elites > 0) order.resize(static_cast<std::size_t>(settings.elites));
  return order;
}

}  // namespace mbrl
