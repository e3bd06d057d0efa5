// Whole files or none: overwriting, links, a full disk.
#include "mbrl/core/atomic_file.hpp"

#include <sys/resource.h>

#include <csignal>

#include "catch.hpp"
#include "core/temporary_folder.hpp"

using namespace mbrl;

namespace {
// Files may not grow beyond `bytes` while this lives: writes then fail as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};
}  // namespace

TEST_CASE("a file is written whole and replaced whole", "[atomic_file]") {
  const TemporaryFolder folder;
  const auto path = folder / "a.txt";
  write_file_atomically(path, "one");
  CHECK(read_file(path) == "one");
  const std::vector<std::string_view> parts = {"two, ", std::string_view("\0x", 2), " three"};
  write_file_atomically(path, parts);
  CHECK(read_file(path) == std::string("two, \0x three", 13));
  write_file_atomically(path, "");
  CHECK(read_file(path).empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("a link is followed, not replaced", "[atomic_file]") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "target", "old");
  std::filesystem::create_symlink(folder / "target", folder / "link");
  write_file_atomically(folder / "link", "new");
  CHECK(read_file(folder / "target") == "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
}

TEST_CASE("a full disk leaves the old file and no other", "[atomic_file]") {
  const TemporaryFolder folder;
  const auto path = folder / "a.txt";
  write_file_atomically(path, "old");
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = error_of([&] { write_file_atomically(path, std::string(10000, 'x')); });
  }
  CHECK(contains(message, path.string()));
  CHECK(contains(message, "File too large"));
  CHECK(read_file(path) == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("places that cannot be written are named", "[atomic_file]") {
  const TemporaryFolder folder;
  CHECK(contains(error_of([&] { write_file_atomically(folder / "none/a.txt", "x"); }),
                 "No such file or directory"));
  CHECK(contains(error_of([&] { write_file_atomically(folder.path(), "x"); }), "folder or a device"));
  CHECK(contains(error_of([] { write_file_atomically("/dev/full", "x"); }), "folder or a device"));
  CHECK(contains(error_of([&] { read_file(folder / "none"); }), "No such file or directory"));
  CHECK(contains(error_of([&] { read_file(folder.path()); }), "it is a folder"));
}

TEST_CASE("what cannot be written is known before the work, and asking leaves nothing", "[atomic_file]") {
  const TemporaryFolder folder;
  CHECK_NOTHROW(require_writable(folder / "a.txt"));
  CHECK_NOTHROW(require_writable("a.txt"));
  CHECK(folder.files() == 0);
  write_file_atomically(folder / "a.txt", "old");
  CHECK_NOTHROW(require_writable(folder / "a.txt"));
  CHECK(read_file(folder / "a.txt") == "old");
  CHECK(contains(error_of([&] { require_writable(folder / "none/a.txt"); }), "No such file or directory"));
  CHECK(contains(error_of([&] { require_writable(folder / "a.txt/b.txt"); }), "Not a directory"));
  CHECK(contains(error_of([&] { require_writable(folder.path()); }), "folder or a device"));
  CHECK(contains(error_of([] { require_writable("/dev/full"); }), "folder or a device"));
}
