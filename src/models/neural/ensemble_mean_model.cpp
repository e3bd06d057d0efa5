// The ensemble's mean and its Jacobian, layer by layer.
#include "mbrl/models/neural/ensemble_mean_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "mbrl/core/error.hpp"
#include "mbrl/math/dense_kernels.hpp"

namespace mbrl {
namespace {

// f(x) and f'(x).
struct Activated {
  double value, slope;
};
Activated activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu: {
      const double share = 1.0 / (1.0 + std::exp(-x));
      return {x * share, share * (1.0 + x * (1.0 - share))};
    }
    case Activation::kRelu:
      return {std::max(x, 0.0), x > 0.0 ? 1.0 : 0.0};
    case Activation::kTanh: {
      const double value = std::tanh(x);
      return {value, 1.0 - value * value};
    }
    case Activation::kElu: {
      const double below = std::expm1(std::min(x, 0.0));
      return {x > 0.0 ? x : below, 1.0 + below};
    }
  }
  return {x, 1.0};
}

// out (rows x columns) = weight (rows x depth) in (depth x columns)
void multiply(const std::vector<double>& weight, Index rows, Index depth, const std::vector<double>& in,
              Index columns, std::vector<double>& out) {
  out.resize(static_cast<std::size_t>(rows * columns));
  dense::Product p;
  p.rows = rows;
  p.cols = columns;
  p.depth = depth;
  p.a = weight.data();
  p.lda = rows;
  p.b = in.data();
  p.b_row = 1;
  p.b_col = depth;
  p.d = out.data();
  p.ldd = rows;
  dense::product(p);
}

}  // namespace

EnsembleMeanModel::EnsembleMeanModel(const MlpEnsemble& model)
    : encoding_(model.encoding), action_dim_(model.action_dim), activation_(model.settings.activation) {
  model.validate();
  input_mean_.assign(model.input_mean.begin(), model.input_mean.end());
  input_std_.assign(model.input_std.begin(), model.input_std.end());
  for (const int elite : model.elites) {
    std::vector<Layer> layers;
    for (const DenseLayer& from : model.members[static_cast<std::size_t>(elite)]) {
      Layer layer;
      layer.in = from.in;
      const bool last = &from == &model.members[static_cast<std::size_t>(elite)].back();
      layer.out = last ? model.obs_dim() : from.out;
      // As MlpEnsemble::in_target_units, in double.
      const auto scale = [&](Index i) {
        return last ? static_cast<double>(model.target_std[static_cast<std::size_t>(i)]) : 1.0;
      };
      for (Index j = 0; j < layer.in; ++j)
        for (Index i = 0; i < layer.out; ++i)
          layer.weight.push_back(
              scale(i) * static_cast<double>(from.weight[static_cast<std::size_t>(j * from.out + i)]));
      for (Index i = 0; i < layer.out; ++i) {
        const auto k = static_cast<std::size_t>(i);
        layer.bias.push_back(scale(i) * static_cast<double>(from.bias[k]) +
                             (last ? static_cast<double>(model.target_mean[k]) : 0.0));
      }
      layers.push_back(std::move(layer));
    }
    members_.push_back(std::move(layers));
  }
}

void EnsembleMeanModel::check(const ConstBatchRef<double>& obs, const ConstBatchRef<double>& action,
                              Index rows) const {
  require_dim("EnsembleMeanModel", "obs", obs.rows(), obs_dim());
  require_dim("EnsembleMeanModel", "action", action.rows(), action_dim_);
  require_dim("EnsembleMeanModel", "action's batch", action.cols(), obs.cols());
  require_dim("EnsembleMeanModel", "the result's rows", rows, obs_dim());
}

void EnsembleMeanModel::step(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                             BatchRef<double> next_obs, Workspace& workspace) const {
  check(obs, action, next_obs.rows());
  require_dim("EnsembleMeanModel", "the result's columns", next_obs.cols(), obs.cols());
  run(obs, action, next_obs, false, workspace);
}

