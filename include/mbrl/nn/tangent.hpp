// Forward-mode derivatives: how a network's outputs move when its parameters move along a direction. With Pass::backward,
// which goes the other way, products with Gauss-Newton and Fisher matrices. Pearlmutter, "Fast exact multiplication by the
// Hessian", Neural Computation 1994.
#pragma once

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/layer_record.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// At one place: these parameters, these inputs (in x samples), which are copied. Throws mbrl::Error for layer_norm,
/// batch_norm and dropout, and for inputs of other dimensions.
class Tangent {
 public:
  Tangent(const Network& network, ConstBatchRef<float> x) : record_("Tangent", network, x, false) {}

  Index samples() const { return record_.samples(); }
  /// f(x), out x samples.
  const Batchf& output() const { return record_.output; }
  /// J v: d f(x; theta + eps v) / d eps at 0, out x samples, for a direction v laid out as the parameters. Throws
  /// mbrl::Error for another layout.
  void apply(const Network& network, const AlignedFloats& direction, Batchf& out) const {
    out = record_.forward(network, direction);
  }

 private:
  LayerRecord record_;
};

}  // namespace mbrl::nn
