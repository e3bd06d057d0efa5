// A small double-precision oracle for the tests of trainers: the training loss of an ensemble written out for
// one batch as in Chua et al. (2018), with gradients by central finite differences over it.
#pragma once

#include <cmath>
#include <vector>

#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl::oracle {

inline double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

inline double activate(Activation activation, double z) {
  switch (activation) {
    case Activation::kSilu:
      return z / (1.0 + std::exp(-z));
    case Activation::kRelu:
      return std::max(z, 0.0);
    case Activation::kTanh:
      return std::tanh(z);
    case Activation::kElu:
      return z > 0.0 ? z : std::expm1(z);
  }
  return 0.0;
}

// All parameters in double: per member the layers' weights (out x in, column-major) then biases, then the
// bounds.
struct Parameters {
  std::vector<std::vector<double>> members;
  std::vector<double> high, low;
};

inline Parameters parameters_of(const MlpEnsemble& model) {
  Parameters p;
  for (const auto& layers : model.members) {
    std::vector<double> flat;
    for (const DenseLayer& layer : layers) {
      flat.insert(flat.end(), layer.weight.begin(), layer.weight.end());
      flat.insert(flat.end(), layer.bias.begin(), layer.bias.end());
    }
    p.members.push_back(std::move(flat));
  }
  p.high.assign(model.max_logvar.begin(), model.max_logvar.end());
  p.low.assign(model.min_logvar.begin(), model.min_logvar.end());
  return p;
}

// Loss of one member on a batch (without penalties), inputs and targets as prepared; every number's weighed by `weights`
// (target_dim x batch) where given. logvars: receives the bounded log-variances where given.
inline double member_loss(const MlpEnsemble& model, const std::vector<double>& flat,
                          const std::vector<double>& high, const std::vector<double>& low,
                          const Batchd& inputs, const Batchd& targets, const Batchd* weights = nullptr,
                          Batchd* logvars = nullptr) {
  Batchd x = inputs;
  std::size_t at = 0;
  const auto& layers = model.members[0];
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Index in = layers[l].in, out = layers[l].out;
    const Eigen::Map<const Batchd> weight(flat.data() + at, out, in);
    at += static_cast<std::size_t>(in * out);
    const Eigen::Map<const Vecd> bias(flat.data() + at, out);
    at += static_cast<std::size_t>(out);
    Batchd y = (weight * x).colwise() + bias;
    if (l + 1 < layers.size())
      y = y.unaryExpr([&](double z) { return activate(model.settings.activation, z); });
    x = y;
  }
  const Index dims = model.target_dim();
  double sum = 0.0;
  for (Index c = 0; c < targets.cols(); ++c)
    for (Index r = 0; r < dims; ++r) {
      const double error = x(r, c) - targets(r, c);
      if (!model.settings.gaussian) {
        sum += error * error;
        continue;
      }
      const auto i = static_cast<std::size_t>(r);
      double lv = x(dims + r, c);
      lv = high[i] - softplus(high[i] - lv);
      lv = low[i] + softplus(lv - low[i]);
      sum += (error * error * std::exp(-lv) + lv) * (weights ? (*weights)(r, c) : 1.0);
      if (logvars) (*logvars)(r, c) = lv;
    }
  return sum / static_cast<double>(targets.size());
}

// Weight decay of one member.
inline double decay(const MlpEnsemble& model, const std::vector<double>& flat,
                    const EnsembleTrainingSettings& s) {
  double sum = 0.0;
  std::size_t at = 0;
  for (int l = 0; l < model.layer_count(); ++l) {
    const DenseLayer& layer = model.members[0][static_cast<std::size_t>(l)];
    for (int i = 0; i < layer.in * layer.out; ++i) {
      const double w = flat[at + static_cast<std::size_t>(i)];
      sum += 0.5 * static_cast<double>(s.layer_decay(l)) * w * w;
    }
    at += static_cast<std::size_t>(layer.in * layer.out + layer.out);
  }
  return sum;
}

struct Gradients {
  std::vector<std::vector<double>> members;
  std::vector<double> high, low;
};

// d(total loss)/d(parameter) by central differences; inputs and targets: one batch a member.
inline Gradients gradients(const MlpEnsemble& model, Parameters p, const std::vector<Batchd>& inputs,
                           const std::vector<Batchd>& targets, const EnsembleTrainingSettings& s) {
  constexpr double kStep = 1e-5;
  Gradients g;
  std::vector<Batchd> weights;  // constants to the gradient
  for (std::size_t m = 0; m < p.members.size(); ++m) {
    Batchd logvars = Batchd::Zero(targets[m].rows(), targets[m].cols());
    member_loss(model, p.members[m], p.high, p.low, inputs[m], targets[m], nullptr, &logvars);
    weights.push_back((static_cast<double>(s.nll_beta) * logvars.array()).exp().matrix());
  }
  const auto losses = [&] {
    double sum = 0.0;
    for (std::size_t m = 0; m < p.members.size(); ++m)
      sum += member_loss(model, p.members[m], p.high, p.low, inputs[m], targets[m], &weights[m]);
    return sum;
  };
  for (std::size_t m = 0; m < p.members.size(); ++m) {
    const auto loss = [&] {
      return member_loss(model, p.members[m], p.high, p.low, inputs[m], targets[m], &weights[m]) +
             decay(model, p.members[m], s);
    };
    std::vector<double> grad;
    for (double& w : p.members[m]) {
      const double old = w;
      w = old + kStep;
      const double up = loss();
      w = old - kStep;
      const double down = loss();
      w = old;
      grad.push_back((up - down) / (2.0 * kStep));
    }
    g.members.push_back(std::move(grad));
  }
  const auto bound_gradient = [&](std::vector<double>& bound, double penalty) {
    std::vector<double> grad;
    for (double& b : bound) {
      const double old = b;
      b = old + kStep;
      const double up = losses();
      b = old - kStep;
      const double down = losses();
      b = old;
      grad.push_back((up - down) / (2.0 * kStep) + penalty);
    }
    return grad;
  };
  if (model.settings.gaussian) {
    g.high = bound_gradient(p.high, static_cast<double>(s.logvar_bound_weight));
    g.low = bound_gradient(p.low, -static_cast<double>(s.logvar_bound_weight));
  }
  return g;
}

}  // namespace mbrl::oracle
