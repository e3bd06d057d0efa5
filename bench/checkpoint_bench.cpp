// What a checkpoint of a replay buffer costs as the buffer grows: 1,000 new rows in files that are only added
// to, beside the whole buffer in one file.
//   mbrl_bench --benchmark_filter=checkpoint
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "mbrl/data/row_shards.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/safetensors.hpp"

namespace mbrl {
namespace {

constexpr int kObs = 17, kAction = 6, kNew = 1000;  // HalfCheetah; an episode

void add_rows(TransitionBuffer& buffer, std::int64_t count) {
  const Vecd obs = Vecd::LinSpaced(kObs, -1, 1), action = Vecd::Zero(kAction);
  for (std::int64_t i = 0; i < count; ++i) buffer.add(obs, action, obs, 1.0, false, i % 1000 == 999);
}

std::uintmax_t bytes_in(const std::filesystem::path& folder) {
  std::uintmax_t sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) sum += entry.file_size();
  return sum;
}

void checkpoint(benchmark::State& state) {
  const auto folder = std::filesystem::temp_directory_path() / "mbrl_checkpoint_bench";
  std::filesystem::remove_all(folder);
  const std::int64_t rows = state.range(0);
  TransitionBuffer buffer(kObs, kAction, static_cast<std::size_t>(rows) + 2'000'000);
  add_rows(buffer, rows);
  RowShards shards(folder / "rows");
  const auto save = [&] {
    StateDict saved;
    shards.announce(saved);
    buffer.save(saved, "buffer.");
    shards.write(saved);
    save_safetensors(folder / "state.safetensors", saved);
    shards.remove_stale();
  };
  save();
  for (auto _ : state) {
    state.PauseTiming();
    add_rows(buffer, kNew);
    state.ResumeTiming();
    save();
  }
  state.counters["MB"] = static_cast<double>(bytes_in(folder / "rows")) / 1e6;

  const auto start = std::chrono::steady_clock::now();
  StateDict whole;
  buffer.save(whole, "buffer.");
  save_safetensors(folder / "whole.safetensors", whole);
  state.counters["whole_ms"] =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  std::filesystem::remove_all(folder);
}
BENCHMARK(checkpoint)
    ->ArgName("rows")
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Iterations(50)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
