// Locks by flock: the kernel releases them when the last descriptor of the open file is closed.
#include "mbrl/io/file_lock.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

std::optional<FileLock> FileLock::try_take(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  const int open_error = errno;
  require(fd >= 0, "lock '", path.string(), "' cannot be opened: ", std::strerror(open_error));
  FileLock lock(fd);
  int result = 0;
  while ((result = ::flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
  }
  if (result != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) return std::nullopt;
    spdlog::warn("'{}' cannot be locked ({}): nothing keeps a second process away", path.string(),
                 std::strerror(error));
    return lock;
  }
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::string name = "process " + std::to_string(::getpid()) +
                           (host[0] != '\0' ? " on " + std::string(host.data()) : "") + "\n";
  // The name is a help for people: a full disk does not unmake the lock.
  if (::ftruncate(fd, 0) == 0) [[maybe_unused]]
    const ssize_t written = ::write(fd, name.data(), name.size());
  return lock;
}

std::string FileLock::holder(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  return std::getline(in, line) && line.starts_with("process ") ? line : "another process";
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace mbrl
