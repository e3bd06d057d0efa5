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

struct AdamSteps;
struct PassArrays;  // what the kernels see of a Pass
class Adam;
class Pass;

/// Batch renormalisation: Ioffe, "Batch renormalization: towards reducing minibatch dependence in batch-normalized
/// models", NeurIPS 2017. Defaults are those of CrossQ's authors.
struct BatchNormSettings {
  bool on = false;
  double momentum = 0.99;          // share that running moments keep when they follow a batch
  double epsilon = 1e-3;           // added to variances
  double max_scale = 3;            // bound of r, and 1 / it
  double max_shift = 5;            // bound of |d|
  std::int64_t warm_up = 100'000;  // batches followed before r and d count

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("on", s.on, "normalise what every layer reads by its mean and deviation over the batch");
    field("momentum", s.momentum, "share that running means and variances keep with each batch");
    field("epsilon", s.epsilon, "added to variances");
    field("max_scale", s.max_scale,
          "bound of the ratio of a batch's deviation to the running one, either way");
    field("max_shift", s.max_shift, "bound of a batch's mean's distance to the running one, in deviations");
    field("warm_up", s.warm_up, "batches before ratio and distance correct the batch's moments");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

struct NetworkSettings {
  std::vector<int> hidden = {256, 256};       // units of each hidden layer
  Activation activation = Activation::kRelu;  // behind every hidden layer
  bool layer_norm = false;                    // normalise each hidden layer's units before the activation
  double dropout = 0;  // share of a hidden layer's units that a pass with a DropoutKey leaves out
  BatchNormSettings batch_norm = {};  // described by the algorithm that can learn with it

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
/// (Srivastava et al., JMLR 2014); before the normalisation, as in DroQ (Hiraoka et al., ICLR 2022). With batch_norm
/// every layer reads g' n'(x) + h' in place of x. While it learns (Pass::forward_in_batch) n' is, entry by entry with
/// the batch's mean m and variance v and the running ones m_r and v_r,
///   n'(x) = r (x - m) / sqrt(v + eps) + d,  r = sqrt((v + eps) / (v_r + eps)),  d = (m - m_r) / sqrt(v_r + eps),
/// r and d bounded, held constant on the way back, and 1 and 0 during the warm-up; else m_r and v_r are what counts.
class Network {
 public:
  /// Where a layer's parameters lie in the block. Weights are panels of 16 outputs ([in][16] each); vectors
  /// and the last panel are padded by zeros, which stay zeros.
  struct Layer {
    int in = 0, out = 0;
    int stride = 0;  // out, padded
    bool norm = false, batch_norm = false;
    std::size_t weight = 0, bias = 0, gain = 0, shift = 0;  // offsets
    std::size_t batch_gain = 0, batch_shift = 0;            // the same, of what the layer reads
    std::size_t moments = 0;  // offset in moments(): means of what it reads, then variances, each padded
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
  /// layers', with batch_norm `batch_gain` and `batch_shift` ("in" each) all layers'; else empty.
  struct Plain {
    Batchf weight;
    Vecf bias, gain, shift, batch_gain = {}, batch_shift = {};
  };
  Plain layer(int l) const { return plain(parameters_, l); }
  Plain plain(const AlignedFloats& block, int l) const;
  void set_layer(int l, const Plain& values);

  /// With batch_norm, running means (0 at first) and variances (1) of what layers read; they are no parameters.
  const AlignedFloats& moments() const { return moments_; }
  /// They move towards those of the pass's forward_in_batch, unless a number there is not finite.
  void follow(const Pass& pass);
  std::int64_t followed() const { return followed_; }  // batches
  /// The network that evaluates to the same without batch_norm: weights and biases do it.
  Network without_batch_norm() const;

  /// y = f(x): in x batch to out x batch, in blocks; for the hot path there is Pass.
  void evaluate(ConstBatchRef<float> x, BatchRef<float> y) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this network's shape and finite; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  int in_ = 0, out_ = 0;
  NetworkSettings settings_;
  std::vector<Layer> layers_;
  AlignedFloats parameters_, moments_;
  std::int64_t followed_ = 0;
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

  /// Fills output(); with batch_norm input() is overwritten. Throws mbrl::Error for more samples than there is room
  /// for, or another network's shape.
  void forward(const Network& network, int samples);
  /// The same with units left out, where the network's settings have a dropout; backward does as this has done.
  void forward(const Network& network, int samples, const DropoutKey& dropout);
  /// The same with the moments of this batch, where the network's settings have a batch_norm.
  void forward_in_batch(const Network& network, int samples);
  /// Of the last forward_in_batch, as Network::moments.
  const AlignedFloats& batch_moments() const { return batch_moments_; }
  /// After forward with the same network and samples, and with output_gradient() written: into `gradient`
  /// (resized to the parameters' block; null: not wanted) and, if asked for, into input_gradient().
  void backward(const Network& network, int samples, AlignedFloats* gradient, bool input_gradient = false);

 private:
  friend class Adam;
  void check(const Network& network, int samples) const;
  // As backward, each layer of the network taking its step.
  void backward(const Network& network, int samples, const AdamSteps& steps);
  void run(const Network& network, int samples, const DropoutKey& dropout);
  PassArrays arrays(const Network& network);

  int in_ = 0, out_ = 0, stride_ = 0, max_samples_ = 0;
  std::vector<int> widths_;
  AlignedFloats block_;
  std::vector<float*> inputs_, slopes_, centred_, inverse_;
  std::vector<float*> masks_;  // of hidden layers, where the shape has a dropout
  std::vector<float*> normal_,
      factors_;  // with batch_norm: inputs before gain and shift; r, d, 1 / deviation
  AlignedFloats batch_moments_;
  bool dropped_ = false;   // the last forward pass left units out
  bool in_batch_ = false;  // it was of the batch's own moments
  float* output_ = nullptr;
  float* gradient_[2] = {};
  float* transposed_ = nullptr;
  float* input_gradient_ = nullptr;
};

}  // namespace mbrl::nn
