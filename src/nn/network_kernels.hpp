// The arithmetic of one network, compiled for several instruction sets and chosen at run time: forward pass,
// backward pass, and what optimisers do to a block of parameters. Layouts: nn/multiply-inl.hpp.
#pragma once

#include <cstddef>

#include "mbrl/nn/network.hpp"
#include "nn/adam_numbers.hpp"

namespace mbrl::nn {

// Where a pass keeps its numbers; every array is [rows][stride].
struct PassArrays {
  int stride = 0;                  // samples, padded
  float* const* inputs = nullptr;  // [layer]: what the layer reads
  float* const* slopes =
      nullptr;  // [layer]: derivative of the activation behind the layer; null: a rectifier's
  float* const* centred = nullptr;  // [layer]: its output, normalised (with layer_norm)
  float* const* inverse = nullptr;  // [layer]: 1 / standard deviation of each sample's outputs, one row
  float* const* masks =
      nullptr;                  // [hidden layer]: what its output is multiplied by; null: nothing is left out
  float* output = nullptr;      // [out]
  float* gradient[2] = {};      // [widest layer], taking turns
  float* transposed = nullptr;  // [sample][row_stride of the layer]
  // With batch_norm.
  float* const* normal = nullptr;   // [layer]: its inputs, (x - m) / sqrt(v + eps)
  float* const* factors = nullptr;  // [layer]: r, d and 1 / sqrt(v + eps) of each input, not a row each
  const float* running_moments = nullptr;  // as Network::moments
  float* batch_moments = nullptr;          // the same, of the batch; null: the running ones count
  bool renormalise = false;                // r and d count
};

// Fills everything but the gradients from inputs[0]. `dropout` counts where there are masks.
void forward_pass(const Network::Layer* layers, int layer_count, const NetworkSettings& settings,
                  const float* parameters, int samples, const DropoutKey& dropout, const PassArrays& work);

// From gradient[0], the loss's gradient with respect to the output: into `gradient` (a block like the
// parameters; null: not wanted) that of the parameters; into input_gradient ([in][stride]; null: not wanted)
// that of the inputs.
void backward_pass(const Network::Layer* layers, int layer_count, const float* parameters, int samples,
                   const PassArrays& work, float* gradient, float* input_gradient);

// What backward_steps changes; blocks like the parameters.
struct AdamSteps {
  float* parameters = nullptr;
  float* first = nullptr;
  float* second = nullptr;
  const float* decay = nullptr;  // [layer]: of its weights, lambda of lambda/2 |W|^2
  AdamNumbers numbers;
};

// The same for a network without normalisation, each layer's parameters stepping down their gradient as it becomes known.
void backward_steps(const Network::Layer* layers, int layer_count, int samples, const PassArrays& work,
                    const AdamSteps& steps);

// One step on parameters [0, count); decay: lambda of lambda/2 |w|^2.
void adam_update(float* parameters, float* first, float* second, const float* gradient, std::size_t count,
                 float decay, const AdamNumbers& numbers);
// Sum of squares, the same for every instruction set but for contracted multiply-adds.
double squared_norm(const float* values, std::size_t count);
// target += share (source - target).
void move_towards(float* target, const float* source, std::size_t count, float share);

}  // namespace mbrl::nn