void EnsembleMeanModel::linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                                  BatchRef<double> jacobian, Workspace& workspace) const {
  check(obs, action, jacobian.rows());
  require_dim("EnsembleMeanModel", "the result's columns", jacobian.cols(),
              obs.cols() * (obs_dim() + action_dim_));
  run(obs, action, jacobian, true, workspace);
}

void EnsembleMeanModel::run(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> out,
                            bool derivatives, Workspace& w) const {
  const Index nx = obs_dim(), nu = action_dim_, nz = nx + nu, columns = obs.cols();
  const Index features = encoding_.feature_dim(), inputs = features + nu;
  const double share = 1.0 / static_cast<double>(members_.size());
  const auto at = [](std::vector<double>& v, Index i) -> double& { return v[static_cast<std::size_t>(i)]; };
  out.setZero();
  for (const std::vector<Layer>& layers : members_) {
    // Standardised inputs and their derivatives: column t nz + j of `slopes` is d input / d z_j at column t.
    w.values.assign(static_cast<std::size_t>(inputs * columns), 0.0);
    if (derivatives) w.slopes.assign(static_cast<std::size_t>(inputs * columns * nz), 0.0);
    for (Index t = 0; t < columns; ++t)
      for (Index i = 0; i < inputs; ++i) {
        double value, slope = 1.0;
        Index source;
        if (i < features) {
          const ObsFeature f = encoding_.features[static_cast<std::size_t>(i)];
          const double x = obs(f.obs_index, t);
          source = f.obs_index;
          value = x;
          if (f.kind == ObsFeature::Kind::kSin) {
            value = std::sin(x);
            slope = std::cos(x);
          } else if (f.kind == ObsFeature::Kind::kCos) {
            value = std::cos(x);
            slope = -std::sin(x);
          }
        } else {
          source = nx + i - features;
          value = action(i - features, t);
        }
        const double scale = 1.0 / input_std_[static_cast<std::size_t>(i)];
        at(w.values, t * inputs + i) = (value - input_mean_[static_cast<std::size_t>(i)]) * scale;
        if (derivatives) at(w.slopes, (t * nz + source) * inputs + i) = slope * scale;
      }
    for (const Layer& layer : layers) {
      const bool last = &layer == &layers.back();
      multiply(layer.weight, layer.out, layer.in, w.values, columns, w.next_values);
      if (derivatives) multiply(layer.weight, layer.out, layer.in, w.slopes, columns * nz, w.next_slopes);
      for (Index t = 0; t < columns; ++t)
        for (Index i = 0; i < layer.out; ++i) {
          double& value = at(w.next_values, t * layer.out + i);
          value += layer.bias[static_cast<std::size_t>(i)];
          if (last) continue;
          const Activated a = activate(activation_, value);
          value = a.value;
          if (!derivatives) continue;
          for (Index j = 0; j < nz; ++j) at(w.next_slopes, (t * nz + j) * layer.out + i) *= a.slope;
        }
      w.values.swap(w.next_values);
      w.slopes.swap(w.next_slopes);
    }
    const std::vector<double>& result = derivatives ? w.slopes : w.values;
    out += share * Eigen::Map<const Batchd>(result.data(), nx, out.cols());
  }
  for (Index t = 0; t < columns; ++t)
    for (Index i = 0; i < nx; ++i) {
      const TargetKind kind = encoding_.targets[static_cast<std::size_t>(i)];
      if (kind == TargetKind::kAbsolute) continue;
      if (kind == TargetKind::kConstant && derivatives) out.block(i, t * nz, 1, nz).setZero();
      if (kind == TargetKind::kConstant && !derivatives) out(i, t) = 0.0;
      if (derivatives)
        out(i, t * nz + i) += 1.0;
      else
        out(i, t) += obs(i, t);
    }
}

}  // namespace mbrl
