// A second, slow statement of the ensemble in double precision, and data for tests.
#pragma once

#include <cmath>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl::testing {

inline Batchf normals(Index rows, Index cols, std::uint32_t tag) {
  const RandomStream random(4711, Stream::kUser);
  Batchf out(rows, cols);
  for (Index j = 0; j < cols; ++j)
    for (Index i = 0; i < rows; ++i)
      out(i, j) = static_cast<float>(
          random.normal(tag, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)));
  return out;
}

// 5 observations (one seen as sine and cosine, one absolute target), 2 actions, biases and standardisation
// (of inputs and targets) at work.
inline MlpEnsemble lively_model(std::vector<int> hidden, Activation activation, bool gaussian, int members) {
  MlpEnsembleSettings settings;
  settings.members = members;
  settings.hidden = std::move(hidden);
  settings.activation = activation;
  settings.gaussian = gaussian;
  ObsEncoding encoding = ObsEncoding::identity(5);
  encoding.features = {{ObsFeature::Kind::kIdentity, 1}, {ObsFeature::Kind::kSin, 2},
                       {ObsFeature::Kind::kCos, 2},      {ObsFeature::Kind::kIdentity, 3},
                       {ObsFeature::Kind::kIdentity, 4}, {ObsFeature::Kind::kIdentity, 0}};
  encoding.targets[1] = TargetKind::kAbsolute;
  MlpEnsemble model = MlpEnsemble::create(settings, encoding, 2, 99);
  const RandomStream random(12, Stream::kUser);
  std::uint32_t counter = 0;
  for (auto& layers : model.members)
    for (DenseLayer& layer : layers) {
      for (float& w : layer.weight) w *= 2.0f;
      for (float& b : layer.bias) b = 0.3f * static_cast<float>(random.normal(counter++, 1));
    }
  for (float& x : model.input_mean) x = 0.2f * static_cast<float>(random.normal(counter++, 2));
  for (float& x : model.input_std) x = static_cast<float>(random.uniform(0.5, 2.0, counter++, 3));
  for (float& x : model.max_logvar) x = static_cast<float>(random.uniform(-3.0, -1.0, counter++, 4));
  for (float& x : model.min_logvar) x = static_cast<float>(random.uniform(-8.0, -6.0, counter++, 5));
  for (float& x : model.target_mean) x = 0.3f * static_cast<float>(random.normal(counter++, 6));
  for (float& x : model.target_std) x = static_cast<float>(random.uniform(0.2, 3.0, counter++, 7));
  return model;
}

struct Prediction {
  Batchd mean, logvar, raw;
};

inline double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

// Member's network on standardised inputs, entry by entry.
inline Batchd forward_in_double(const MlpEnsemble& model, int member, const Batchd& input) {
  const auto& layers = model.members[static_cast<std::size_t>(member)];
  Batchd x = input;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Batchd y(layers[l].out, x.cols());
    for (Index j = 0; j < x.cols(); ++j)
      for (Index o = 0; o < layers[l].out; ++o) {
        double sum = layers[l].bias[static_cast<std::size_t>(o)];
        for (Index k = 0; k < layers[l].in; ++k)
          sum += static_cast<double>(layers[l].weight[static_cast<std::size_t>(k * layers[l].out + o)]) *
                 x(k, j);
        if (l + 1 < layers.size()) {
          switch (model.settings.activation) {
            case Activation::kSilu:
              sum /= 1.0 + std::exp(-sum);
              break;
            case Activation::kRelu:
              sum = std::max(sum, 0.0);
              break;
            case Activation::kTanh:
              sum = std::tanh(sum);
              break;
            case Activation::kElu:
              sum = sum > 0.0 ? sum : std::expm1(sum);
              break;
          }
        }
        y(o, j) = sum;
      }
    x = y;
  }
  return x;
}

inline Prediction predict_in_double(const MlpEnsemble& model, int member, const Batchf& obs,
                                    const Batchf& action) {
  Batchd input(model.input_dim(), obs.cols());
  for (Index j = 0; j < obs.cols(); ++j) {
    for (int i = 0; i < model.encoding.feature_dim(); ++i) {
      const ObsFeature f = model.encoding.features[static_cast<std::size_t>(i)];
      const double x = obs(f.obs_index, j);
      input(i, j) = f.kind == ObsFeature::Kind::kSin   ? std::sin(x)
                    : f.kind == ObsFeature::Kind::kCos ? std::cos(x)
                                                       : x;
    }
    for (int i = 0; i < model.action_dim; ++i) input(model.encoding.feature_dim() + i, j) = action(i, j);
    for (int i = 0; i < model.input_dim(); ++i)
      input(i, j) = (input(i, j) - model.input_mean[static_cast<std::size_t>(i)]) /
                    model.input_std[static_cast<std::size_t>(i)];
  }
  Prediction out;
  out.raw = forward_in_double(model, member, input);
  const Index targets = model.target_dim();
  out.mean = out.raw.topRows(targets);
  for (Index i = 0; i < targets; ++i)
    out.mean.row(i) =
        (out.mean.row(i).array() * static_cast<double>(model.target_std[static_cast<std::size_t>(i)]) +
         static_cast<double>(model.target_mean[static_cast<std::size_t>(i)]))
            .matrix();
  if (!model.settings.gaussian) return out;
  out.logvar = out.raw.bottomRows(targets);
  for (Index j = 0; j < out.logvar.cols(); ++j)
    for (Index i = 0; i < targets; ++i) {
      const double high = model.max_logvar[static_cast<std::size_t>(i)];
      const double low = model.min_logvar[static_cast<std::size_t>(i)];
      const double capped = high - softplus(high - out.logvar(i, j));
      out.logvar(i, j) = low + softplus(capped - low) +
                         2.0 * std::log(static_cast<double>(model.target_std[static_cast<std::size_t>(i)]));
    }
  return out;
}

// Largest deviation relative to the largest entry.
inline double relative_error(const Batchf& given, const Batchd& oracle) {
  return (given.cast<double>() - oracle).cwiseAbs().maxCoeff() / oracle.cwiseAbs().maxCoeff();
}

}  // namespace mbrl::testing
