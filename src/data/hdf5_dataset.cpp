#include "data/hdf5_dataset.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "mbrl/core/error.hpp"

#if MBRL_HAS_HDF5
#include <hdf5.h>

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/shared_library.hpp"
#endif

namespace mbrl {

bool is_hdf5(const std::filesystem::path& path) {
  constexpr std::array<char, 8> kSignature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
  std::array<char, 8> first{};
  std::ifstream file(path, std::ios::binary);
  return file.read(first.data(), first.size()) && first == kSignature;
}

#if MBRL_HAS_HDF5
namespace {

// The library's functions, opened by the first file: it brings thirty other libraries.
struct Library {
  SharedLibrary library = open();
  decltype(::H5open)* open_library = library["H5open"];
  decltype(::H5Eset_auto2)* set_error_printing = library["H5Eset_auto2"];
  decltype(::H5Fopen)* open_file = library["H5Fopen"];
  decltype(::H5Fclose)* close_file = library["H5Fclose"];
  decltype(::H5Lexists)* exists = library["H5Lexists"];
  decltype(::H5Gopen2)* open_group = library["H5Gopen2"];
  decltype(::H5Gclose)* close_group = library["H5Gclose"];
  decltype(::H5Dopen2)* open_array = library["H5Dopen2"];
  decltype(::H5Dclose)* close_array = library["H5Dclose"];
  decltype(::H5Dget_space)* space_of = library["H5Dget_space"];
  decltype(::H5Sclose)* close_space = library["H5Sclose"];
  decltype(::H5Sget_simple_extent_ndims)* rank = library["H5Sget_simple_extent_ndims"];
  decltype(::H5Sget_simple_extent_dims)* dims = library["H5Sget_simple_extent_dims"];
  decltype(::H5Dget_type)* type_of = library["H5Dget_type"];
  decltype(::H5Tclose)* close_type = library["H5Tclose"];
  decltype(::H5Tget_class)* class_of = library["H5Tget_class"];
  decltype(::H5Dread)* read = library["H5Dread"];
  hid_t floats = 0, bytes = 0;  // in memory

  Library() {
    open_library();
    set_error_printing(H5E_DEFAULT, nullptr, nullptr);  // errors are said here
    const hid_t* type = library["H5T_NATIVE_FLOAT_g"];
    floats = *type;
    type = library["H5T_NATIVE_UINT8_g"];
    bytes = *type;
  }
  static SharedLibrary open() {
    try {
      return SharedLibrary(MBRL_HDF5_FILE, RTLD_NOW | RTLD_LOCAL, MBRL_HDF5_FOLDER);
    } catch (const Error& error) {
      fail("this file needs HDF5, whose ", MBRL_HDF5_FILE, " cannot be opened (", error.what(),
           "); install it, or build this library again with the HDF5 that is here");
    }
  }
};

const Library& hdf5() {
  static const Library opened;
  return opened;
}

// Closes what was opened.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  hid_t operator*() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

bool has(hid_t group, const char* name) { return hdf5().exists(group, name, H5P_DEFAULT) > 0; }

// Numbers of one array, [rows][columns].
template <class T>
struct Numbers {
  std::vector<T> values;
  std::size_t rows = 0, columns = 1;
  const T* row(std::size_t i) const { return values.data() + i * columns; }
};

template <class T>
Numbers<T> read(hid_t group, const char* name, const std::string& where) {
  const Library& h = hdf5();
  require(has(group, name), where, ": no array named '", name, "'");
  const Handle array(h.open_array(group, name, H5P_DEFAULT), h.close_array);
  require(bool(array), where, ": '", name,
          "' is not an array; of observations or actions in parts, make one first");
  const Handle type(h.type_of(*array), h.close_type), space(h.space_of(*array), h.close_space);
  const H5T_class_t kind = h.class_of(*type);
  require(kind == H5T_FLOAT || kind == H5T_INTEGER || kind == H5T_ENUM, where, ": '", name,
          "' does not hold numbers");
  const int rank = h.rank(*space);
  require(rank == 1 || rank == 2, where, ": '", name, "' has ", rank,
          " dimensions, expected [n] or [n, dim]");
  std::array<hsize_t, 2> shape{0, 1};
  h.dims(*space, shape.data(), nullptr);
  Numbers<T> out;
  out.rows = static_cast<std::size_t>(shape[0]);
  out.columns = static_cast<std::size_t>(shape[1]);
  require(out.columns >= 1 && out.columns <= std::size_t{std::numeric_limits<int>::max()}, where, ": '", name,
          "' has rows of ", out.columns, " numbers");
  out.values.resize(out.rows * out.columns);
  require(h.read(*array, std::is_same_v<T, float> ? h.floats : h.bytes, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 out.values.data()) >= 0,
          where, ": '", name,
          "' cannot be read; it is cut off, or packed by a filter that HDF5 has not here");
  return out;
}

Numbers<std::uint8_t> read_flags(hid_t group, const char* name, const std::string& where) {
  Numbers<std::uint8_t> out = read<std::uint8_t>(group, name, where);
  const auto wrong = std::find_if(out.values.begin(), out.values.end(), [](std::uint8_t v) { return v > 1; });
  require(wrong == out.values.end(), where, ": '", name, "' holds ",
          wrong == out.values.end() ? 0 : int{*wrong}, " at position ", wrong - out.values.begin(),
          ", expected 0 or 1");
  return out;
}

// Transitions, row by row.
struct Rows {
  std::vector<float> obs, action, next_obs, reward;
  std::vector<std::uint8_t> terminated, truncated;
  std::vector<std::uint64_t> episode, step;
  std::size_t obs_dim = 0, action_dim = 0;

