// Moment matching on tensors.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace mbrl::libtorch {

// Moment matching (see mbrl::MomentMatching): each candidate's live particles are redrawn from the Gaussian
// with their mean and covariance. next [rows, obs_dim], alive [rows], noise [rows, obs_dim] (double).
inline at::Tensor redraw(int candidates, const at::Tensor& next, const at::Tensor& alive,
                         const at::Tensor& noise) {
  using at::Tensor;
  const std::int64_t rows = next.size(0), dims = next.size(1);
  const Tensor x = next.to(at::kDouble).view({candidates, -1, dims});
  const Tensor live = alive.view({candidates, -1, 1}).to(at::kDouble);
  const Tensor count = live.sum(1, true);
  const Tensor mean = (x * live).sum(1, true) / count.clamp_min(1.0);
  const Tensor centred = (x - mean) * live;
  const Tensor covariance = at::bmm(centred.transpose(1, 2), centred) / (count - 1.0).clamp_min(1.0);
  Tensor factor = at::zeros_like(covariance);
  for (std::int64_t j = 0; j < dims; ++j) {
    Tensor column = covariance.select(2, j).narrow(1, j, dims - j);
    const Tensor variance = column.narrow(1, 0, 1);
    if (j > 0) {
      const Tensor left = factor.narrow(2, 0, j);
      column = column - at::bmm(left.narrow(1, j, dims - j), left.narrow(1, j, 1).transpose(1, 2)).squeeze(2);
    }
    const Tensor pivot = column.narrow(1, 0, 1);
    const Tensor usable = pivot > 1e-10 * variance;
    const Tensor root = at::sqrt(at::where(usable, pivot, at::ones_like(pivot)));
    factor.select(2, j)
        .narrow(1, j, dims - j)
        .copy_(at::where(usable, column / root, at::zeros_like(column)));
  }
  const Tensor drawn = mean + at::bmm(noise.view({candidates, -1, dims}), factor.transpose(1, 2));
  const Tensor changed = at::logical_and(live > 0.5, count >= 2.0);
  return at::where(changed, drawn, x).to(at::kFloat).view({rows, dims});
}

}  // namespace mbrl::libtorch
