#include "mbrl/run/checkpoint.hpp"

#include <filesystem>

#include "mbrl/core/error.hpp"
#include "mbrl/io/safetensors.hpp"

namespace mbrl {
namespace {

std::string format_of(const std::string& algorithm) { return "mbrl-" + algorithm + "-1"; }

constexpr const char* kPosition = "run.position";

}  // namespace

void save_checkpoint(const RunFolder& folder, const std::string& algorithm, const RunPosition& position,
                     StateDict state, RowShards& rows) {
  rows.write(state);
  state.metadata["format"] = format_of(algorithm);
  state.put(kPosition,
            std::vector<std::int64_t>{position.rounds, position.steps, position.round_begun ? 1 : 0});
  save_safetensors(folder.checkpoint(), state);
  rows.remove_stale();
}

StateDict load_checkpoint(const RunFolder& folder, const std::string& algorithm) {
  RowShards rows = row_shards(folder);
  return load_checkpoint(folder, algorithm, rows);
}

StateDict load_checkpoint(const RunFolder& folder, const std::string& algorithm, RowShards& rows) {
  require(folder.has_checkpoint(), folder.path().string(),
          " has no checkpoint yet; let 'mbrl train' finish a round first");
  const auto written = std::filesystem::last_write_time(folder.checkpoint());
  StateDict state = load_safetensors(folder.checkpoint());
  const auto format = state.metadata.find("format");
  const std::string expected = format_of(algorithm);
  require(format != state.metadata.end() && format->second == expected, folder.checkpoint().string(),
          ": not a checkpoint of ", algorithm, " (its format is '",
          format == state.metadata.end() ? "missing" : format->second, "', expected '", expected, "')");
  try {
    rows.read(state);
  } catch (const Error&) {
    // Whoever writes there may have put the next checkpoint in place and removed files of this one.
    if (std::filesystem::last_write_time(folder.checkpoint()) == written) throw;
    return load_checkpoint(folder, algorithm, rows);
  }
  return state;
}

std::optional<RunPosition> position_in(const StateDict& checkpoint) {
  if (!checkpoint.contains(kPosition)) return std::nullopt;
  const auto values = checkpoint.get<std::int64_t>(kPosition);
  require_dim("checkpoint: '" + std::string(kPosition) + "'", "the array", values.size(), 3);
  return RunPosition{values[0], values[1], values[2] != 0};
}

}  // namespace mbrl
