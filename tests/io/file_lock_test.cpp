// Locks between the holders of one process and between two processes.
#include "mbrl/io/file_lock.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "catch.hpp"
#include "core/temporary_folder.hpp"

using namespace mbrl;

TEST_CASE("a lock is held by one at a time, and names its holder") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "lock";
  CHECK(FileLock::holder(file) == "another process");
  std::optional<FileLock> first = FileLock::try_take(file);
  REQUIRE(first.has_value());
  CHECK_FALSE(FileLock::try_take(file).has_value());
  CHECK(FileLock::holder(file).starts_with("process " + std::to_string(::getpid())));
  FileLock moved = std::move(*first);
  first.reset();  // an empty shell: the lock is with `moved`
  CHECK_FALSE(FileLock::try_take(file).has_value());
  { const FileLock last = std::move(moved); }
  CHECK(FileLock::try_take(file).has_value());
}

TEST_CASE("a lock ends with the process that holds it") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "lock";
  int held[2];
  REQUIRE(::pipe(held) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::optional<FileLock> lock = FileLock::try_take(file);
    const char answer = lock ? 'y' : 'n';
    if (::write(held[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char answer = 0;
  REQUIRE(::read(held[0], &answer, 1) == 1);  // waits for the child
  CHECK(answer == 'y');
  CHECK_FALSE(FileLock::try_take(file).has_value());
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(FileLock::try_take(file).has_value());
  ::close(held[0]);
  ::close(held[1]);
}

TEST_CASE("a lock where no file can be is an error with the path") {
  const TemporaryFolder folder;
  CHECK(contains(error_of([&] { FileLock::try_take(folder / "none" / "lock"); }), "none/lock"));
}