  StateDict arrays() const {
    StateDict out;
    const auto n = static_cast<std::int64_t>(reward.size());
    const auto matrix = [&](const char* name, const std::vector<float>& values, std::size_t dim) {
      out.put(name, values.data(), {n, static_cast<std::int64_t>(dim)});
    };
    matrix("obs", obs, obs_dim);
    matrix("action", action, action_dim);
    matrix("next_obs", next_obs, obs_dim);
    out.put("reward", reward);
    out.put("terminated", terminated);
    out.put("truncated", truncated);
    out.put("episode", episode);
    out.put("step", step);
    return out;
  }
};

void require_rows(const std::string& where, const char* name, std::size_t rows, std::size_t expected) {
  require(rows == expected, where, ": '", name, "' has ", rows, " rows, expected ", expected);
}

// D4RL: Fu, Kumar, Nachum, Tucker, Levine, "D4RL: datasets for deep data-driven reinforcement learning", 2020. One array
// each for all episodes behind each other. Without next_observations a row's is the following row's observation; the last
// of an episode that ran out of time is then left out, as D4RL's own reader does, and one that terminated keeps its own.
void read_d4rl(hid_t file, const std::string& where, Rows& out) {
  const auto obs = read<float>(file, "observations", where), action = read<float>(file, "actions", where),
             reward = read<float>(file, "rewards", where);
  const auto terminal = read_flags(file, "terminals", where);
  const bool timed = has(file, "timeouts"), told = has(file, "next_observations");
  const auto timeout = timed ? read_flags(file, "timeouts", where) : Numbers<std::uint8_t>();
  const auto next = told ? read<float>(file, "next_observations", where) : Numbers<float>();
  const std::size_t n = obs.rows;
  require_rows(where, "actions", action.rows, n);
  require_rows(where, "rewards", reward.values.size(), n);
  require_rows(where, "terminals", terminal.values.size(), n);
  if (timed) require_rows(where, "timeouts", timeout.values.size(), n);
  if (told)
    require(next.rows == n && next.columns == obs.columns, where, ": 'next_observations' has ", next.rows,
            " x ", next.columns, " numbers, expected ", n, " x ", obs.columns);
  out.obs_dim = obs.columns;
  out.action_dim = action.columns;
  std::uint64_t episode = 0, step = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const bool ends = terminal.values[i] != 0, cut = timed && timeout.values[i] != 0 && !ends;
    const bool last = i + 1 == n;
    if (!told && !ends && (cut || last)) {  // nobody knows what came next
      if (step > 0) out.truncated.back() = 1;
      ++episode;
      step = 0;
      continue;
    }
    const float* following = told ? next.row(i) : ends ? obs.row(i) : obs.row(i + 1);
    out.obs.insert(out.obs.end(), obs.row(i), obs.row(i) + obs.columns);
    out.action.insert(out.action.end(), action.row(i), action.row(i) + action.columns);
    out.next_obs.insert(out.next_obs.end(), following, following + obs.columns);
    out.reward.push_back(reward.values[i]);
    out.terminated.push_back(ends ? 1 : 0);
    out.truncated.push_back(cut || (last && !ends) ? 1 : 0);
    out.episode.push_back(episode);
    out.step.push_back(step++);
    if (ends || cut) {
      ++episode;
      step = 0;
    }
  }
}

// Minari (Farama): a group for each episode, whose observations are one more than its actions.
void read_minari(hid_t file, const std::string& where, Rows& out) {
  const Library& h = hdf5();
  for (std::uint64_t episode = 0;; ++episode) {
    const std::string name = "episode_" + std::to_string(episode);
    if (!has(file, name.c_str())) return;
    const Handle group(h.open_group(file, name.c_str(), H5P_DEFAULT), h.close_group);
    const std::string here = where + ": " + name;
    require(bool(group), here, " is not a group");
    const auto obs = read<float>(*group, "observations", here), action = read<float>(*group, "actions", here),
               reward = read<float>(*group, "rewards", here);
    const auto terminated = read_flags(*group, "terminations", here),
               truncated = read_flags(*group, "truncations", here);
    const std::size_t n = action.rows;
    require_rows(here, "observations", obs.rows, n + 1);
    require_rows(here, "rewards", reward.values.size(), n);
    require_rows(here, "terminations", terminated.values.size(), n);
    require_rows(here, "truncations", truncated.values.size(), n);
    if (episode == 0) {
      out.obs_dim = obs.columns;
      out.action_dim = action.columns;
    }
    require(obs.columns == out.obs_dim && action.columns == out.action_dim, here, " has observations of ",
            obs.columns, " and actions of ", action.columns, " numbers, expected ", out.obs_dim, " and ",
            out.action_dim);
    out.obs.insert(out.obs.end(), obs.row(0), obs.row(n));
    out.next_obs.insert(out.next_obs.end(), obs.row(0) + obs.columns, obs.row(n) + obs.columns);
    out.action.insert(out.action.end(), action.values.begin(), action.values.end());
    out.reward.insert(out.reward.end(), reward.values.begin(), reward.values.end());
    for (std::size_t i = 0; i < n; ++i) {
      out.terminated.push_back(terminated.values[i] != 0 ? 1 : 0);
      out.truncated.push_back((truncated.values[i] != 0 || i + 1 == n) && terminated.values[i] == 0 ? 1 : 0);
      out.episode.push_back(episode);
      out.step.push_back(i);
    }
  }
}

}  // namespace

StateDict read_hdf5_dataset(const std::filesystem::path& path) {
  const std::string where = "data set '" + path.string() + "'";
  const Library& h = hdf5();
  constexpr unsigned kReadOnly = 0;  // H5F_ACC_RDONLY, which as a macro calls the library that is not linked
  const Handle file(h.open_file(path.c_str(), kReadOnly, H5P_DEFAULT), h.close_file);
  require(bool(file), where, " is an HDF5 file that cannot be opened; it may be cut off");
  Rows rows;
  if (has(*file, "episode_0"))
    read_minari(*file, where, rows);
  else if (has(*file, "observations"))
    read_d4rl(*file, where, rows);
  else
    fail(where, " is an HDF5 file with neither 'observations', as D4RL's have, nor 'episode_0', as Minari's");
  require(!rows.reward.empty(), where, " holds no transition");
  return rows.arrays();
}
#else
StateDict read_hdf5_dataset(const std::filesystem::path& path) {
  fail("data set '", path.string(),
       "' is an HDF5 file, which this library was built without: install libhdf5-dev and build it again");
}
#endif

}  // namespace mbrl
