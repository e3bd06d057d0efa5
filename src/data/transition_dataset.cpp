// A buffer as a data set in a file: apart from the buffer, which does without such files.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "data/hdf5_dataset.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/safetensors.hpp"

namespace mbrl {
namespace {

constexpr const char* kEnvironment = "environment";  // its key in the metadata

// As safetensors and NumPy's users know them.
const char* type_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32 (float32)";
    case DType::kF64:
      return "F64 (float64)";
    case DType::kI64:
      return "I64 (int64)";
    case DType::kU64:
      return "U64 (uint64)";
    case DType::kU8:
      return "U8 (uint8) or BOOL";
  }
  return "?";
}

// Puts the array's values into type To, where `fits` them all.
template <class To, class From, class Fits>
void convert(StateDict& in, const std::string& name, const std::string& where, const char* expected,
             Fits fits) {
  const std::vector<std::int64_t> shape = in.arrays.at(name).shape;
  const std::vector<From> values = in.get<From>(name);
  std::vector<To> out;
  out.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(fits(values[i]), where, ": '", name, "' holds ", values[i], " at position ", i, ", expected ",
            expected);
    out.push_back(static_cast<To>(values[i]));
  }
  in.put(name, out.data(), shape);
}

[[noreturn]] void wrong_type(const StateDict& in, const std::string& name, const std::string& where,
                             const char* expected) {
  fail(where, ": '", name, "' is of type ", type_name(in.arrays.at(name).dtype), ", expected ", expected);
}

// The types that NumPy makes where nobody names one (float64, bool, int64) become those of a buffer. A double
// beyond the range of float becomes infinite, which the reader of rows refuses.
void floats(StateDict& in, const std::string& name, const std::string& where) {
  const DType type = in.arrays.at(name).dtype;
  if (type == DType::kF64)
    convert<float, double>(in, name, where, "", [](double) { return true; });
  else if (type != DType::kF32)
    wrong_type(in, name, where, "F32 or F64 (float32, float64)");
}
void flags(StateDict& in, const std::string& name, const std::string& where) {
  const DType type = in.arrays.at(name).dtype;
  if (type == DType::kI64)
    convert<std::uint8_t, std::int64_t>(in, name, where, "0 or 1",
                                        [](std::int64_t v) { return v == 0 || v == 1; });
  else if (type == DType::kU8)
    convert<std::uint8_t, std::uint8_t>(in, name, where, "0 or 1", [](std::uint8_t v) { return v <= 1; });
  else
    wrong_type(in, name, where, "BOOL, U8 or I64 (bool, uint8, int64)");
}
void counts(StateDict& in, const std::string& name, const std::string& where) {
  const DType type = in.arrays.at(name).dtype;
  if (type == DType::kI64)
    convert<std::uint64_t, std::int64_t>(in, name, where, "0 or more", [](std::int64_t v) { return v >= 0; });
  else if (type != DType::kU64)
    wrong_type(in, name, where, "U64 or I64 (uint64, int64)");
}

}  // namespace

void TransitionBuffer::save_dataset(const std::filesystem::path& path, const std::string& environment) const {
  if (lanes() > 1) {
    std::vector<std::uint32_t> order(size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [this](std::uint32_t a, std::uint32_t b) { return episode(a) < episode(b); });
    TransitionBuffer sorted(obs_dim(), action_dim(), std::max<std::size_t>(size(), 1));
    for (const std::uint32_t row : order)
      sorted.append(obs(row).data(), action(row).data(), next_obs(row).data(), reward(row), flags_[slot(row)],
                    episode(row), step(row));
    sorted.next_episode_ = next_episode_;
    return sorted.save_dataset(path, environment);
  }
  StateDict out;
  save(out, "");
  out.metadata["format"] = "mbrl transitions";
  if (!environment.empty()) out.metadata[kEnvironment] = environment;
  save_safetensors(path, out);
}

TransitionBuffer TransitionBuffer::load_dataset(const std::filesystem::path& path, std::size_t capacity,
                                                std::string* environment) {
  const std::string where = "data set '" + path.string() + "'";
  StateDict in = is_hdf5(path) ? read_hdf5_dataset(path) : load_safetensors(path);
  for (const char* name : {"obs", "action", "next_obs", "reward", "terminated", "truncated"})
    require(in.contains(name), where, ": no array named '", name, "'");
  require(in.contains("episode") == in.contains("step"), where,
          ": one of 'episode' and 'step' is missing, expected both or neither");
  for (const char* name : {"obs", "action", "next_obs", "reward"}) floats(in, name, where);
  for (const char* name : {"terminated", "truncated"}) flags(in, name, where);
  for (const char* name : {"episode", "step", "position"})
    if (in.contains(name)) counts(in, name, where);
  const auto dim = [&](const char* name) {
    const auto& shape = in.arrays.at(name).shape;
    require(shape.size() == 2 && shape[1] >= 1 && shape[1] <= std::numeric_limits<int>::max(), where, ": '",
            name, "' has not the shape [n, dim]");
    return static_cast<int>(shape[1]);
  };
  const int obs_dim = dim("obs"), action_dim = dim("action");
  const auto rows = static_cast<std::size_t>(in.arrays.at("obs").shape[0]);
  TransitionBuffer buffer(obs_dim, action_dim, capacity > 0 ? capacity : std::max<std::size_t>(rows, 1));
  buffer.read_rows(in, "", where);
  if (environment != nullptr) *environment = in.metadata[kEnvironment];
  return buffer;
}

}  // namespace mbrl
