// A buffer as a data set in a .safetensors file: apart from the buffer, which does without such files.
#include <algorithm>
#include <cstddef>
#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/safetensors.hpp"
#include "mbrl/data/transition_buffer.hpp"

namespace mbrl {

void TransitionBuffer::save_dataset(const std::filesystem::path& path) const {
  StateDict out;
  save(out, "");
  out.metadata["format"] = "mbrl transitions";
  save_safetensors(path, out);
}

TransitionBuffer TransitionBuffer::load_dataset(const std::filesystem::path& path, std::size_t capacity) {
  const std::string where = "data set '" + path.string() + "'";
  const StateDict in = load_safetensors(path);
  for (const char* name : {"obs", "action", "next_obs", "reward", "terminated", "truncated"})
    require(in.contains(name), where, ": no array named '", name, "'");
  const auto dim = [&](const char* name) {
    const auto& shape = in.arrays.at(name).shape;
    require(in.arrays.at(name).dtype == DType::kF32, where, ": '", name, "' is not of type F32");
    require(shape.size() == 2 && shape[1] >= 1 && shape[1] <= std::numeric_limits<int>::max(), where, ": '",
            name, "' has not the shape [n, dim]");
    return static_cast<int>(shape[1]);
  };
  const int obs_dim = dim("obs"), action_dim = dim("action");
  const auto rows = static_cast<std::size_t>(in.arrays.at("obs").shape[0]);
  TransitionBuffer buffer(obs_dim, action_dim, capacity > 0 ? capacity : std::max<std::size_t>(rows, 1));
  buffer.read_rows(in, "", where);
  return buffer;
}

}  // namespace mbrl
