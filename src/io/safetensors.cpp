// Layout: 8-byte little-endian length n of the header, n bytes of JSON
// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {"key":
// "text"}}, then the data, without gaps.
#include "mbrl/io/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"

namespace mbrl {
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian numbers");

constexpr std::uint64_t kLongestHeader = 100'000'000;  // the format's own limit
constexpr std::string_view kMetadata = "__metadata__";

struct TypeName {
  DType dtype;
  const char* name;
  std::uint64_t size;
};
constexpr std::array kTypes = {
    TypeName{DType::kF32, "F32", 4}, TypeName{DType::kF64, "F64", 8},
    TypeName{DType::kI64, "I64", 8}, TypeName{DType::kU64, "U64", 8},
    TypeName{DType::kU8, "U8", 1},   TypeName{DType::kU8, "BOOL", 1}};  // read as U8, and written as that

const TypeName& type_of(DType dtype) {
  return *std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.dtype == dtype; });
}

// Number of bytes of an array; throws if the product does not fit.
std::uint64_t byte_count(const std::string& where, const std::vector<std::int64_t>& shape,
                         std::uint64_t item) {
  std::uint64_t bytes = item;
  for (const std::int64_t extent : shape) {
    require(extent >= 0, where, " has a negative extent in its shape");
    require(!__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes), where,
            " has a shape too large for any file");
  }
  return bytes;
}

class Loader {
 public:
  explicit Loader(const std::filesystem::path& path) : file_("file '" + path.string() + "'"), path_(path) {}

  StateDict load() {
    std::error_code error;
    require(!std::filesystem::is_directory(path_, error), file_, " is a folder, expected a safetensors file");
    errno = 0;
    in_.open(path_, std::ios::binary);
    const int reason = in_.is_open() ? 0 : errno != 0 ? errno : EIO;
    require_system(reason, file_, " cannot be read");
    const std::uint64_t size = std::filesystem::file_size(path_, error);
    require(!error, file_, " cannot be read: ", error.message());
    const json header = read_header(size);
    StateDict state;
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata)
        read_metadata(entry, state);
      else
        read_entry(name, entry, state);
    }
    read_data(state);
    return state;
  }

 private:
  struct Range {
    std::uint64_t begin, end;
    std::string name;
  };

  json read_header(std::uint64_t size) {
    require(size >= 8, file_, " has ", size, " bytes: truncated, or no safetensors file");
    std::uint64_t length = 0;
    read(&length, 8);
    require(length >= 2 && length <= kLongestHeader, file_, " is no safetensors file: its header would be ",
            length, " bytes long");
    char first = '{';
    if (size > 8) read(&first, 1);
    require(first == '{', file_, " is no safetensors file: its header is not a JSON object");
    require(length <= size - 8, file_, " is truncated: its header takes ", length, " bytes, ", size - 8,
            " bytes are there");
    std::string text(static_cast<std::size_t>(length), '{');
    read(text.data() + 1, text.size() - 1);
    json header = json::parse(text, nullptr, false);
    require(header.is_object(), file_, " is no safetensors file, or damaged: its header is not valid JSON");
    data_begin_ = 8 + length;
    data_size_ = size - data_begin_;
    return header;
  }

  void read_metadata(const json& entry, StateDict& state) const {
    require(entry.is_object(), file_, ": __metadata__ is not a JSON object");
    for (const auto& [key, value] : entry.items()) {
      require(value.is_string(), file_, ": __metadata__ entry '", key, "' is not a string");
      state.metadata[key] = value.get<std::string>();
    }
  }

  void read_entry(const std::string& name, const json& entry, StateDict& state) {
    const std::string where = file_ + ": array '" + name + "'";
    require(entry.is_object() && entry.contains("dtype") && entry.contains("shape") &&
                entry.contains("data_offsets"),
            where, " lacks dtype, shape or data_offsets");
    const json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
    require(dtype.is_string(), where, " has a dtype that is not a string");
    const auto type =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return dtype == t.name; });
    require(type != kTypes.end(), where, " has dtype ", dtype.get<std::string>(),
            ", expected F32, F64, I64, U64, U8 or BOOL");
    NamedArray array{type->dtype, {}, {}};
    require(shape.is_array(), where, " has a shape that is not a list");
    for (const json& extent : shape) {
      require(extent.is_number_unsigned() && extent <= std::uint64_t{1} << 62, where,
              " has a shape entry that is not a whole number");
      array.shape.push_back(extent.get<std::int64_t>());
    }
    require(offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() &&
                offsets[1].is_number_unsigned(),
            where, " has data_offsets that are not two whole numbers");
    const Range range{offsets[0].get<std::uint64_t>(), offsets[1].get<std::uint64_t>(), name};
    require(range.begin <= range.end, where, " ends before it begins");
    const std::uint64_t expected = byte_count(where, array.shape, type->size);
    require(range.end - range.begin == expected, where, " takes ", range.end - range.begin,
            " bytes, its shape needs ", expected);
    require(range.end <= data_size_, file_, " is truncated: array '", name, "' ends at byte ", range.end,
            " of the data, ", data_size_, " bytes are there");
    ranges_.push_back(range);
    state.arrays[name] = std::move(array);
  }

  void read_data(StateDict& state) {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t at = 0;
    for (const Range& range : ranges_) {
      require(range.begin == at, file_, ": array '", range.name, "' begins at byte ", range.begin,
              " of the data, expected ", at, " (arrays overlap or leave a gap)");
      at = range.end;
    }
    require(at == data_size_, file_, " has ", data_size_ - at, " bytes after its last array");
    in_.seekg(static_cast<std::streamoff>(data_begin_));
    for (const Range& range : ranges_) {
      auto& bytes = state.arrays[range.name].bytes;
      bytes.resize(static_cast<std::size_t>(range.end - range.begin));
      read(bytes.data(), bytes.size());
    }
  }

  void read(void* to, std::size_t bytes) {
    in_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    require(in_.good(), file_, " cannot be read to its end");
  }

  std::string file_;
  const std::filesystem::path& path_;
  std::ifstream in_;
  std::uint64_t data_begin_ = 0, data_size_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace

