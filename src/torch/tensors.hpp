// Between our batches and LibTorch's tensors, inside the component.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl::libtorch {

// A `dim x batch` matrix as a [batch, dim] tensor on `device`; the numbers are copied.
inline at::Tensor to_tensor(const Eigen::Ref<const Batchf>& m, const at::Device& device) {
  const Batchf contiguous = m;
  return at::from_blob(const_cast<float*>(contiguous.data()), {contiguous.cols(), contiguous.rows()},
                       at::kFloat)
      .clone()
      .to(device);
}

inline at::Tensor to_tensor(const std::vector<float>& v, const at::Device& device) {
  return at::from_blob(const_cast<float*>(v.data()), {static_cast<std::int64_t>(v.size())}, at::kFloat)
      .clone()
      .to(device);
}

// The tensor's numbers in memory order.
inline void copy_out(const at::Tensor& t, float* to) {
  const at::Tensor flat = t.detach().to(at::kCPU).contiguous();
  std::copy_n(flat.data_ptr<float>(), flat.numel(), to);
}

inline at::Tensor activate(Activation activation, const at::Tensor& z) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(z);
    case Activation::kRelu:
      return at::relu(z);
    case Activation::kElu:
      return at::elu(z);
    case Activation::kTanh:
      break;
  }
  return at::tanh(z);
}

// The log-variance between its bounds (see MlpEnsemble).
inline at::Tensor bound_logvar(const at::Tensor& raw, const at::Tensor& high, const at::Tensor& low) {
  const at::Tensor capped = high - at::softplus(high - raw);
  return low + at::softplus(capped - low);
}

// One layer of all members: weight [members, in, out], bias [members, 1, out].
struct BatchedLayer {
  at::Tensor weight, bias;
};

// Raw outputs [members, batch, out] of inputs [members, batch, in].
inline at::Tensor batched_forward(const std::vector<BatchedLayer>& layers, Activation activation,
                                  at::Tensor x) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    x = at::baddbmm(layers[l].bias, x, layers[l].weight);
    if (l + 1 < layers.size()) x = activate(activation, x);
  }
  return x;
}

}  // namespace mbrl::libtorch
