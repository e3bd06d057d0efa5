// The checkpoint of a run folder: everything an algorithm has learned and where it stands, in one file, and
// the rows of its buffers in files beside it that are only added to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/data/row_shards.hpp"
#include "mbrl/run/run_folder.hpp"

namespace mbrl {

/// How far a run has come.
struct RunPosition {
  std::int64_t rounds = 0, steps = 0;  // finished rounds; environment steps
  bool round_begun = false;            // another round is under way
};

/// Names of an algorithm's arrays in a checkpoint begin with it: "pets." for pets.
inline std::string checkpoint_prefix(const std::string& algorithm) { return algorithm + "."; }

/// The rows of a folder's checkpoints, for as long as a process writes there.
inline RowShards row_shards(const RunFolder& folder) {
  return RowShards(folder.checkpoint().parent_path() / "rows");
}

/// Writes the checkpoint, whole or not at all. `state` is what the algorithm saved with checkpoint_prefix,
/// into a state that `rows` has announced its rows to.
void save_checkpoint(const RunFolder& folder, const std::string& algorithm, const RunPosition& position,
                     StateDict state, RowShards& rows);

/// Throws mbrl::Error if there is none, if it is damaged, or if it is another algorithm's. May be called
/// while another process writes there. `rows`: for going on with it.
StateDict load_checkpoint(const RunFolder& folder, const std::string& algorithm, RowShards& rows);
StateDict load_checkpoint(const RunFolder& folder, const std::string& algorithm);

/// Nothing in checkpoints before 0.1.0.
std::optional<RunPosition> position_in(const StateDict& checkpoint);

}  // namespace mbrl