void save_safetensors(const std::filesystem::path& path, const StateDict& state) {
  // Widest numbers first: then every array is aligned to its own type, since the data begins at a multiple
  // of 8.
  std::vector<const std::pair<const std::string, NamedArray>*> entries;
  for (const auto& entry : state.arrays) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
    return type_of(a->second.dtype).size > type_of(b->second.dtype).size;
  });

  json header = json::object();
  if (!state.metadata.empty()) header[std::string(kMetadata)] = state.metadata;
  std::uint64_t at = 0;
  for (const auto* entry : entries) {
    const auto& [name, array] = *entry;
    require(name != kMetadata, "safetensors: an array must not be named '", kMetadata, "'");
    const TypeName& type = type_of(array.dtype);
    const std::string where = "safetensors: array '" + name + "'";
    require(array.bytes.size() == byte_count(where, array.shape, type.size), where, " has ",
            array.bytes.size(), " bytes, its shape needs ", byte_count(where, array.shape, type.size));
    header[name] = {
        {"dtype", type.name}, {"shape", array.shape}, {"data_offsets", {at, at + array.bytes.size()}}};
    at += array.bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    fail("file '", path.string(), "' cannot be written: a name or a metadata text is not valid UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  require(text.size() <= kLongestHeader, "file '", path.string(),
          "' cannot be written: its header is too long");

  const std::uint64_t length = text.size();
  std::vector<std::string_view> parts{{reinterpret_cast<const char*>(&length), 8}, text};
  for (const auto* entry : entries)
    parts.emplace_back(reinterpret_cast<const char*>(entry->second.bytes.data()), entry->second.bytes.size());
  write_file_atomically(path, parts);
}

StateDict load_safetensors(const std::filesystem::path& path) { return Loader(path).load(); }

}  // namespace mbrl
