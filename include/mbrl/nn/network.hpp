// A multilayer perceptron as a block of parameters, and one forward and backward pass through it. Gradients
// are those of any loss: whoever computes one writes its gradient with respect to the outputs and gets those
// with respect to parameters and inputs. Optimisers are apart (adam.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/activation.hpp"
#include "mbrl/nn/rows.hpp"

namespace mbrl::nn {

struct PassArrays;  // what the kernels see of a Pass

struct NetworkSettings {
  std::vector<int> hidden = {256, 256};       // units of each hidden layer
  Activation activation = Activation::kRelu;  // behind every hidden layer
  bool layer_norm = false;                    // normalise each hidden layer's units before the activation
  double dropout = 0;  // share of a hidden layer's units that a pass with a DropoutKey leaves out

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("hidden", s.hidden, "units of each hidden layer");
    field("activation", s.activation, "silu, relu, tanh or elu");
    field("layer_norm", s.layer_norm, "normalise each hidden layer's units before the activation");
    field("dropout", s.dropout, "share of each hidden layer's units that are left out while it learns");
  }
};

/// Layer l maps x to z = W x + b; a hidden one goes on to f(z), or with layer_norm to f(g * n(z) + h) where
/// n(z) = (z - mean z) / sqrt(var z + 1e-5) over its units (Ba, Kiros, Hinton 2016). A pass with a DropoutKey
/// takes z m in place of z in hidden layers, where m is 0 with probability `dropout` and else 1 / (1 - dropout)
/// (Srivastava et al., JMLR 2014); before the normalisation, as in DroQ (Hiraoka et al., ICLR 2022).
class Network {
 public:
  /// Where a layer's parameters lie in the block. Weights are panels of 16 outputs ([in][16] each); vectors
  /// and the last panel are padded by zeros, which stay zeros.
  struct Layer {
    int in = 0, out = 0;
    int stride = 0;  // out, padded
    bool norm = false;
    std::size_t weight = 0, bias = 0, gain = 0, shift = 0;  // offsets
  };

  Network() = default;
  /// Weights and biases uniform within 1 / sqrt(inputs) of 0 (LibTorch's), gains 1, shifts 0; every number a
  /// function of (seed, index, layer, entry). Throws mbrl::Error for sizes below 1 and for a dropout outside [0, 1).
  Network(int in, int out, const NetworkSettings& settings, std::uint64_t seed, std::uint32_t index = 0);

  int in() const { return in_; }
  int out() const { return out_; }
  const NetworkSettings& settings() const { return settings_; }
  const std::vector<Layer>& layers() const { return layers_; }

  /// The block; gradients and an optimiser's moments are blocks of the same layout.
  AlignedFloats& parameters() { return parameters_; }
  const AlignedFloats& parameters() const { return parameters_; }
  std::size_t parameter_count() const;  // without padding

  /// Layer l's plain arrays: W is out x in, the others out. With layer_norm `gain` and `shift` are the hidden
  /// layers'; else empty.
  struct Plain {
    Batchf weight;
    Vecf bias, gain, shift;
  };
  Plain layer(int l) const { return plain(parameters_, l); }
  Plain plain(const AlignedFloats& block, int l) const;
  void set_layer(int l, const Plain& values);

  /// y = f(x): in x batch to out x batch, in blocks; for the hot path there is Pass.
  void evaluate(ConstBatchRef<float> x, BatchRef<float> y) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this network's shape and finite; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  int in_ = 0, out_ = 0;
  NetworkSettings settings_;
  std::vector<Layer> layers_;
  AlignedFloats parameters_;
};

/// Names the units that one pass leaves out: unit u of layer l for sample j is a function of (key, step, network,
/// first + j, l, u) alone, so that any split of a batch leaves out the same ones. A share of 1 / 65536 is told apart.
struct DropoutKey {
  std::array<std::uint32_t, 2> key{};
  std::uint32_t step = 0;
  std::uint32_t network = 0;  // below 2^15
  std::uint32_t first = 0;    // number of the pass's first sample
};

/// The numbers of one pass of up to max_samples samples through networks of one shape. Arrays are
/// [row][stride], one column a sample; columns from `samples` on are never read.
class Pass {
 public:
  Pass(const Network& shape, int max_samples);

  int stride() const { return stride_; }
  int max_samples() const { return max_samples_; }
  float* input() { return inputs_[0]; }
  const float* output() const { return output_; }
  float* output_gradient() { return gradient_[0]; }  // overwritten by backward
  const float* input_gradient() const { return input_gradient_; }
  /// The same as matrices, one row an output or input: what distributions.hpp takes. samples <= max_samples().
  ConstRowMap<float> outputs(int samples) const {
    return {output_, out_, samples, Eigen::OuterStride<>(stride_)};
  }
  RowMap<float> output_gradients(int samples) {
    return {gradient_[0], out_, samples, Eigen::OuterStride<>(stride_)};
  }
  ConstRowMap<float> input_gradients(int samples) const {
    return {input_gradient_, in_, samples, Eigen::OuterStride<>(stride_)};
  }

  /// Columns of x (in x samples) into input(), and output() into columns of y.
  void set_input(ConstBatchRef<float> x);
  void get_output(BatchRef<float> y) const;

  /// Fills output(). Throws mbrl::Error for more samples than there is room for, or another network's shape.
  void forward(const Network& network, int samples);
  /// The same with units left out, where the network's settings have a dropout; backward does as this has done.
  void forward(const Network& network, int samples, const DropoutKey& dropout);
  /// After forward with the same network and samples, and with output_gradient() written: into `gradient`
  /// (resized to the parameters' block; null: not wanted) and, if asked for, into input_gradient().
  void backward(const Network& network, int samples, AlignedFloats* gradient, bool input_gradient = false);

 private:
  void check(const Network& network, int samples) const;
  PassArrays arrays() const;

  int in_ = 0, out_ = 0, stride_ = 0, max_samples_ = 0;
  std::vector<int> widths_;
  AlignedFloats block_;
  std::vector<float*> inputs_, slopes_, centred_, inverse_;
  std::vector<float*> masks_;  // of hidden layers, where the shape has a dropout
  bool dropped_ = false;       // the last forward pass left units out
  float* output_ = nullptr;
  float* gradient_[2] = {};
  float* transposed_ = nullptr;
  float* input_gradient_ = nullptr;
};

}  // namespace mbrl::nn
