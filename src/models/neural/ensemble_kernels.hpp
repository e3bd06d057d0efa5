// The vector kernels behind PackedEnsemble and EnsembleRollout as a table of functions, chosen once at run
// time. A tile is [row][width]: one row a feature, one column a sample, width = vectors * lanes. Rows are
// contiguous.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl::simd {

// Alignment of every tile and weight array, in bytes; covers the widest vector.
inline constexpr std::size_t kAlignment = 64;
inline constexpr int kMaxVectors = 3;  // vectors a tile is wide at most
inline constexpr int kMaxLanes = 16;   // floats a vector holds at most

// Weights as [out / outputs][in][outputs], so that one block of outputs reads them in order; bias as [out]
// padded.
struct PackedLayer {
  int in = 0;
  int blocks = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
};

struct EnsembleKernels {
  const char* target;  // name of the instruction set
  int lanes;           // floats a vector
  int outputs;         // outputs a block computes at once
  // Runs all layers on a tile of `vectors` vectors; a and b are scratch of at least the widest (padded)
  // layer. Returns the output tile, in a or b.
  const float* (*forward)(const PackedLayer* layers, int layer_count, Activation activation,
                          const float* input, int vectors, float* a, float* b);
  // Rows of standardised inputs from rows of observations and actions.
  void (*encode)(const ObsFeature* features, int feature_dim, int action_dim, const float* mean,
                 const float* inverse_std, const float* obs, const float* action, int width, float* out);
  // Bounds raw log-variances in place (Chua et al., appendix A.1).
  void (*bound_logvar)(float* logvar, const float* high, const float* low, int dims, int width);
  // out = exp(logvar / 2).
  void (*deviation)(const float* logvar, int dims, int width, float* out);
  // Standard normals: dimension d of column j is a function of (key, candidate[j], particle[j], step, d)
  // alone. Writes ceil(dims / 4) * 4 rows.
  void (*normals)(std::array<std::uint32_t, 2> key, const std::uint32_t* candidate,
                  const std::uint32_t* particle, std::uint32_t step, int dims, int width, float* out);
  // next = mean + deviation * noise (+ obs where delta); deviation may be null: next = mean (+ obs). Constant
  // entries: next = obs.
  void (*sample)(const float* mean, const float* deviation, const float* noise, const float* obs,
                 const TargetKind* kinds, int dims, int width, float* next);
};

// The table of the best instruction set this processor has.
const EnsembleKernels& ensemble_kernels();

}  // namespace mbrl::simd
