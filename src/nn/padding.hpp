// The unit in which networks' arrays are padded.
#pragma once

namespace mbrl::nn {

inline constexpr int kPad = 16;  // floats; a multiple of every vector length used
constexpr int padded(int n) { return (n + kPad - 1) / kPad * kPad; }

// Columns that a product takes at a time at most: rows as short as that are read as a whole.
inline constexpr int kTileColumns = 2 * kPad;

// The length of longer rows that are read down their columns: an odd number of cache lines, so that rows below each
// other do not share the cache's sets as they would at a power of two.
constexpr int row_stride(int n) { return (padded(n) / kPad | 1) * kPad; }

}  // namespace mbrl::nn
