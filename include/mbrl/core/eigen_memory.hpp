// Refuses, when a program is linked, code for which Eigen lays out or allocates memory otherwise than in the
// library.
//
// Vectors and batches cross the boundary by value: what the library allocates, the program frees. With vector
// flags (-march=native, -mavx, ...) or, in GCC, the address sanitizer, Eigen aligns more strictly and keeps a
// block's true start in front of it, so that such a program would free an address that malloc never gave.
#pragma once

#include <cstddef>

#include <Eigen/Core>

namespace mbrl::eigen_memory {

/// Exists in the library for the values it was compiled with, and for no others. "undefined reference" to this
/// one means that your code and the library were compiled with flags that do not go together:
/// docs/installing.md, "Vector flags and sanitizers", says what to do (in short: link mbrl::eigen_memory to
/// your target, or give both the same flags).
///   dynamic_align, static_align: bytes to which Eigen aligns; plain_malloc: whether it leaves that to malloc.
template <std::size_t dynamic_align, std::size_t static_align, bool plain_malloc, std::size_t index_size>
void differs_from_mbrl_see_installing_md();

/// One in every source that includes this, so that no source is taken for another.
[[gnu::used]] static void (*const kCheckedByTheLinker)() =
    &differs_from_mbrl_see_installing_md<EIGEN_MAX_ALIGN_BYTES, EIGEN_MAX_STATIC_ALIGN_BYTES,
                                         EIGEN_MALLOC_ALREADY_ALIGNED != 0, sizeof(Eigen::Index)>;

}  // namespace mbrl::eigen_memory
