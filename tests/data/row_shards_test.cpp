// Rows in files that are only added to: what comes back, what a checkpoint costs, and what a killed process
// leaves.
#include "mbrl/data/row_shards.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/safetensors.hpp"

using namespace mbrl;

namespace {

constexpr int kShardObs = 3, kShardAction = 2;

void add_rows(TransitionBuffer& buffer, std::uint32_t first, std::uint32_t count) {
  const RandomStream random(1, Stream::kUser);
  for (std::uint32_t i = first; i < first + count; ++i) {
    const Vecd obs = Vecd::NullaryExpr(
        kShardObs, [&](Index k) { return random.normal(i, static_cast<std::uint32_t>(k)); });
    const Vecd action = Vecd::Constant(kShardAction, 0.5 * i);
    buffer.add(obs, action, -obs, i, i % 7 == 6, i % 11 == 10);
  }
}

// A checkpoint of the buffer: the state's own file and the rows' beside it.
void save(const TemporaryFolder& folder, RowShards& shards, const TransitionBuffer& buffer) {
  StateDict state;
  shards.announce(state);
  buffer.save(state, "replay.");
  shards.write(state);
  save_safetensors(folder / "state.safetensors", state);
  shards.remove_stale();
}

void load(const TemporaryFolder& folder, RowShards& shards, TransitionBuffer& buffer) {
  StateDict state = load_safetensors(folder / "state.safetensors");
  shards.read(state);
  buffer.load(state, "replay.");
}

std::map<std::string, NamedArray> arrays_of(const TransitionBuffer& buffer) {
  StateDict state;
  buffer.save(state, "");
  return state.arrays;
}

void check_equal_data(const TransitionBuffer& a, const TransitionBuffer& b) {
  const auto x = arrays_of(a), y = arrays_of(b);
  REQUIRE(x.size() == y.size());
  for (const auto& [name, array] : x) {
    CAPTURE(name);
    REQUIRE(y.at(name).shape == array.shape);
    REQUIRE(y.at(name).bytes == array.bytes);
  }
}

std::map<std::string, std::uintmax_t> files_in(const std::filesystem::path& path) {
  std::map<std::string, std::uintmax_t> files;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    files[entry.path().filename().string()] = entry.file_size();
  return files;
}

}  // namespace

TEST_CASE("row shards: a buffer comes back whole, however often it was saved and wherever its ring stands") {
  for (const std::size_t capacity : {5000u, 300u, 40u}) {
    CAPTURE(capacity);
    const TemporaryFolder folder;
    RowShards shards(folder / "rows", 64);
    TransitionBuffer buffer(kShardObs, kShardAction, capacity);
    std::uint32_t added = 0;
    save(folder, shards, buffer);  // nothing yet
    for (const std::uint32_t count : {1u, 1u, 2u, 30u, 0u, 64u, 65u, 7u, 200u, 3u, 500u, 1u}) {
      add_rows(buffer, added, count);
      added += count;
      save(folder, shards, buffer);
      TransitionBuffer copy(kShardObs, kShardAction, capacity);
      RowShards fresh(folder / "rows", 64);
      load(folder, fresh, copy);
      check_equal_data(buffer, copy);
    }
    // Whoever loads goes on with the files of whoever saved.
    TransitionBuffer copy(kShardObs, kShardAction, capacity);
    RowShards fresh(folder / "rows", 64);
    load(folder, fresh, copy);
    add_rows(copy, added, 20);
    const auto before = files_in(folder / "rows");
    save(folder, fresh, copy);
    add_rows(buffer, added, 20);
    TransitionBuffer again(kShardObs, kShardAction, capacity);
    load(folder, shards, again);
    check_equal_data(buffer, again);
    if (capacity == 5000u) {
      const auto after = files_in(folder / "rows");
      CHECK(std::count_if(before.begin(), before.end(),
                          [&](const auto& f) { return after.contains(f.first); }) >= 10);
    }
  }
}

