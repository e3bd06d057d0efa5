// How Eigen treats memory in the library: the one definition that programs must ask for.
#include "mbrl/core/eigen_memory.hpp"

namespace mbrl::eigen_memory {

template <std::size_t dynamic_align, std::size_t static_align, bool plain_malloc, std::size_t index_size>
void differs_from_mbrl_see_installing_md() {}

template void differs_from_mbrl_see_installing_md<EIGEN_MAX_ALIGN_BYTES, EIGEN_MAX_STATIC_ALIGN_BYTES,
                                                  EIGEN_MALLOC_ALREADY_ALIGNED != 0, sizeof(Eigen::Index)>();

}  // namespace mbrl::eigen_memory
