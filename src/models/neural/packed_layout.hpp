// What PackedEnsemble holds: the model, its weights in the kernels' layout, and the kernels that layout was
// made for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "mbrl/models/neural/packed_ensemble.hpp"
#include "models/neural/ensemble_kernels.hpp"

namespace mbrl {

namespace simd {

// Aligned floats, zero at first.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t size)
      : data_(static_cast<float*>(
            ::operator new (size * sizeof(float) + kAlignment, std::align_val_t{kAlignment}))) {
    std::fill_n(data_.get(), size, 0.0f);
  }
  float* get() { return data_.get(); }
  const float* get() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { ::operator delete (p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<float, Free> data_;
};

}  // namespace simd

struct PackedEnsemble::Impl {
  MlpEnsemble model;
  const simd::EnsembleKernels* kernels = nullptr;
  simd::AlignedFloats storage;
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
