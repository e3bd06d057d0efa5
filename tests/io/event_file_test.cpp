// TensorBoard files: the checksum against its published vectors, a record byte by byte, and reading back.
#include "mbrl/io/event_file.hpp"

#include <cmath>
#include <cstring>
#include <fstream>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"

using namespace mbrl;

TEST_CASE("CRC-32C gives the known answers", "[event_file]") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283u);            // the check value of the catalogue of CRCs
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);  // RFC 3720, appendix B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
  std::string counting;
  for (int i = 0; i < 32; ++i) counting += static_cast<char>(i);
  CHECK(crc32c(counting) == 0x46DD794Eu);
}

TEST_CASE("a scalar is the protobuf message it should be", "[event_file]") {
  const TemporaryFolder folder;
  {
    EventWriter writer = EventWriter::create(folder / "e", 1.0);
    writer.add_scalar("ab", 0.5, 300, 2.0);
  }
  const std::string bytes = read_file(folder / "e");
  // Written out by hand: wall_time 2.0, step 300, summary { value { tag "ab" simple_value 0.5 } }.
  const std::string event(
      "\x09\0\0\0\0\0\0\0\x40\x10\xAC\x02\x2A\x0B\x0A\x09\x0A\x02"
      "ab\x15\0\0\0\x3F",
      25);
  REQUIRE(bytes.size() > event.size() + 16);
  const std::string last = bytes.substr(bytes.size() - event.size() - 16);
  CHECK(last.substr(12, event.size()) == event);
  CHECK(last.substr(0, 8) == std::string("\x19\0\0\0\0\0\0\0", 8));
  const auto masked = [](const std::string& part) {
    const std::uint32_t crc = crc32c(part);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  std::uint32_t stored = 0;
  std::memcpy(&stored, last.data() + 8, 4);
  CHECK(stored == masked(last.substr(0, 8)));
  std::memcpy(&stored, last.data() + last.size() - 4, 4);
  CHECK(stored == masked(event));
  CHECK(contains(bytes, "brain.Event:2"));
}

TEST_CASE("scalars are read back, and a resumed file forgets what came later", "[event_file]") {
  const TemporaryFolder folder;
  const auto path = folder / kEventFileName;
  {
    EventWriter writer = EventWriter::resume(path, 10.0, 0);  // no file yet: a new one
    for (int step = 1; step <= 5; ++step) {
      writer.add_scalar("return", 1.5 * step, step, 100.0 + step);
      writer.add_scalar("loss", std::nan(""), step, 100.0 + step);
    }
    writer.flush();
    CHECK(read_event_file(path).size() == 10);
  }
  auto events = read_event_file(path);
  REQUIRE(events.size() == 10);
  CHECK(events[8].tag == "return");
  CHECK(events[8].step == 5);
  CHECK(events[8].value == 7.5f);
  CHECK(events[8].wall_time == 105.0);
  CHECK(std::isnan(events[9].value));

  std::ofstream(path, std::ios::app | std::ios::binary) << "half a rec";
  CHECK(read_event_file(path).size() == 10);
  {
    EventWriter writer = EventWriter::resume(path, 11.0, 3);
    writer.add_scalar("return", -1, 4, 200.0);
    writer.add_scalar("negative", 1, -2, 200.0);
  }
  events = read_event_file(path);
  REQUIRE(events.size() == 8);
  CHECK(events[5].step == 3);
  CHECK(events[6].step == 4);
  CHECK(events[6].value == -1.0f);
  CHECK(events[7].step == -2);
}

TEST_CASE("files that are no event files are refused", "[event_file]") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "something else entirely, and long enough");
  CHECK(contains(error_of([&] { read_event_file(folder / "a"); }), "no TensorBoard event file"));
  CHECK(contains(error_of([&] { EventWriter::resume(folder / "a", 0, 0); }), "no TensorBoard event file"));
  CHECK(contains(error_of([&] { EventWriter::create(folder / "no/a", 0); }), "No such file"));
  CHECK(read_file(folder / "a") == "something else entirely, and long enough");
}
