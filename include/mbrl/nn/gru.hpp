// A gated recurrent unit: what a network remembers from step to step, and the gradient of any loss back through it. Cho,
// van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio, "Learning phrase representations using RNN
// encoder-decoder for statistical machine translation", EMNLP 2014, with the reset behind the product (cuDNN's, PyTorch's).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// With sigma(u) = 1 / (1 + e^-u) and * entry by entry, from input x and memory h:
///   r = sigma(W_r x + b_r + U_r h + c_r),  z = sigma(W_z x + b_z + U_z h + c_z),
///   n = tanh(W_n x + b_n + r * (U_n h + c_n)),  h' = (1 - z) * n + z * h.
/// The two affine maps are networks without hidden layers, whose outputs are those of r, z and n behind each other.
class Gru {
 public:
  /// Weights are functions of (seed, index), LibTorch's. Throws mbrl::Error for sizes below 1.
  Gru(int in, int units, std::uint64_t seed, std::uint32_t index = 0);

  int in() const { return input_.in(); }
  int units() const { return recurrent_.in(); }
  const Network& input() const { return input_; }
  Network& input() { return input_; }
  const Network& recurrent() const { return recurrent_; }
  Network& recurrent() { return recurrent_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  Network input_, recurrent_;
};

/// Gradients with respect to both maps' parameters.
struct GruGradient {
  AlignedFloats input, recurrent;
};

/// The numbers of one step of a batch. Grows to the largest batch and stays; a column's numbers do not depend on its company.
class GruStep {
 public:
  /// memory (units x n) becomes the next one; x is in x n. Throws mbrl::Error for other shapes.
  void forward(const Gru& gru, ConstBatchRef<float> x, BatchRef<float> memory);
  /// After forward: `memory_gradient` (units x n), of a loss with respect to the next memory, becomes that with respect to
  /// the one before; what the parameters have in it is added to `sum`, which is resized where it is empty.
  void backward(const Gru& gru, BatchRef<float> memory_gradient, GruGradient& sum);

 private:
  enum Block { kReset, kUpdate, kCandidate, kMapped, kBefore, kBlocks };  // kMapped: U_n h + c_n
  float* row(Block block, Index unit) {
    return rows_.data() + (block * units_ + unit) * static_cast<Index>(input_->stride());
  }

  std::unique_ptr<Pass> input_, recurrent_;
  Index units_ = 0, in_ = 0;
  Index samples_ = 0;
  AlignedFloats rows_;
  AlignedFloats gradient_;  // scratch memory
};

}  // namespace mbrl::nn
