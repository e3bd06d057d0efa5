// Observation encodings in checkpoints.
#pragma once

#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

/// Arrays prefix + "encoding.features" and prefix + "encoding.targets".
void save_encoding(const ObsEncoding& encoding, StateDict& out, const std::string& prefix);
/// Throws mbrl::Error for kinds of features or targets that do not exist, or features of no entry.
ObsEncoding load_encoding(const StateDict& in, const std::string& prefix);

}  // namespace mbrl
