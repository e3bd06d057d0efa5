// A block of floats aligned for the widest vectors, zero at first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// Throws mbrl::Error where there is no memory. Owned by plain aligned new: nothing here depends on the
/// compile flags of either side of the library.
class AlignedFloats {
 public:
  static constexpr std::size_t kAlignment = 64;  // bytes

  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t size) : data_(allocate(size)), size_(size) {
    std::fill_n(data(), size, 0.0f);
  }
  AlignedFloats(const AlignedFloats& other) : data_(allocate(other.size_)), size_(other.size_) {
    std::copy_n(other.data(), size_, data());
  }
  AlignedFloats(AlignedFloats&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  AlignedFloats& operator=(AlignedFloats other) noexcept {
    data_.swap(other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  /// Entry by entry. Throws mbrl::Error for another size.
  AlignedFloats& operator+=(const AlignedFloats& other) {
    require_dim("AlignedFloats", "the other block", other.size_, size_);
    for (std::size_t i = 0; i < size_; ++i) data_[i] += other.data_[i];
    return *this;
  }

  std::size_t size() const { return size_; }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  float& operator[](std::size_t i) { return data_[i]; }
  float operator[](std::size_t i) const { return data_[i]; }
  float* begin() { return data(); }
  float* end() { return data() + size_; }
  const float* begin() const { return data(); }
  const float* end() const { return data() + size_; }

 private:
  struct Free {
    void operator()(float* block) const { ::operator delete[](block, std::align_val_t{kAlignment}); }
  };
  static float* allocate(std::size_t size) {
    if (size == 0) return nullptr;
    void* block = ::operator new[](size * sizeof(float), std::align_val_t{kAlignment}, std::nothrow);
    require(block != nullptr, "out of memory for ", size, " numbers");
    return static_cast<float*>(block);
  }

  std::unique_ptr<float[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace mbrl
