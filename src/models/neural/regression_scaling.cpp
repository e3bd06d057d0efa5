#include "mbrl/models/neural/regression_scaling.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/task/encoding_checkpoint.hpp"
#include "models/neural/standard_scale.hpp"

namespace mbrl {
namespace {

void raw_inputs(const ObsEncoding& encoding, int action_dim, const ConstBatchRef<float>& obs,
                const ConstBatchRef<float>& action, Batchf& out) {
  require_dim("a learned model", "action", action.rows(), action_dim);
  require_dim("a learned model", "the batch of actions", action.cols(), obs.cols());
  out.resize(encoding.feature_dim() + action_dim, obs.cols());
  encoding.encode<float>(obs, out.topRows(encoding.feature_dim()));
  out.bottomRows(action_dim) = action;
}

void standardise(const Vecf& mean, const Vecf& std_dev, Batchf& x) {
  x = ((x.colwise() - mean).array().colwise() / std_dev.array()).matrix();
}

// An activation may make a number of NaN.
void spread_nan(const ConstBatchRef<float>& obs, const ConstBatchRef<float>& action, BatchRef<float>& out) {
  for (Index j = 0; j < obs.cols(); ++j)
    if (!obs.col(j).allFinite() || !action.col(j).allFinite())
      out.col(j).setConstant(std::numeric_limits<float>::quiet_NaN());
}

}  // namespace

RegressionScaling::RegressionScaling(const char* who, const ObsEncoding& encoding, int action_dim)
    : encoding_(encoding), action_dim_(action_dim) {
  require(obs_dim() >= 1 && action_dim >= 1, who, ": dimensions of ", obs_dim(), " and ", action_dim,
          ", expected at least 1");
  encoding.validate();
  input_mean_ = Vecf::Zero(input_dim());
  input_std_ = Vecf::Ones(input_dim());
  target_mean_ = Vecf::Zero(obs_dim());
  target_std_ = Vecf::Ones(obs_dim());
}

void RegressionScaling::fit(const TransitionBatch& data) {
  check_transitions(data, obs_dim(), action_dim(), false);
  Batchf inputs, targets(obs_dim(), data.obs.cols());
  raw_inputs(encoding_, action_dim_, data.obs, data.action, inputs);
  encoding_.target<float>(data.obs, data.next_obs, targets);
  for (Index r = 0; r < inputs.rows(); ++r) {
    const auto [mean, std_dev] = input_scale(inputs, r);
    input_mean_[r] = static_cast<float>(mean);
    input_std_[r] = static_cast<float>(std_dev);
  }
  for (Index r = 0; r < targets.rows(); ++r) {
    const auto [mean, std_dev] = target_scale(targets, r, &data.obs);
    target_mean_[r] = static_cast<float>(mean);
    target_std_[r] = static_cast<float>(std_dev);
  }
}

void RegressionScaling::inputs(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& out) const {
  raw_inputs(encoding_, action_dim_, obs, action, out);
  standardise(input_mean_, input_std_, out);
}

void RegressionScaling::targets(const TransitionBatch& data, Batchf& out) const {
  out.resize(obs_dim(), data.obs.cols());
  encoding_.target<float>(data.obs, data.next_obs, out);
  standardise(target_mean_, target_std_, out);
}

void RegressionScaling::next_obs(ConstBatchRef<float> obs, ConstBatchRef<float> action,
                                 ConstBatchRef<float> target, BatchRef<float> out) const {
  const Batchf change =
      (target_std_.asDiagonal() * target).colwise() + target_mean_;  // `out` may be `target`
  encoding_.decode<float>(obs, change, out);
  spread_nan(obs, action, out);
}

void RegressionScaling::scale_variance(ConstBatchRef<float> obs, ConstBatchRef<float> action,
                                       BatchRef<float> variance) const {
  for (Index r = 0; r < variance.rows(); ++r)
    variance.row(r) *= encoding_.targets[static_cast<std::size_t>(r)] == TargetKind::kConstant
                           ? 0.0f
                           : target_std_[r] * target_std_[r];
  spread_nan(obs, action, variance);
}

void RegressionScaling::save(StateDict& out, const std::string& prefix) const {
  save_encoding(encoding_, out, prefix);
  out.put_scalar(prefix + "action_dim", static_cast<std::int64_t>(action_dim_));
  out.put_matrix(prefix + "input_mean", input_mean_);
  out.put_matrix(prefix + "input_std", input_std_);
  out.put_matrix(prefix + "target_mean", target_mean_);
  out.put_matrix(prefix + "target_std", target_std_);
}

void RegressionScaling::load(const StateDict& in, const std::string& prefix) {
  require_dim("checkpoint: '" + prefix + "action_dim'", "the action",
              in.get_scalar<std::int64_t>(prefix + "action_dim"), action_dim_);
  const ObsEncoding encoding = load_encoding(in, prefix);
  require(encoding == encoding_, "checkpoint: '", prefix, "encoding' is of another task (",
          encoding.obs_dim(), " entries and ", encoding.feature_dim(), " features, expected ", obs_dim(),
          " and ", encoding_.feature_dim(), " of the same kinds)");
  RegressionScaling read = *this;
  const auto take = [&](const char* what, Vecf& out, bool positive) {
    const std::string name = prefix + what;
    const Batchf values = in.get_matrix<float>(name);
    require_dim("checkpoint", "'" + name + "'", values.size(), out.size());
    out = values.reshaped();
    require(out.allFinite() && (!positive || (out.array() > 0.0f).all()), "checkpoint: '", name,
            "' holds a number that no scale has");
  };
  take("input_mean", read.input_mean_, false);
  take("input_std", read.input_std_, true);
  take("target_mean", read.target_mean_, false);
  take("target_std", read.target_std_, true);
  *this = std::move(read);
}

void RegressionTrainingSettings::validate(const std::string& who) const {
  require(epochs >= 1, who, ": epochs is ", epochs, ", expected at least 1");
  require(batch_size >= 1, who, ": batch_size is ", batch_size, ", expected at least 1");
  require(std::isfinite(learning_rate) && learning_rate > 0, who, ": learning_rate is ", learning_rate,
          ", expected a positive number");
  require(std::isfinite(max_gradient) && max_gradient >= 0, who, ": max_gradient is ", max_gradient,
          ", expected at least 0");
  require(holdout_ratio >= 0 && holdout_ratio < 1, who, ": holdout_ratio is ", holdout_ratio,
          ", expected 0 <= holdout_ratio < 1");
  require(max_holdout >= 0, who, ": max_holdout is ", max_holdout, ", expected at least 0");
  require(patience >= 0, who, ": patience is ", patience, ", expected at least 0");
  require(patience == 0 || (holdout_ratio > 0 && max_holdout > 0), who, ": patience is ", patience,
          " but nothing is held out; expected holdout_ratio and max_holdout > 0");
}

}  // namespace mbrl
