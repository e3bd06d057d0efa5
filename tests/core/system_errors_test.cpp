// The reason the system gives for a failed call stands in the message, whatever happened to errno before or
// after.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "catch.hpp"
#include "core/child_process.hpp"
#include "core/file_size_limit.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/csv.hpp"
#include "mbrl/io/event_file.hpp"
#include "mbrl/io/plot.hpp"

using namespace mbrl;

namespace {

// Runs `f` in a child that is not root, as root may read and write everything.
template <class F>
int as_nobody(F&& f) {
  return in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 98;
    return f();
  });
}

// 0 if `f` throws an mbrl::Error that ends with `reason`, else `number`. errno is something else before.
template <class F>
int ends_with(const std::string& reason, int number, F&& f) {
  errno = ENOTTY;
  const std::string message = error_of(f);
  return message.ends_with(": " + reason) ? 0 : number;
}

}  // namespace

TEST_CASE("where permission is denied, that is what is said", "[system_errors]") {
  const TemporaryFolder folder;
  const auto path = folder / "a.csv";
  write_file_atomically(path, "a\n1\n");
  const auto events = folder / "events";
  EventWriter::create(events, 0.0);
  for (const auto& file : {path, events}) ::chmod(file.c_str(), 0444);
  ::chmod(folder.path().c_str(), 0555);
  const std::string reason = "Permission denied";
  CHECK(as_nobody(
            [&] { return ends_with(reason, 1, [&] { write_file_atomically(folder / "new", "x"); }); }) == 0);
  CHECK(as_nobody([&] { return ends_with(reason, 1, [&] { require_writable(folder / "new"); }); }) == 0);
  CHECK(as_nobody([&] { return ends_with(reason, 1, [&] { CsvWriter::create(folder / "new", {"a"}); }); }) ==
        0);
  CHECK(as_nobody([&] { return ends_with(reason, 1, [&] { CsvWriter::resume(path, {"a"}, 1); }); }) == 0);
  CHECK(as_nobody([&] { return ends_with(reason, 1, [&] { EventWriter::resume(events, 0.0, 1); }); }) == 0);
  CHECK(as_nobody([&] {
          return ends_with(reason, 1, [&] { plot_lines(folder / "new.png", {}, {{"", {1}, {1}}}); });
        }) == 0);
  ::chmod(path.c_str(), 0);
  CHECK(as_nobody([&] { return ends_with(reason, 1, [&] { read_file(path); }); }) == 0);
  ::chmod(folder.path().c_str(), 0755);
}

TEST_CASE("a disk that fills while rows or events are added is named", "[system_errors]") {
  const TemporaryFolder folder;
  CsvWriter rows = CsvWriter::create(folder / "a.csv", {"a"});
  EventWriter events = EventWriter::create(folder / "events", 0.0);
  const FileSizeLimit limit(200);
  const std::string reason = "File too large";
  CHECK(ends_with(reason, 1, [&] {
          for (int i = 0; i < 1000; ++i) rows.add_row(std::array{1.0});
        }) == 0);
  CHECK(ends_with(reason, 1, [&] {  // when its buffer is full
          for (int i = 0; i < 1000; ++i) events.add_scalar("loss", 1.0, i, 0.0);
        }) == 0);
  EventWriter more = EventWriter::create(folder / "more", 0.0);
  for (int i = 0; i < 10; ++i) more.add_scalar("loss", 1.0, i, 0.0);
  CHECK(ends_with(reason, 1, [&] { more.flush(); }) == 0);
}

TEST_CASE("require_system ends the message with the reason", "[system_errors]") {
  CHECK_NOTHROW(require_system(0, "never"));
  CHECK(error_of([] { require_system(EACCES, "file '", "a", "' cannot be written"); }) ==
        "file 'a' cannot be written: Permission denied");
}
