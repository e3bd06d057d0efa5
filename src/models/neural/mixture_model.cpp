#include "mbrl/models/neural/mixture_model.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/blocks.hpp"
#include "models/neural/regression_loop.hpp"

namespace mbrl {
namespace {

// Components whose means are alike at first learn alike: they start apart, by about a deviation of the targets.
void spread_means(nn::Network& network, int components, int dim, std::uint64_t seed) {
  if (components == 1) return;
  const int last = static_cast<int>(network.layers().size()) - 1;
  nn::Network::Plain layer = network.layer(last);
  const RandomStream random(seed, Stream::kWeights);
  for (int k = 0; k < components; ++k)
    for (int r = 0; r < dim; ++r)
      layer.bias[components + 2 * k * dim + r] +=
          static_cast<float>(random.normal(1, static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(r)));
  network.set_layer(last, layer);
}

double mean_squared_error(const MixtureModel& model, const RegressionBatch& held_out) {
  const Index n = held_out.inputs.cols();
  Batchf outputs(model.head().parameter_count(), n);
  model.network().evaluate(held_out.inputs, outputs);
  nn::RowBatch<float> parameters = outputs, mean(model.obs_dim(), n), variance(model.obs_dim(), n);
  model.head().moments(parameters, mean, variance);
  return static_cast<double>((mean - held_out.targets).squaredNorm()) / static_cast<double>(mean.size());
}

}  // namespace

void MixtureModelSettings::validate(const std::string& who) const {
  require(components >= 1, who, ": components is ", components, ", expected at least 1");
  require(!network.batch_norm.on, who, ": network.batch_norm is on, which a mixture does not learn with");
  require(std::isfinite(temperature) && temperature > 0, who, ": temperature is ", temperature,
          ", expected a positive number");
  require(std::isfinite(min_logvar) && std::isfinite(max_logvar) && min_logvar < max_logvar, who,
          ": min_logvar is ", min_logvar, " and max_logvar ", max_logvar,
          ", expected min_logvar < max_logvar");
}

void MixtureTrainingSettings::validate(const std::string& who) const {
  run.validate(who);
  require(std::isfinite(weight_decay) && weight_decay >= 0, who, ": weight_decay is ", weight_decay,
          ", expected at least 0");
}

MixtureModel::MixtureModel(const ObsEncoding& encoding, int action_dim, const MixtureModelSettings& settings,
                           std::uint64_t seed)
    : settings_((settings.validate("MixtureModel"), settings)),
      scaling_("MixtureModel", encoding, action_dim),
      choice_(settings.components),
      component_(obs_dim(), settings.min_logvar, settings.max_logvar),
      head_(settings.components, component_),
      network_(scaling_.input_dim(), head_.parameter_count(), settings.network, seed) {
  spread_means(network_, settings.components, obs_dim(), seed);
}

void MixtureModel::components(ConstBatchRef<float> obs, ConstBatchRef<float> action,
                              Workspace& workspace) const {
  const Index n = obs.cols(), dim = obs_dim();
  const auto count = static_cast<std::size_t>(settings_.components);
  const auto temperature = static_cast<float>(settings_.temperature);
  Components& out = workspace.components;
  scaling_.inputs(obs, action, workspace.inputs);
  out.weight.resize(settings_.components, n);
  out.mean.resize(count);
  out.variance.resize(count);
  for (std::size_t k = 0; k < count; ++k) {
    out.mean[k].resize(dim, n);
    out.variance[k].resize(dim, n);
  }
  in_blocks(workspace.pass, network_, workspace.inputs, [&](const nn::Pass& pass, Index begin, Index size) {
    const auto parameters = pass.outputs(static_cast<int>(size));
    workspace.logits = parameters.topRows(settings_.components) / temperature;
    workspace.weight.resize(settings_.components, size);
    choice_.probabilities(workspace.logits, workspace.weight);
    out.weight.middleCols(begin, size) = workspace.weight;
    workspace.mean.resize(dim, size);
    workspace.variance.resize(dim, size);
    for (std::size_t k = 0; k < count; ++k) {
      component_.moments(
          parameters.middleRows(settings_.components + static_cast<Index>(k) * 2 * dim, 2 * dim),
          workspace.mean, workspace.variance);
      out.mean[k].middleCols(begin, size) = workspace.mean;
      out.variance[k].middleCols(begin, size) = temperature * workspace.variance;
    }
  });
  for (std::size_t k = 0; k < count; ++k) {
    scaling_.next_obs(obs, action, out.mean[k], out.mean[k]);
    scaling_.scale_variance(obs, action, out.variance[k]);
  }
}

void MixtureModel::step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
                        Workspace& workspace) const {
  components(obs, action, workspace);
  const Components& parts = workspace.components;
  next_obs.setZero();
  for (std::size_t k = 0; k < parts.mean.size(); ++k)
    next_obs.array() += parts.mean[k].array().rowwise() * parts.weight.row(static_cast<Index>(k)).array();
}

void MixtureModel::predict(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
                           BatchRef<float> variance, Workspace& workspace) const {
  step(obs, action, mean, workspace);
  const Components& parts = workspace.components;
  variance.setZero();
  for (std::size_t k = 0; k < parts.mean.size(); ++k)
    variance.array() += (parts.variance[k] + (parts.mean[k] - mean).cwiseAbs2()).array().rowwise() *
                        parts.weight.row(static_cast<Index>(k)).array();
}

