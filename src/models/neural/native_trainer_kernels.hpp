// The arithmetic of one optimiser step for one ensemble member, compiled for several instruction sets and
// chosen at run time. Everything is laid out for one small matrix-multiply kernel that is vectorised over its
// columns:
//   activations  [feature][sample], samples padded to a multiple of 16 with zero columns;
//   weights      [output / 16][input][16]: panels of 16 outputs, so that every pass reads them in runs.
#pragma once

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "nn/adam_numbers.hpp"
#include "nn/padding.hpp"

namespace mbrl::training {

using nn::kPad;
using nn::padded;

// One layer's parameters and Adam's moments of them. Padding entries are 0 and stay so.
struct LayerState {
  int in = 0, out = 0, stride = 0;  // stride = padded(out)
  float* weight = nullptr;          // stride / kPad panels of [in][kPad]
  float* weight_m = nullptr;
  float* weight_v = nullptr;
  float* bias = nullptr;  // [stride]
  float* bias_m = nullptr;
  float* bias_v = nullptr;
  float decay = 0.0f;  // lambda of lambda/2 |W|^2
};

// Scratch memory of one member for batches of up to `stride` samples.
struct Activations {
  int stride = 0;                  // samples, padded
  float* const* inputs = nullptr;  // [layer]: what the layer reads, [in][stride]
  float* const* slopes =
      nullptr;  // [layer]: derivative of the activation that made inputs[layer]; unused for layer 0
  float* output = nullptr;      // [out of the last layer][stride]
  float* gradient[2] = {};      // [widest layer][stride], taking turns
  float* transposed = nullptr;  // [stride][padded widest layer]
};

// Fills inputs[1..] (and slopes) and output from inputs[0] for `samples` samples.
void forward(const LayerState* layers, int layer_count, Activation activation, int samples,
             const Activations& work);

// Loss of the outputs' first `rows` rows against targets ([dims][stride]), their share of the mean over samples
// and dims; writes its gradient with respect to the raw outputs into work.gradient[0]. Gaussian: writes the
// gradients of the log-variance bounds to max_grad and min_grad (`rows` entries); terms: scratch of
// 3 * dims * stride floats.
double gaussian_loss(const float* targets, int rows, int dims, int samples, const float* max_logvar,
                     const float* min_logvar, const Activations& work, float* terms, double* max_grad,
                     double* min_grad);
double squared_loss(const float* targets, int rows, int dims, int samples, const Activations& work,
                    float* terms);
// The same of one row whose targets are 0 or 1 and whose outputs are logits. weight: of the gradient;
// terms: scratch of stride floats.
double logistic_loss(const float* targets, int row, int dims, int samples, double weight,
                     const Activations& work, float* terms);

// Back-propagates work.gradient[0] and updates every layer by Adam as its gradient becomes known.
void backward_update(const LayerState* layers, int layer_count, int samples, const nn::AdamNumbers& adam,
                     const Activations& work);

}  // namespace mbrl::training
