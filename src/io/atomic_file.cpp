// Temporary file, fsync, rename, fsync of the folder.
#include "mbrl/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
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

// The temporary files of `target` are named "<target>.<process>-<number>.tmp". Each is locked as long as its
// writer lives, on whichever machine: what can be locked was left behind by a writer that was killed.
std::string temporary_prefix(const fs::path& target) { return target.filename().string() + "."; }

bool is_temporary(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kSuffix = ".tmp";
  if (name.size() <= prefix.size() + kSuffix.size() || !name.starts_with(prefix) || !name.ends_with(kSuffix))
    return false;
  name.remove_prefix(prefix.size());
  name.remove_suffix(kSuffix.size());
  const std::size_t dash = name.find('-');
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dash != std::string_view::npos && is_number(name.substr(0, dash)) &&
         is_number(name.substr(dash + 1));
}

void remove_left_overs(const fs::path& target) {
  const std::string prefix = temporary_prefix(target);
  std::error_code ignored;
  for (fs::directory_iterator entry(folder_of(target), ignored), end; entry != end;
       entry.increment(ignored)) {
    if (!is_temporary(entry->path().filename().string(), prefix)) continue;
    const int fd = ::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(fd);
  }
}

// Removes the temporary file unless it has been renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : target_(target) {
    remove_left_overs(target);
    static std::atomic<unsigned long> count{0};
    for (;;) {
      temporary_ = folder_of(target) / (temporary_prefix(target) + std::to_string(::getpid()) + "-" +
                                        std::to_string(count++) + ".tmp");
      fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd_ < 0 && errno == EEXIST) continue;  // another machine's process with the same number
      if (fd_ < 0) fail_errno("cannot be written");
      if (is_ours()) return;
      ::close(fd_);  // taken for a left-over before it was locked
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!renamed_) ::unlink(temporary_.c_str());
    if (fd_ >= 0) ::close(fd_);
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
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_errno("cannot be renamed into place");
    renamed_ = true;
    const int closed = ::close(fd_);  // and unlocked, now that its name is another
    fd_ = -1;
    if (closed != 0) fail_errno("cannot be closed");
    // The rename itself lasts only once the folder is on the disk. Some file systems cannot flush folders: no
    // error.
    const int folder_fd = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) return;
    ::fsync(folder_fd);
    ::close(folder_fd);
  }

 private:
  // Locks the file; false if it has lost its name meanwhile. Where files cannot be locked, nobody takes it
  // for a left-over.
  bool is_ours() const {
    ::flock(fd_, LOCK_EX);
    struct stat info {};
    return ::fstat(fd_, &info) != 0 || info.st_nlink > 0;
  }

  [[noreturn]] void fail_errno(std::string_view what) const {
    const int error = errno;
    fail("file '", target_.string(), "' ", what, ": ", std::strerror(error));
  }

  const fs::path& target_;
  fs::path temporary_;
  int fd_ = -1;
  bool renamed_ = false;
};

}  // namespace

void write_file_atomically(const fs::path& path, std::span<const std::string_view> parts) {
  const fs::path target = target_of(path);
  TemporaryFile file(target);
  for (const std::string_view part : parts) file.write(part);
  file.commit();
}

void require_writable(const fs::path& path) {
  // The slash and dot make a folder of it that is none an error.
  const fs::path folder = folder_of(target_of(path)) / ".";
  const int error = ::access(folder.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
  require_system(error, "file '", path.string(), "' cannot be written");
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path, std::span<const std::string_view>(&bytes, 1));
}

std::string read_file(const fs::path& path) {
  std::error_code ignored;
  require(!fs::is_directory(path, ignored), "file '", path.string(), "' cannot be read: it is a folder");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  const int error = in.is_open() ? 0 : errno != 0 ? errno : EIO;
  require_system(error, "file '", path.string(), "' cannot be read");
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  require(!in.bad(), "file '", path.string(), "' cannot be read to its end");
  return bytes;
}

}  // namespace mbrl
