// Pictures a second: the fast path for pixel observations beside the same size drawn like a film, and a
// film's frame.
#if MBRL_HAS_MUJOCO

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "mbrl/mujoco/render/renderer.hpp"

namespace mbrl::mujoco {
namespace {

// times_baseline: the speed against a picture of the same size with shadows, reflections and smooth edges,
// drawn in turns.
void draw(benchmark::State& state, const std::string& name, const RenderSettings& settings) {
  EnvRegistry registry;
  register_environments(registry);
  AnyEnvironment env = registry.make(name);
  env.reset(1);
  Renderer renderer(env, settings), film(env, {.width = settings.width, .height = settings.height});
  const std::vector<double> physics = env.physics_state();
  Image image;
  const auto seconds = [&](Renderer& r) {
    const auto begin = std::chrono::steady_clock::now();
    r.draw(physics, image);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  seconds(renderer);
  seconds(film);
  std::vector<double> ratios;
  for (auto _ : state) {
    const double plain = seconds(film), time = seconds(renderer);
    ratios.push_back(plain / time);
    state.SetIterationTime(time);
  }
  if (ratios.empty()) return;
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2),
                   ratios.end());
  state.counters["frames_per_s"] = benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["times_baseline"] = ratios[ratios.size() / 2];
  state.SetLabel(Renderer::backend());
}

const bool registered = [] {
  for (const char* name : {"HalfCheetah-v5", "Humanoid-v5", "Reacher-v5"}) {
    benchmark::RegisterBenchmark(
        ("render/pixels_64x64/" + std::string(name)).c_str(),
        [name](benchmark::State& state) { draw(state, name, RenderSettings::fast(64, 64)); })
        ->UseManualTime();
  }
  benchmark::RegisterBenchmark("render/film_640x480/HalfCheetah-v5", [](benchmark::State& state) {
    draw(state, "HalfCheetah-v5", {.width = 640, .height = 480});
  })->UseManualTime();
  return true;
}();

}  // namespace
}  // namespace mbrl::mujoco

#endif  // MBRL_HAS_MUJOCO
