// Random inputs and weights that the tests of networks share.
#pragma once

#include <cstdint>

#include "mbrl/core/random.hpp"
#include "normals.hpp"

namespace mbrl::testing {

inline Batchf noise(Index rows, Index columns, std::uint32_t id, std::uint64_t seed = 5) {
  return normals<Batchf>(RandomStream(seed, Stream::kUser), rows, columns, id);
}

}  // namespace mbrl::testing
