// Splits columns into tiles of one to three vectors, evenly, so that a remainder does not leave a nearly
// empty tile.
#pragma once

#include <algorithm>
#include <vector>

#include "models/neural/ensemble_kernels.hpp"

namespace mbrl::simd {

struct TileRange {
  int first = 0;  // column
  int count = 0;  // real columns; the rest of the tile's width is padding
  int vectors = 0;
};

inline void split_tiles(int columns, int lanes, std::vector<TileRange>& out) {
  const int vectors = (columns + lanes - 1) / lanes;
  const int tiles = (vectors + kMaxVectors - 1) / kMaxVectors;
  out.clear();
  out.reserve(static_cast<std::size_t>(tiles));
  for (int i = 0; i < tiles; ++i) {
    const int begin = vectors * i / tiles, end = vectors * (i + 1) / tiles;
    out.push_back({begin * lanes, std::min(columns, end * lanes) - begin * lanes, end - begin});
  }
}
inline std::vector<TileRange> split_tiles(int columns, int lanes) {
  std::vector<TileRange> out;
  split_tiles(columns, lanes, out);
  return out;
}

}  // namespace mbrl::simd
