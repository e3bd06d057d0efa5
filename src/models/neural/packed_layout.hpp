// What PackedEnsemble holds: the model, its weights in the kernels' layout, and the kernels that layout was
// made for.
#pragma once

#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "models/neural/ensemble_kernels.hpp"

namespace mbrl {

struct PackedEnsemble::Impl {
  MlpEnsemble model;
  const simd::EnsembleKernels* kernels = nullptr;
  AlignedFloats storage;
  std::vector<std::vector<simd::PackedLayer>> members;  // [member][layer]
  std::vector<float> inverse_std;
  int widest = 0;  // rows of the widest padded layer

  // The raw output tile (output_dim rows of vectors * lanes) of one member; a and b hold widest * width
  // floats.
  const float* forward(int member, const float* input, int vectors, float* a, float* b) const {
    const auto& layers = members[static_cast<std::size_t>(member)];
    return kernels->forward(layers.data(), static_cast<int>(layers.size()), model.settings.activation, input,
                            vectors, a, b);
  }
};

}  // namespace mbrl
