// Named arrays: what a component hands to a checkpoint and takes back. Files are io/safetensors.hpp's
// business.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

enum class DType { kF32, kF64, kI64, kU64, kU8 };

constexpr auto enum_names(DType) {
  return std::array{std::pair{DType::kF32, "F32"}, std::pair{DType::kF64, "F64"},
                    std::pair{DType::kI64, "I64"}, std::pair{DType::kU64, "U64"},
                    std::pair{DType::kU8, "U8"}};
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::kF32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::kF64;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::kI64;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return DType::kU64;
  else {
    static_assert(std::is_same_v<T, std::uint8_t>, "StateDict stores float, double, int64, uint64 and uint8");
    return DType::kU8;
  }
}

/// Shape is row-major as in safetensors and PyTorch: a `dim x batch` matrix has shape {batch, dim}.
struct NamedArray {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
  bool operator==(const NamedArray&) const = default;
};

/// Rows that are only ever appended and given up from the oldest on, as a replay buffer's are. They are
/// counted over all that were ever appended; another history (the buffer was cleared) begins anew at 0.
struct AppendedRows {
  std::uint64_t history = 0;
  std::uint64_t oldest = 0;         // first row that still counts
  std::uint64_t first = 0;          // first row that is in the arrays: those before are stored already
  std::uint64_t end = 0;            // behind the last one
  std::vector<std::string> arrays;  // names of the arrays that hold the rows [first, end)
};

class StateDict {
 public:
  std::map<std::string, NamedArray> arrays;
  std::map<std::string, std::string> metadata;  // free text, e.g. JSON
  // By the prefix they are saved under. A checkpoint that keeps rows of its own (data/row_shards.hpp) fills
  // `stored` before `save` is called; who saves such rows leaves out what is stored and says so in
  // `appended`.
  std::map<std::string, AppendedRows> stored, appended;

  /// The first row to put into arrays, of rows [oldest, end).
  std::uint64_t first_to_append(const std::string& prefix, std::uint64_t history,
                                std::uint64_t oldest) const {
    const auto it = stored.find(prefix);
    const bool same = it != stored.end() && it->second.history == history;
    return same && it->second.end > oldest ? it->second.end : oldest;
  }

  template <class T>
  void put(const std::string& name, const T* data, std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const std::int64_t s : shape) count *= s;
    NamedArray array{dtype_of<T>(), std::move(shape), {}};
    array.bytes.resize(static_cast<std::size_t>(count) * sizeof(T));
    if (count > 0) std::memcpy(array.bytes.data(), data, array.bytes.size());
    arrays[name] = std::move(array);
  }
  template <class T>
  void put(const std::string& name, const std::vector<T>& v) {
    put(name, v.data(), {static_cast<std::int64_t>(v.size())});
  }
  template <class T>
  void put_scalar(const std::string& name, T value) {
    put(name, &value, {1});
  }
  template <class Derived>
  void put_matrix(const std::string& name, const Eigen::MatrixBase<Derived>& m) {
    const Batch<typename Derived::Scalar> copy = m;
    put(name, copy.data(), {copy.cols(), copy.rows()});
  }

  bool contains(const std::string& name) const { return arrays.contains(name); }

  /// Throws if the name is missing or the type differs.
  template <class T>
  std::vector<T> get(const std::string& name) const {
    const NamedArray& array = at<T>(name);
    std::vector<T> out(array.bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), array.bytes.data(), array.bytes.size());
    return out;
  }
  template <class T>
  T get_scalar(const std::string& name) const {
    const std::vector<T> v = get<T>(name);
    require(v.size() == 1, "checkpoint: '", name, "' has ", v.size(), " values, expected 1");
    return v[0];
  }
  template <class S>
  Batch<S> get_matrix(const std::string& name) const {
    const NamedArray& array = at<S>(name);
    require(array.shape.size() == 2, "checkpoint: '", name, "' has ", array.shape.size(),
            " axes, expected 2");
    Batch<S> m(static_cast<Index>(array.shape[1]), static_cast<Index>(array.shape[0]));
    if (m.size() > 0) std::memcpy(m.data(), array.bytes.data(), array.bytes.size());
    return m;
  }

 private:
  template <class T>
  const NamedArray& at(const std::string& name) const {
    const auto it = arrays.find(name);
    require(it != arrays.end(), "checkpoint: no array named '", name, "'");
    require(it->second.dtype == dtype_of<T>(), "checkpoint: '", name,
            "' has another type of number than expected");
    return it->second;
  }
};

/// What can be put into a checkpoint: `save` writes arrays whose names start with prefix, `load` restores them
/// exactly.
template <class T>
concept Checkpointable =
    requires(const T& c, T& m, StateDict& out, const StateDict& in, const std::string& prefix) {
      c.save(out, prefix);
      m.load(in, prefix);
    };

}  // namespace mbrl
