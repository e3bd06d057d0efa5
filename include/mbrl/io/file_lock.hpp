// A lock on a file that ends with its process, however the process ends: for work that only one program may
// do at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace mbrl {

/// Held from construction to destruction (flock, so on one machine and on network file systems that pass
/// locks on). The file stays behind, unlocked; it names the last holder.
class FileLock {
 public:
  /// Makes the file where there is none. Nothing if another process, or another FileLock of this one, holds
  /// the lock. Throws mbrl::Error if the file cannot be opened. A file system without locks is logged as a
  /// warning, and the lock is taken as held.
  static std::optional<FileLock> try_take(const std::filesystem::path& path);

  /// Who wrote its name into the file last, e.g. "process 4711 on node3"; "another process" if that cannot be
  /// read.
  static std::string holder(const std::filesystem::path& path);

  FileLock(FileLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace mbrl
