// Whole files or none: overwriting, links, a full disk.
#include "mbrl/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "catch.hpp"
#include "core/child_process.hpp"
#include "core/file_size_limit.hpp"
#include "core/temporary_folder.hpp"

using namespace mbrl;

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

TEST_CASE("of two processes that write one file a reader sees whole files only", "[atomic_file]") {
  const TemporaryFolder folder;
  const auto path = folder / "a.txt";
  constexpr std::size_t kSize = 1'000'000;
  const auto write_often = [&](char letter) {
    const std::string bytes(kSize, letter);
    for (int i = 0; i < 40; ++i) write_file_atomically(path, bytes);
    return 0;
  };
  write_file_atomically(path, std::string(kSize, 'x'));
  const pid_t first = start_child([&] { return write_often('a'); });
  const pid_t second = start_child([&] { return write_often('b'); });
  int parts = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = read_file(path);
    parts += bytes.size() != kSize || bytes.find_first_not_of(bytes[0]) != std::string::npos;
  }
  CHECK(wait_for(first) == 0);
  CHECK(wait_for(second) == 0);
  CHECK(parts == 0);
  CHECK(folder.files() == 1);
}

TEST_CASE("what a killed writer left is removed, what a living one writes is not", "[atomic_file]") {
  const TemporaryFolder folder;
  const auto path = folder / "a.txt", living = folder / "a.txt.1-2.tmp",
             left = folder / "a.txt.4194303-7.tmp";
  for (const auto& file :
       {living, left, folder / "a.txt.notes.tmp", folder / "b.txt.1-2.tmp", folder / "a.txt.tmp"})
    write_file_atomically(file, "part");
  const int fd = ::open(living.c_str(), O_RDONLY);
  REQUIRE(::flock(fd, LOCK_EX) == 0);
  write_file_atomically(path, "one");
  CHECK_FALSE(std::filesystem::exists(left));
  CHECK(std::filesystem::exists(living));
  CHECK(folder.files() == 5);  // and nothing that only looks like one
  ::close(fd);
  write_file_atomically(path, "two");
  CHECK_FALSE(std::filesystem::exists(living));
  CHECK(read_file(path) == "two");
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
