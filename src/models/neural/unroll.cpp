#include "mbrl/models/neural/unroll.hpp"

#include "mbrl/core/error.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl {
namespace {

using ConstVector = Eigen::Map<const Vecf>;

ConstVector vector(const std::vector<float>& v) { return {v.data(), static_cast<Index>(v.size())}; }

}  // namespace

Windows windows_at(const TransitionBuffer& data, int steps, std::span<const std::uint32_t> starts) {
  Windows out;
  std::vector<std::uint32_t> rows(starts.begin(), starts.end());
  for (int i = 0; i < steps; ++i) {
    Transitions step = data.batch(std::span<const std::uint32_t>(rows));
    if (i == 0) out.obs.push_back(std::move(step.obs));
    out.obs.push_back(std::move(step.next_obs));
    out.action.push_back(std::move(step.action));
    out.reward.push_back(std::move(step.reward));
    for (std::uint32_t& row : rows) ++row;
  }
  return out;
}

Unroll::Unroll(const nn::Network& shape, int max_steps, int max_windows)
    : predicted_(static_cast<std::size_t>(max_steps) + 1), error_(static_cast<std::size_t>(max_steps)) {
  passes_.reserve(error_.size());  // a Pass points into itself
  for (int i = 0; i < max_steps; ++i) passes_.emplace_back(shape, max_windows);
}

double Unroll::run(const MlpEnsemble& model, const nn::Network& network, const Windows& windows, Index first,
                   Index count, MultiStepLoss loss) {
  const auto steps = static_cast<std::size_t>(windows.steps());
  require(steps <= passes_.size(), "Unroll: ", steps, " steps, but there is room for ", passes_.size());
  const Index states = model.obs_dim(), targets = model.target_dim();
  const ConstVector mean = vector(model.target_mean), scale = vector(model.target_std);
  predicted_[0] = windows.obs[0].middleCols(first, count);
  Batchf y(targets, count);
  for (std::size_t i = 0; i < steps; ++i) {
    passes_[i].set_input(
        standardised_inputs(model, predicted_[i], windows.action[i].middleCols(first, count)));
    passes_[i].forward(network, static_cast<int>(count));
    error_[i] = passes_[i].outputs(static_cast<int>(count));  // until errors()
    y = ((error_[i].array().colwise() * scale.array()).colwise() + mean.array()).matrix();
    predicted_[i + 1].resize(states, count);
    model.encoding.decode<float>(predicted_[i], y.topRows(states), predicted_[i + 1]);
  }
  const double value = errors(model, windows, first, count, loss);
  lead_back(model, network, steps, count, loss);
  return value;
}

// The loss; in place of the outputs its gradient, all in units of target_std.
double Unroll::errors(const MlpEnsemble& model, const Windows& windows, Index first, Index count,
                      MultiStepLoss loss) {
  const auto steps = static_cast<std::size_t>(windows.steps());
  const Index states = model.obs_dim(), targets = model.target_dim();
  const ConstVector mean = vector(model.target_mean), scale = vector(model.target_std);
  const double share = 1.0 / static_cast<double>(steps) / static_cast<double>(windows.count());
  double sum = 0;
  Batchf target(targets, count);
  for (std::size_t i = 0; i < steps; ++i) {
    const auto truth = windows.obs[i + 1].middleCols(first, count);
    model.encoding.target<float>(windows.obs[i].middleCols(first, count), truth, target.topRows(states));
    if (targets > states) target.bottomRows(1) = windows.reward[i].segment(first, count).transpose();
    Batchf& error = error_[i];
    error -= ((target.colwise() - mean).array().colwise() / scale.array()).matrix();
    if (loss == MultiStepLoss::kNorm) {
      for (Index j = 0; j < count; ++j) {
        const float norm = error.col(j).norm();
        sum += share * static_cast<double>(norm);
        error.col(j) *= norm > 0 ? static_cast<float>(share) / norm : 0.0f;
      }
      continue;
    }
    error.topRows(states) =
        ((predicted_[i + 1] - truth).array().colwise() / scale.head(states).array()).matrix();
    sum += share / static_cast<double>(targets) * static_cast<double>(error.squaredNorm());
    error *= static_cast<float>(2 * share / static_cast<double>(targets));
  }
  return sum;
}

// From the last step to the first: what the loss says of a state goes on to the prediction that it came from and, by that
// prediction's input, to the state before.
void Unroll::lead_back(const MlpEnsemble& model, const nn::Network& network, std::size_t steps, Index count,
                       MultiStepLoss loss) {
  const Index states = model.obs_dim(), features = model.encoding.feature_dim();
  const ConstVector scale = vector(model.target_std), input_scale = vector(model.input_std);
  const int samples = static_cast<int>(count);
  Batchf state = Batchf::Zero(states, count);  // gradient of the loss at x_{i+1}
  sum_ = AlignedFloats(network.parameters().size());
  for (std::size_t i = steps; i-- > 0;) {
    nn::Pass& pass = passes_[i];
    Batchf out = error_[i];
    if (loss == MultiStepLoss::kSquared) {
      state += (error_[i].topRows(states).array().colwise() / scale.head(states).array()).matrix();
      out.topRows(states).setZero();
    }
    for (Index r = 0; r < states; ++r)
      if (model.encoding.targets[static_cast<std::size_t>(r)] != TargetKind::kConstant)
        out.row(r) += scale(r) * state.row(r);
    pass.output_gradients(samples) = out;
    pass.backward(network, samples, &part_, i > 0);
    sum_ += part_;
    if (i == 0) break;
    for (Index r = 0; r < states; ++r)
      if (model.encoding.targets[static_cast<std::size_t>(r)] == TargetKind::kAbsolute)
        state.row(r).setZero();
    const auto in = pass.input_gradients(samples);
    for (Index f = 0; f < features; ++f) {
      const ObsFeature feature = model.encoding.features[static_cast<std::size_t>(f)];
      const auto x = predicted_[i].row(feature.obs_index).array();
      const auto through = in.row(f).array() / input_scale(f);
      auto to = state.row(feature.obs_index).array();
      if (feature.kind == ObsFeature::Kind::kIdentity) to += through;
      if (feature.kind == ObsFeature::Kind::kSin) to += through * x.cos();
      if (feature.kind == ObsFeature::Kind::kCos) to -= through * x.sin();
    }
  }
}

}  // namespace mbrl
