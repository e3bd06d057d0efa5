// Files that h5py wrote (tests/data/datasets/make.py) in the layouts of D4RL and Minari.
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "paths.hpp"

using namespace mbrl;

namespace {

std::filesystem::path file(const std::string& name) { return test::data_folder() / "datasets" / name; }

struct FileRow {
  float obs, next, action, reward;
  bool terminated, truncated;
  bool operator==(const FileRow&) const = default;
};
// The first entries.
std::vector<FileRow> rows_of(const TransitionBuffer& data) {
  std::vector<FileRow> rows;
  for (std::size_t i = 0; i < data.size(); ++i)
    rows.push_back({data.obs(i)(0), data.next_obs(i)(0), data.action(i)(0), data.reward(i),
                    data.terminated(i), data.truncated(i)});
  return rows;
}
std::vector<std::size_t> lengths_of(const TransitionBuffer& data) {
  std::vector<std::size_t> lengths;
  for (const EpisodeRange& episode : data.episodes()) lengths.push_back(episode.length);
  return lengths;
}
std::string trouble_with(const std::filesystem::path& path) {
  return error_of([&] { (void)TransitionBuffer::load_dataset(path); });
}

}  // namespace

TEST_CASE("hdf5: D4RL's arrays, with what came next") {
  const TransitionBuffer data = TransitionBuffer::load_dataset(file("d4rl_next.hdf5"));
  CHECK(data.obs_dim() == 2);
  CHECK(data.action_dim() == 1);
  CHECK(lengths_of(data) == std::vector<std::size_t>{3, 2, 2});
  CHECK(rows_of(data) == std::vector<FileRow>{{0, 1, 0.0f, 0, false, false},
                                              {10, 11, 0.1f, 1, false, false},
                                              {20, 21, 0.2f, 2, true, false},
                                              {30, 31, 0.3f, 3, false, false},
                                              {40, 41, 0.4f, 4, false, true},
                                              {50, 51, 0.5f, 5, false, false},
                                              {60, 61, 0.6f, 6, false, true}});
}

TEST_CASE("hdf5: D4RL's arrays without it: the last row of an episode that did not terminate is left out") {
  const TransitionBuffer data = TransitionBuffer::load_dataset(file("d4rl.hdf5"));
  CHECK(lengths_of(data) == std::vector<std::size_t>{3, 1, 1});
  CHECK(rows_of(data) == std::vector<FileRow>{{0, 10, 0.0f, 0, false, false},
                                              {10, 20, 0.1f, 1, false, false},
                                              {20, 20, 0.2f, 2, true, false},
                                              {30, 40, 0.3f, 3, false, true},
                                              {50, 60, 0.5f, 5, false, true}});
}

TEST_CASE("hdf5: Minari's episodes, packed, with choices as whole numbers") {
  const TransitionBuffer data = TransitionBuffer::load_dataset(file("minari.hdf5"), 100);
  CHECK(data.capacity() == 100);
  CHECK(lengths_of(data) == std::vector<std::size_t>{3, 2});
  CHECK(rows_of(data) == std::vector<FileRow>{{0, 10, 0, 0, false, false},
                                              {10, 20, 1, 1, false, false},
                                              {20, 30, 2, 2, true, false},
                                              {100, 110, 0, 0.5f, false, false},
                                              {110, 120, 1, 1.5f, false, true}});
  const TemporaryFolder folder;
  data.save_dataset(folder / "same.safetensors");
  const TransitionBuffer back = TransitionBuffer::load_dataset(folder / "same.safetensors");
  CHECK(rows_of(back) == rows_of(data));
  CHECK(lengths_of(back) == lengths_of(data));
}

TEST_CASE("hdf5: what is no data set is refused in words") {
  CHECK(contains(trouble_with(file("other.hdf5")), "neither 'observations'"));
  CHECK(contains(trouble_with(file("short.hdf5")), "'rewards' has 6 rows, expected 7"));
  CHECK(contains(trouble_with(file("flags.hdf5")), "'terminals' holds 2 at position 4, expected 0 or 1"));
  CHECK(contains(trouble_with(file("minari_dict.hdf5")), "episode_0: 'observations' is not an array"));
  const TemporaryFolder folder;
  std::filesystem::copy_file(file("minari.hdf5"), folder / "cut.hdf5");
  std::filesystem::resize_file(folder / "cut.hdf5", 5000);
  CHECK(contains(trouble_with(folder / "cut.hdf5"), "cut off"));
}
