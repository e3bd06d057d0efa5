// Environment steps beside the engine's own: the same model, start and controls through bare mj_step, in the
// same run. The bare engine is the limit, so the ratio is both the fraction of the peak and the times over
// the baseline.
#if MBRL_HAS_MUJOCO

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/mujoco/half_cheetah.hpp"
#include "mbrl/mujoco/pets_cartpole.hpp"
#include "mbrl/mujoco/pets_half_cheetah.hpp"

namespace mbrl::mujoco {
namespace {

constexpr int kEpisode = 200;  // control steps from one reset
constexpr int kBlock = 20;     // control steps timed at a stretch

// Processor time of this thread: other work on the machine then costs cache and clock only, and both sides
// alike.
template <class Body>
double seconds(Body&& body) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  body();
  return now() - start;
}

// Times short blocks of environment steps and of bare steps in turn, now the one and now the other going
// first; the ratio is the median over pairs of blocks.
template <MujocoTask Task>
void env_step(benchmark::State& state) {
  TaskEnvironment<Task> task_environment;
  const mjModel& model = task_environment.simulation().model();
  const int frame_skip = task_environment.task().frame_skip();
  const std::unique_ptr<mjData, decltype(&mj_deleteData)> bare(mj_makeData(&model), mj_deleteData);
  AnyEnvironment env(std::move(task_environment));  // as a program meets it

  const EnvSpec& spec = env.spec();
  const RandomStream random(1, Stream::kUser);
  Batchd actions(spec.action_dim(), kEpisode);
  for (Index i = 0; i < actions.size(); ++i)
    actions(i) =
        random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(i)) * spec.action_high(i % spec.action_dim());

  const auto env_block = [&](int first) {
    for (int t = first; t < first + kBlock; ++t) benchmark::DoNotOptimize(env.step(actions.col(t)));
  };
  const auto bare_block = [&](int first) {
    for (int t = first; t < first + kBlock; ++t) {
      std::copy_n(actions.col(t).data(), spec.action_dim(), bare->ctrl);
      for (int i = 0; i < frame_skip; ++i) mj_step(&model, bare.get());
    }
    benchmark::DoNotOptimize(bare->qpos[0]);
  };

  std::vector<double> ratios;
  double bare_total = 0.0;
  std::uint64_t seed = 0, pair = 0;
  for (auto _ : state) {
    env.reset(seed++);
    const std::vector<double> start = env.physics_state();
    mj_resetData(&model, bare.get());
    std::copy_n(start.data(), model.nq, bare->qpos);
    std::copy_n(start.data() + model.nq, model.nv, bare->qvel);
    mj_forward(&model, bare.get());

    double env_total = 0.0;
    for (int first = 0; first < kEpisode; first += kBlock) {
      double env_time = 0.0, bare_time = 0.0;
      const bool env_goes_first = pair++ % 2 == 0;
      if (env_goes_first) env_time = seconds([&] { env_block(first); });
      bare_time = seconds([&] { bare_block(first); });
      if (!env_goes_first) env_time = seconds([&] { env_block(first); });
      env_total += env_time;
      bare_total += bare_time;
      ratios.push_back(bare_time / env_time);
    }
    if (!std::equal(bare->qpos, bare->qpos + model.nq, env.physics_state().begin())) {
      state.SkipWithError("the environment and the bare engine went different ways");
      break;
    }
    state.SetIterationTime(env_total);
  }
  if (ratios.empty()) return;
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2),
                   ratios.end());
  const double steps = static_cast<double>(ratios.size()) * kBlock;
  state.counters["env_steps_per_s"] =
      benchmark::Counter(kEpisode, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bare_steps_per_s"] = steps / bare_total;
  state.counters["times_baseline"] = ratios[ratios.size() / 2];
  state.counters["fraction_of_peak"] = ratios[ratios.size() / 2];
}

BENCHMARK(env_step<HalfCheetahTask>)->Name("mujoco/env_step/HalfCheetah")->UseManualTime();
BENCHMARK(env_step<PetsHalfCheetahTask>)->Name("mujoco/env_step/pets_HalfCheetah")->UseManualTime();
BENCHMARK(env_step<PetsCartPoleTask>)->Name("mujoco/env_step/pets_CartPole")->UseManualTime();

}  // namespace
}  // namespace mbrl::mujoco

#endif  // MBRL_HAS_MUJOCO
