// The checkpoint of a run folder: everything an algorithm has learned and where it stands, in one file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/run/run_folder.hpp"

namespace mbrl {

/// How far a run has come.
struct RunPosition {
  std::int64_t rounds = 0, steps = 0;  // finished rounds; environment steps
  bool round_begun = false;            // another round is under way
};

/// Names of an algorithm's arrays in a checkpoint begin with it: "pets." for pets.
inline std::string checkpoint_prefix(const std::string& algorithm) { return algorithm + "."; }

/// Writes the file, whole or not at all. `state` is what the algorithm saved with checkpoint_prefix.
void save_checkpoint(const RunFolder& folder, const std::string& algorithm, const RunPosition& position,
                     StateDict state);

/// Throws mbrl::Error if there is none, if it is damaged, or if it is another algorithm's.
StateDict load_checkpoint(const RunFolder& folder, const std::string& algorithm);

/// Nothing in checkpoints before 0.1.0.
std::optional<RunPosition> position_in(const StateDict& checkpoint);

}  // namespace mbrl
