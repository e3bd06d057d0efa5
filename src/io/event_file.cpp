// TensorBoard event files. A record is
//   uint64 length, uint32 masked CRC-32C of the length, the bytes, uint32 masked CRC-32C of the bytes (little-endian).
// The bytes are a protobuf Event: 1 wall_time (double), 2 step (int64), 3 file_version (string),
// 5 summary { 1 value { 1 tag (string), 2 simple_value (float) } }.
#include "mbrl/io/event_file.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"

namespace mbrl {
namespace {

static_assert(std::endian::native == std::endian::little, "event files hold little-endian numbers");

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1u) ? 0x82F63B78u : 0u);
    table[i] = c;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

template <class T>
void append_raw(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.append(bytes.data(), bytes.size());
}
template <class T>
T read_raw(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// Protobuf wire format: a key is field number << 3 | wire type (0 varint, 1 64 bits, 2 bytes, 5 32 bits).
void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}
void append_bytes(std::string& out, unsigned field, std::string_view bytes) {
  append_varint(out, field << 3 | 2);
  append_varint(out, bytes.size());
  out += bytes;
}
void append_double(std::string& out, unsigned field, double value) {
  append_varint(out, field << 3 | 1);
  append_raw(out, value);
}
void append_float(std::string& out, unsigned field, float value) {
  append_varint(out, field << 3 | 5);
  append_raw(out, value);
}

std::string record(std::string_view event) {
  std::string out;
  append_raw(out, std::uint64_t{event.size()});
  append_raw(out, masked_crc(out));
  out += event;
  append_raw(out, masked_crc(event));
  return out;
}

std::string version_event(double wall_time) {
  std::string event;
  append_double(event, 1, wall_time);
  append_bytes(event, 3, "brain.Event:2");
  return event;
}

// One field of a message: its number and its contents.
struct Field {
  unsigned number = 0;
  std::uint64_t integer = 0;  // wire types 0, 1, 5
  std::string_view bytes;     // wire type 2
};

// Takes the next field off `message`; nothing if it is damaged.
std::optional<std::uint64_t> take_varint(std::string_view& message) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !message.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(message.front());
    message.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}
std::optional<Field> take_field(std::string_view& message) {
  const auto key = take_varint(message);
  if (!key) return std::nullopt;
  Field field{static_cast<unsigned>(*key >> 3), 0, {}};
  std::size_t size = 0;
  switch (*key & 7) {
    case 0: {
      const auto value = take_varint(message);
      if (!value) return std::nullopt;
      field.integer = *value;
      return field;
    }
    case 1:
      size = 8;
      break;
    case 5:
      size = 4;
      break;
    case 2: {
      const auto length = take_varint(message);
      if (!length || *length > message.size()) return std::nullopt;
      size = static_cast<std::size_t>(*length);
      break;
    }
    default:
      return std::nullopt;
  }
  if (size > message.size()) return std::nullopt;
  field.bytes = message.substr(0, size);
  if ((*key & 7) == 1) field.integer = read_raw<std::uint64_t>(field.bytes);
  if ((*key & 7) == 5) field.integer = read_raw<std::uint32_t>(field.bytes);
  message.remove_prefix(size);
  return field;
}

// Calls visit(end of the record in the file, its scalars' step, its scalars) until it returns false or the
// file ends. Gives the number of valid records.
template <class Visit>
std::size_t for_each_event(std::string_view file, Visit&& visit) {
  std::size_t at = 0, count = 0;
  while (file.size() - at >= 16) {
    const std::string_view head = file.substr(at, 8);
    const auto length = read_raw<std::uint64_t>(head);
    if (read_raw<std::uint32_t>(file.substr(at + 8)) != masked_crc(head) || length > file.size() - at - 16)
      break;
    const std::string_view event = file.substr(at + 12, static_cast<std::size_t>(length));
    if (read_raw<std::uint32_t>(file.substr(at + 12 + event.size())) != masked_crc(event)) break;
    at += event.size() + 16;
    ++count;

    ScalarEvent common;
    std::vector<ScalarEvent> scalars;
    std::string_view rest = event;
    while (auto field = take_field(rest)) {
      if (field->number == 1) common.wall_time = std::bit_cast<double>(field->integer);
      if (field->number == 2) common.step = static_cast<std::int64_t>(field->integer);
      if (field->number != 5) continue;
      std::string_view summary = field->bytes;
      while (auto value = take_field(summary)) {
        if (value->number != 1) continue;
        ScalarEvent scalar;
        std::string_view parts = value->bytes;
        while (auto part = take_field(parts)) {
          if (part->number == 1) scalar.tag = std::string(part->bytes);
          if (part->number == 2)
            scalar.value = std::bit_cast<float>(static_cast<std::uint32_t>(part->integer));
        }
        scalars.push_back(std::move(scalar));
      }
    }
    for (ScalarEvent& scalar : scalars) {
      scalar.wall_time = common.wall_time;
      scalar.step = common.step;
    }
    if (!visit(at, common.step, scalars)) break;
  }
  return count;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) crc = kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFu] ^ (crc >> 8);
  return ~crc;
}

EventWriter::EventWriter(const std::filesystem::path& path)
    : path_(path), file_(std::fopen(path.c_str(), "ab")) {
  const int error = file_ ? 0 : errno;
  require_system(error, "file '", path.string(), "' cannot be written");
}

EventWriter EventWriter::create(const std::filesystem::path& path, double wall_time) {
  write_file_atomically(path, record(version_event(wall_time)));
  return EventWriter(path);
}

EventWriter EventWriter::resume(const std::filesystem::path& path, double wall_time, std::int64_t last_step) {
  if (!std::filesystem::exists(path)) return create(path, wall_time);
  const std::string bytes = read_file(path);
  std::size_t keep = 0;
  const std::size_t records = for_each_event(bytes, [&](std::size_t end, std::int64_t step, const auto&) {
    if (keep > 0 && step > last_step) return false;  // the first record names the format and stays
    keep = end;
    return true;
  });
  require(records > 0, "file '", path.string(), "' is no TensorBoard event file");
  std::error_code error;
  if (keep < bytes.size()) std::filesystem::resize_file(path, keep, error);
  require(!error, "file '", path.string(), "' cannot be cut: ", error.message());
  return EventWriter(path);
}

void EventWriter::add_scalar(std::string_view tag, double value, std::int64_t step, double wall_time) {
  std::string point, summary, event;
  append_bytes(point, 1, tag);
  append_float(point, 2, static_cast<float>(value));
  append_bytes(summary, 1, point);
  append_double(event, 1, wall_time);
  append_varint(event, 2 << 3);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  const std::string bytes = record(event);
  const int error = std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size() ? 0 : errno;
  require_system(error, "file '", path_.string(), "' cannot be written");
}

void EventWriter::flush() {
  const int error = std::fflush(file_.get()) == 0 ? 0 : errno;
  require_system(error, "file '", path_.string(), "' cannot be written");
}

std::vector<ScalarEvent> read_event_file(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::vector<ScalarEvent> out;
  const std::size_t records = for_each_event(bytes, [&](std::size_t, std::int64_t, const auto& scalars) {
    out.insert(out.end(), scalars.begin(), scalars.end());
    return true;
  });
  require(records > 0, "file '", path.string(), "' is no TensorBoard event file");
  return out;
}

}  // namespace mbrl
