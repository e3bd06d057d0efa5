// An ensemble's elites as tensors on a device.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "torch/tensors.hpp"

namespace mbrl::libtorch {

// The model on the device; only the elites are there.
struct DeviceModel {
  std::vector<BatchedLayer> layers;
  at::Tensor mean, inverse_std, high, low;   // [input_dim], [target_dim]
  at::Tensor feature_index, is_sin, is_cos;  // [feature_dim]
  at::Tensor delta;                          // [obs_dim], 1 where the target is a change
  at::Tensor constant;                       // [obs_dim] bool, entries handed on unchanged
  bool angles = false, constants = false;

  DeviceModel(const MlpEnsemble& given, const at::Device& device) {
    const MlpEnsemble model = given.in_target_units();
    const auto& elites = model.elites;
    for (std::size_t l = 0; l < model.members[0].size(); ++l) {
      std::vector<at::Tensor> weights, biases;
      for (const int e : elites) {
        const DenseLayer& layer = model.members[static_cast<std::size_t>(e)][l];
        weights.push_back(to_tensor(layer.weight, device).view({layer.in, layer.out}));
        biases.push_back(to_tensor(layer.bias, device).view({1, layer.out}));
      }
      layers.push_back({at::stack(weights), at::stack(biases)});
    }
    mean = to_tensor(model.input_mean, device);
    std::vector<float> inverse;
    for (const float s : model.input_std) inverse.push_back(1.0f / s);
    inverse_std = to_tensor(inverse, device);
    high = to_tensor(model.max_logvar, device);
    low = to_tensor(model.min_logvar, device);
    std::vector<std::int64_t> index;
    std::vector<float> sine, cosine, change;
    for (const ObsFeature& f : model.encoding.features) {
      index.push_back(f.obs_index);
      sine.push_back(f.kind == ObsFeature::Kind::kSin ? 1.0f : 0.0f);
      cosine.push_back(f.kind == ObsFeature::Kind::kCos ? 1.0f : 0.0f);
      angles = angles || f.kind != ObsFeature::Kind::kIdentity;
    }
    std::vector<float> held;
    for (const TargetKind t : model.encoding.targets) {
      change.push_back(t == TargetKind::kDelta ? 1.0f : 0.0f);
      held.push_back(t == TargetKind::kConstant ? 1.0f : 0.0f);
      constants = constants || t == TargetKind::kConstant;
    }
    feature_index = ::torch::tensor(index, at::kLong).to(device);
    is_sin = to_tensor(sine, device) > 0.5;
    is_cos = to_tensor(cosine, device) > 0.5;
    delta = to_tensor(change, device);
    constant = to_tensor(held, device) > 0.5;
  }

  // Standardised inputs [rows, input_dim].
  at::Tensor encode(const at::Tensor& obs, const at::Tensor& action) const {
    at::Tensor features = obs.index_select(1, feature_index);
    if (angles)
      features = at::where(is_sin, at::sin(features), at::where(is_cos, at::cos(features), features));
    return (at::cat({features, action}, 1) - mean) * inverse_std;
  }
};

}  // namespace mbrl::libtorch
