// Data sets of others: HDF5 files laid out as D4RL's or Minari's.
#pragma once

#include <filesystem>

#include "mbrl/core/state_dict.hpp"

namespace mbrl {

// Whether the file begins as HDF5 files do.
bool is_hdf5(const std::filesystem::path& path);

// The arrays of a data set (docs/files.md), with episode and step. Throws mbrl::Error for another layout and where HDF5
// is not there.
StateDict read_hdf5_dataset(const std::filesystem::path& path);

}  // namespace mbrl
