// Scalars for TensorBoard: event files written without TensorFlow.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mbrl {

/// One point of a curve.
struct ScalarEvent {
  double wall_time = 0;  // seconds since 1970
  std::int64_t step = 0;
  std::string tag;
  float value = 0;
};

/// TensorBoard finds files whose names contain "tfevents"; a folder should hold one.
inline constexpr const char* kEventFileName = "events.out.tfevents.0.mbrl";

/// CRC-32C (Castagnoli), as records are protected with.
std::uint32_t crc32c(std::string_view bytes);

/// Appends scalars to a file of length-prefixed, checksummed records (the TFRecord framing), each a protobuf
/// `Event`.
class EventWriter {
 public:
  /// A new file; an old one is replaced. Times are the caller's: nothing here reads a clock.
  static EventWriter create(const std::filesystem::path& path, double wall_time);
  /// Keeps the events of an existing file up to `last_step` and appends after them; a missing file is made.
  static EventWriter resume(const std::filesystem::path& path, double wall_time, std::int64_t last_step);

  /// Throws mbrl::Error if the file cannot be written.
  void add_scalar(std::string_view tag, double value, std::int64_t step, double wall_time);
  void flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit EventWriter(const std::filesystem::path& path);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

/// The scalars of an event file, in order. A broken last record (a killed process) ends the list; throws
/// mbrl::Error for a file that begins with no valid record.
std::vector<ScalarEvent> read_event_file(const std::filesystem::path& path);

}  // namespace mbrl