void MixtureModel::draw(ConstBatchRef<float> obs, ConstBatchRef<float> action, const RandomStream& random,
                        std::uint32_t a, std::uint32_t b, BatchRef<float> next_obs,
                        Workspace& workspace) const {
  require_dim("MixtureModel::draw", "next_obs", next_obs.rows(), obs_dim());
  require_dim("MixtureModel::draw", "the batch of next_obs", next_obs.cols(), obs.cols());
  components(obs, action, workspace);
  const Components& parts = workspace.components;
  for (Index j = 0; j < obs.cols(); ++j) {
    const auto column = static_cast<std::uint32_t>(j);
    double left = random.uniform(a, b, column);
    std::size_t chosen = 0;
    for (; chosen + 1 < parts.mean.size(); ++chosen) {
      left -= static_cast<double>(parts.weight(static_cast<Index>(chosen), j));
      if (left < 0) break;
    }
    for (Index r = 0; r < obs_dim(); ++r)
      next_obs(r, j) = parts.mean[chosen](r, j) +
                       std::sqrt(parts.variance[chosen](r, j)) *
                           static_cast<float>(random.normal(a, b, column, 1 + static_cast<std::uint32_t>(r)));
  }
}

void MixtureModel::log_prob(ConstBatchRef<float> obs, ConstBatchRef<float> action,
                            ConstBatchRef<float> next_obs, VecRef<double> out, Workspace& workspace) const {
  require_dim("MixtureModel::log_prob", "next_obs", next_obs.rows(), obs_dim());
  require_dim("MixtureModel::log_prob", "the batch of next_obs", next_obs.cols(), obs.cols());
  require_dim("MixtureModel::log_prob", "out", out.size(), obs.cols());
  components(obs, action, workspace);
  const Components& parts = workspace.components;
  std::vector<double> terms(parts.mean.size());
  for (Index j = 0; j < obs.cols(); ++j) {
    for (std::size_t k = 0; k < terms.size(); ++k) {
      double sum = std::log(static_cast<double>(parts.weight(static_cast<Index>(k), j)));
      for (Index r = 0; r < obs_dim(); ++r) {
        const auto variance = static_cast<double>(parts.variance[k](r, j));
        if (variance == 0) continue;
        const double off = static_cast<double>(next_obs(r, j)) - static_cast<double>(parts.mean[k](r, j));
        sum -= 0.5 * (off * off / variance + std::log(2 * std::numbers::pi * variance));
      }
      terms[k] = sum;
    }
    const double top = *std::max_element(terms.begin(), terms.end());
    double sum = 0;
    for (const double term : terms) sum += std::exp(term - top);
    out[j] = top + std::log(sum);
  }
}

void MixtureModel::save(StateDict& out, const std::string& prefix) const {
  scaling_.save(out, prefix);
  out.put_scalar(prefix + "components", static_cast<std::int64_t>(settings_.components));
  network_.save(out, prefix + "network.");
}

void MixtureModel::load(const StateDict& in, const std::string& prefix) {
  require_dim("checkpoint: '" + prefix + "components'", "the mixture",
              in.get_scalar<std::int64_t>(prefix + "components"), settings_.components);
  RegressionScaling scaling = scaling_;
  scaling.load(in, prefix);
  network_.load(in, prefix + "network.");
  scaling_ = std::move(scaling);
}

MixtureTrainer::MixtureTrainer(const MixtureTrainingSettings& settings, std::uint64_t seed)
    : settings_(settings), seed_(seed) {
  settings.validate("MixtureTrainer");
}

TrainingReport MixtureTrainer::train(const TransitionBatch& data, MixtureModel& model, std::uint32_t round,
                                     const EpochCallback& on_epoch) {
  model.scaling().fit(data);
  const RegressionRows rows(data, model.scaling(), settings_.run, seed_, round);
  nn::Adam adam(model.network(), {.learning_rate = settings_.run.learning_rate,
                                  .weight_decay = settings_.weight_decay,
                                  .max_gradient = settings_.run.max_gradient});
  nn::GrowingPass pass;
  AlignedFloats gradient;
  nn::RowBatch<float> targets;
  Vecf log_prob, weight;
  const auto dropout_key = round_stream(seed_, Stream::kUpdate, round).key();
  const auto forward = [&](const RegressionBatch& batch, const std::uint32_t* number) {
    const auto n = static_cast<int>(batch.inputs.cols());
    pass.fit(model.network(), n);
    pass->set_input(batch.inputs);
    if (number)
      pass->forward(model.network(), n, {.key = dropout_key, .step = *number});
    else
      pass->forward(model.network(), n);
    targets = batch.targets;
    log_prob.resize(n);
    model.head().log_prob(pass->outputs(n), targets, log_prob);
    return -log_prob.cast<double>().mean();
  };
  const auto step = [&](const RegressionBatch& batch, std::uint32_t number) {
    const double loss = forward(batch, &number);
    const auto n = static_cast<int>(batch.inputs.cols());
    weight.setConstant(n, -1.0f / static_cast<float>(n));
    auto to_outputs = pass->output_gradients(n);
    to_outputs.setZero();
    model.head().log_prob_gradient(pass->outputs(n), targets, weight, to_outputs);
    pass->backward(model.network(), n, &gradient);
    adam.step(model.network(), gradient);
    return loss;
  };
  const auto judge = [&](const RegressionBatch& batch) { return forward(batch, nullptr); };
  TrainingReport report = run_regression(rows, settings_.run, seed_, round, on_epoch, model, step, judge);
  if (rows.judged()) report.holdout_loss.push_back(mean_squared_error(model, rows.held_out));
  return report;
}

}  // namespace mbrl
