// StateDicts as files in the safetensors format (https://huggingface.co/docs/safetensors): readable from
// Python, and loading runs no code.
#pragma once

#include <filesystem>

#include "mbrl/core/state_dict.hpp"

namespace mbrl {

/// Writes all arrays and the metadata (as __metadata__), atomically (see io/atomic_file.hpp).
/// Throws mbrl::Error with the path and the reason; an old file at `path` is then as it was.
void save_safetensors(const std::filesystem::path& path, const StateDict& state);

/// Throws mbrl::Error naming the path and what is wrong: missing, truncated, no safetensors file, offsets that
/// do not fit, a type of number that StateDict does not hold.
StateDict load_safetensors(const std::filesystem::path& path);

}  // namespace mbrl
