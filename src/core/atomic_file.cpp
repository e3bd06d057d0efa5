// Temporary file, fsync, rename, fsync of the folder.
#include "mbrl/core/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Where a write to the path goes, links followed. Throws if that is no place for a file.
fs::path target_of(const fs::path& path) {
  std::error_code ignored;
  fs::path target = path;
  if (fs::is_symlink(path, ignored)) {
    const fs::path resolved = fs::weakly_canonical(path, ignored);
    if (!ignored) target = resolved;
  }
  const fs::file_status status = fs::status(target, ignored);
  require(!fs::exists(status) || fs::is_regular_file(status), "file '", path.string(),
          "' cannot be written: it is a folder or a device, expected a file or a new path");
  return target;
}

// Removes the temporary file unless it has been renamed.
class TemporaryFile {
 public:
  TemporaryFile(const fs::path& target, fs::path temporary)
      : target_(target), temporary_(std::move(temporary)) {
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) fail_errno("cannot be written");
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!renamed_) ::unlink(temporary_.c_str());
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;
      const ssize_t written = ::write(fd_, bytes.data(), std::min(bytes.size(), kMostAtOnce));
      if (written < 0) {
        if (errno == EINTR) continue;
        fail_errno("cannot be written");
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void commit() {
    if (::fsync(fd_) != 0) fail_errno("cannot be flushed to the disk");
    const int closed = ::close(fd_);
    fd_ = -1;
    if (closed != 0) fail_errno("cannot be closed");
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_errno("cannot be renamed into place");
    renamed_ = true;
    // The rename itself lasts only once the folder is on the disk. Some file systems cannot flush folders: no
    // error.
    const int folder_fd = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) return;
    ::fsync(folder_fd);
    ::close(folder_fd);
  }

 private:
  [[noreturn]] void fail_errno(std::string_view what) const {
    fail("file '", target_.string(), "' ", what, ": ", std::strerror(errno));
  }

  const fs::path& target_;
  fs::path temporary_;
  int fd_ = -1;
  bool renamed_ = false;
};

}  // namespace

void write_file_atomically(const fs::path& path, std::span<const std::string_view> parts) {
  const fs::path target = target_of(path);
  fs::path temporary = target;
  temporary += ".tmp";
  TemporaryFile file(target, std::move(temporary));
  for (const std::string_view part : parts) file.write(part);
  file.commit();
}

void require_writable(const fs::path& path) {
  // The slash and dot make a folder of it that is none an error.
  const fs::path folder = folder_of(target_of(path)) / ".";
  require(::access(folder.c_str(), W_OK | X_OK) == 0, "file '", path.string(),
          "' cannot be written: ", std::strerror(errno));
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path, std::span<const std::string_view>(&bytes, 1));
}

std::string read_file(const fs::path& path) {
  std::error_code ignored;
  require(!fs::is_directory(path, ignored), "file '", path.string(), "' cannot be read: it is a folder");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  require(in.is_open(), "file '", path.string(), "' cannot be read: ", std::strerror(errno));
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  require(!in.bad(), "file '", path.string(), "' cannot be read to its end");
  return bytes;
}

}  // namespace mbrl
