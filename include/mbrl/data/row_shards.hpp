// Rows of a checkpoint in files of their own that are only added to, so that a checkpoint costs what is new
// and not all there is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"

namespace mbrl {

/// The rows that components append (StateDict::appended), as safetensors files in a folder:
///   shards.announce(state);  x.save(state, prefix);  shards.write(state);  <write state>;
///   shards.remove_stale();
/// and to load
///   <read state>;  shards.read(state);  x.load(state, prefix);
/// A file once written is never changed. New rows join the last file into a new one while that has no more
/// rows than they and both fit into `most_rows`: of n rows there are at most n / most_rows + log2(most_rows)
/// files, and one checkpoint writes at most most_rows rows besides the new ones. Whenever a process is
/// killed, the state that is in place finds its files.
class RowShards {
 public:
  /// The folder need not exist. Reads nothing.
  explicit RowShards(std::filesystem::path folder, std::uint64_t most_rows = 16384);

  /// Before `save`: tells it which rows are stored.
  void announce(StateDict& state) const;
  /// After `save`: moves the rows out of the state into files and leaves the list of files. Throws
  /// mbrl::Error with the path where one cannot be written.
  void write(StateDict& state);
  /// Deletes the files that the last written state does not list; call it once that is in place.
  void remove_stale() const;
  /// Puts the rows back into a state that was read. Throws mbrl::Error naming the file that is missing,
  /// damaged or of other rows than listed. A state without a list is left as it is.
  void read(StateDict& state);

 private:
  struct Range {
    std::uint64_t first = 0, end = 0;
    std::uint64_t rows() const { return end - first; }
  };
  struct Stored {
    std::uint64_t history = 0;
    std::vector<Range> shards;  // in order, without gaps
  };
  std::filesystem::path file(const std::string& prefix, std::uint64_t history, const Range& range) const;
  StateDict load(const std::string& prefix, std::uint64_t history, const Range& range) const;

  std::filesystem::path folder_;
  std::uint64_t most_rows_;
  std::map<std::string, Stored> stored_;
};

}  // namespace mbrl
