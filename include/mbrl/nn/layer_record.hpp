// What the layers of a network see and give at one place: of which products that go forward are made.
#pragma once

#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// At one place: these parameters, these inputs (in x samples), which are copied.
struct LayerRecord {
  /// How one layer moves when the parameters do.
  struct Move {
    Network::Plain parameters;
    Batchf input, sum;  // input: empty of the first layer, whose inputs stay
  };

  std::vector<Network::Plain> layers;
  std::vector<Batchf> inputs, slopes, curves;  // of each layer; slopes and, if wanted, curves of hidden ones
  Batchf output;                               // out x samples

  /// Throws mbrl::Error, which begins with `who`, for layer_norm, dropout and batch_norm, and for inputs of other
  /// dimensions.
  LayerRecord(const char* who, const Network& network, ConstBatchRef<float> x, bool with_curves);

  Index samples() const { return inputs.front().cols(); }
  /// J v: d f(x; theta + eps v) / d eps at 0, out x samples, for a direction v laid out as the parameters; each layer's
  /// part in it into `moves`, unless null. Throws mbrl::Error for another layout.
  Batchf forward(const Network& network, const AlignedFloats& v, std::vector<Move>* moves = nullptr) const;
};

}  // namespace mbrl::nn
