// Products of the Hessian of a loss with directions of the parameters, forward over backward: how the gradient moves when
// the parameters do. Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 1994.
#pragma once

#include <functional>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/layer_record.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// At one place: these parameters, these inputs (in x samples). With J the outputs' Jacobian, g the loss's gradient with
/// respect to them. A direction and what comes back are blocks laid out as the parameters.
class HessianProduct {
 public:
  /// Throws mbrl::Error for layer_norm, dropout and batch_norm, and for inputs of other dimensions.
  HessianProduct(const Network& network, ConstBatchRef<float> x)
      : shape_(network), record_("HessianProduct", network, x, true) {}

  Index samples() const { return record_.samples(); }
  /// f(x), out x samples.
  const Batchf& output() const { return record_.output; }

  /// J' g (g: out x samples).
  AlignedFloats backward(const Batchf& g) const;
  /// J v, out x samples.
  Batchf forward(const AlignedFloats& v) const { return record_.forward(shape_, v); }

  /// The g that products with the Hessian are of.
  void set_output_gradient(const Batchf& g) { deltas_ = carry(g); }
  /// H v = d (J' g)(theta + eps v) / d eps at 0; `change` tells how g moves where the outputs move by J v. Throws
  /// mbrl::Error before set_output_gradient.
  AlignedFloats apply(const AlignedFloats& v, const std::function<Batchf(const Batchf& moved)>& change) const;

 private:
  std::vector<Batchf> carry(const Batchf& g) const;

  Network shape_;
  LayerRecord record_;
  std::vector<Batchf> deltas_;  // gradient of each layer's sums
};

}  // namespace mbrl::nn
