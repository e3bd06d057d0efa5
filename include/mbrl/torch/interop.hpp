// Opt-in: the only public header that includes LibTorch. Rewards and terminations on tensors for rollouts
// that stay on the device, and batches as tensors.
#pragma once

#include <torch/torch.h>

#include <functional>

#include "mbrl/core/types.hpp"

namespace mbrl::libtorch {

/// What a task asks of predicted transitions, as functions of tensors on the evaluator's device. They are
/// recorded into a CUDA graph: tensor operations only, no copy to the host, no branch on a tensor's value.
struct TensorTask {
  /// reward(obs, action, next_obs, t): obs, next_obs [batch, obs_dim]; action [batch, action_dim]; t a tensor
  /// of no dimension holding the control step since the start of the episode (int64). Returns [batch]. Empty:
  /// learned.
  std::function<at::Tensor(const at::Tensor& obs, const at::Tensor& action, const at::Tensor& next_obs,
                           const at::Tensor& t)>
      reward;
  /// termination(next_obs) returns [batch], true (or above 0.5) where the episode ends. Empty: never.
  std::function<at::Tensor(const at::Tensor& next_obs)> termination;
};

/// A `dim x batch` batch as a [batch, dim] tensor and back, sharing memory: the owner must outlive the view.
/// CPU, float or double, contiguous.
template <class S>
at::Tensor view_as_tensor(Batch<S>& batch) {
  return at::from_blob(batch.data(), {batch.cols(), batch.rows()}, ::c10::CppTypeToScalarType<S>::value);
}
template <class S>
Eigen::Map<Batch<S>> view_as_batch(at::Tensor& tensor) {
  TORCH_CHECK(tensor.dim() == 2 && tensor.is_contiguous() && tensor.device().is_cpu() &&
                  tensor.scalar_type() == ::c10::CppTypeToScalarType<S>::value,
              "view_as_batch: expected a contiguous [batch, dim] tensor of this type on the CPU");
  return {tensor.data_ptr<S>(), tensor.size(1), tensor.size(0)};
}

}  // namespace mbrl::libtorch