TEST_CASE("row shards: a checkpoint's cost does not grow with the buffer, nor does it leave many files") {
  const TemporaryFolder folder;
  constexpr std::uint64_t kMost = 1024;
  RowShards shards(folder / "rows", kMost);
  TransitionBuffer buffer(kShardObs, kShardAction, 100'000);
  const std::uintmax_t row_bytes = 4 * (2 * kShardObs + kShardAction + 1) + 2 + 16;
  std::map<std::string, std::uintmax_t> before;
  std::uintmax_t written = 0, most = 0;
  for (std::uint32_t i = 0; i < 400; ++i) {
    add_rows(buffer, 50 * i, 50);
    save(folder, shards, buffer);
    const auto now = files_in(folder / "rows");
    std::uintmax_t fresh = 0;
    for (const auto& [name, bytes] : now)
      if (!before.contains(name)) fresh += bytes;
    written += fresh;
    most = std::max(most, fresh);
    before = now;
    CHECK(now.size() <= buffer.size() / kMost * 2 + 11);
  }
  constexpr std::uintmax_t kHeader = 1024;
  CHECK(most <= kMost * row_bytes + kHeader);
  CHECK(written <= 6 * (buffer.size() * row_bytes) + 400 * kHeader);  // each row a few times: log2(1024 / 50)
  CHECK(std::filesystem::file_size(folder / "state.safetensors") < 2048);
}

TEST_CASE("row shards: a process killed between two files leaves the checkpoint before") {
  const TemporaryFolder folder;
  RowShards shards(folder / "rows", 64);
  TransitionBuffer buffer(kShardObs, kShardAction, 1000), old(kShardObs, kShardAction, 1000);
  add_rows(buffer, 0, 30);
  add_rows(old, 0, 30);
  save(folder, shards, buffer);
  add_rows(buffer, 30, 25);
  StateDict state;
  shards.announce(state);
  buffer.save(state, "replay.");
  shards.write(state);  // ... and no more

  TransitionBuffer copy(kShardObs, kShardAction, 1000);
  RowShards fresh(folder / "rows", 64);
  load(folder, fresh, copy);
  check_equal_data(old, copy);
  add_rows(copy, 30, 25);
  save(folder, fresh, copy);
  CHECK(files_in(folder / "rows").size() <= 2);
  load(folder, fresh, copy);
  check_equal_data(buffer, copy);
}

TEST_CASE("row shards: a buffer that was cleared begins anew, and its old files go") {
  const TemporaryFolder folder;
  RowShards shards(folder / "rows", 64);
  TransitionBuffer buffer(kShardObs, kShardAction, 1000), copy(kShardObs, kShardAction, 1000);
  add_rows(buffer, 0, 200);
  save(folder, shards, buffer);
  buffer.clear();
  add_rows(buffer, 500, 210);
  save(folder, shards, buffer);
  for (const auto& [name, bytes] : files_in(folder / "rows")) CHECK(contains(name, "replay.1-"));
  load(folder, shards, copy);
  check_equal_data(buffer, copy);
}

TEST_CASE("row shards: what is missing or damaged is named") {
  const TemporaryFolder folder;
  RowShards shards(folder / "rows", 64);
  TransitionBuffer buffer(kShardObs, kShardAction, 1000), copy(kShardObs, kShardAction, 1000);
  add_rows(buffer, 0, 150);
  save(folder, shards, buffer);
  const auto path = (folder / "rows") / files_in(folder / "rows").begin()->first;
  const std::string bytes = read_file(path);

  write_file_atomically(path, bytes.substr(0, bytes.size() / 2));
  CHECK(contains(error_of([&] { load(folder, shards, copy); }), path.string()));
  std::filesystem::remove(path);
  CHECK(contains(error_of([&] { load(folder, shards, copy); }), path.string()));
  StateDict other;
  other.put("replay.obs", std::vector<float>{1, 2, 3}.data(), {1, 3});
  save_safetensors(path, other);
  CHECK(contains(error_of([&] { load(folder, shards, copy); }), "rows, expected 64"));
  write_file_atomically(path, bytes);
  load(folder, shards, copy);
  check_equal_data(buffer, copy);

  StateDict state = load_safetensors(folder / "state.safetensors");
  state.put("shards:replay.", std::vector<std::uint64_t>{0, 0, 64, 0});
  CHECK(contains(error_of([&] { RowShards(folder / "rows").read(state); }),
                 "list of files of 'replay.' is damaged"));
  CHECK_THROWS_AS(RowShards(folder / "rows", 0), Error);
}
