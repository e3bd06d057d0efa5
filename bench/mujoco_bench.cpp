// Environment steps beside the engine's own: the same model, start and controls through bare mj_step, in the
// same run. The bare engine is the limit, so the ratio is both the fraction of the peak and the times over
// the baseline.
#if MBRL_HAS_MUJOCO

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/vector_environment.hpp"
#include "mbrl/mujoco/ant.hpp"
#include "mbrl/mujoco/half_cheetah.hpp"
#include "mbrl/mujoco/hopper.hpp"
#include "mbrl/mujoco/humanoid.hpp"
#include "mbrl/mujoco/inverted_double_pendulum.hpp"
#include "mbrl/mujoco/inverted_pendulum.hpp"
#include "mbrl/mujoco/pets_cartpole.hpp"
#include "mbrl/mujoco/pets_half_cheetah.hpp"
#include "mbrl/mujoco/pets_reacher3d.hpp"
#include "mbrl/mujoco/pusher.hpp"
#include "mbrl/mujoco/reacher.hpp"
#include "mbrl/mujoco/swimmer.hpp"
#include "mbrl/mujoco/walker2d.hpp"

namespace mbrl::mujoco {
namespace {

constexpr int kEpisode = 200;  // control steps from one reset
constexpr int kBlock = 20;     // control steps timed at a stretch
constexpr int kVector = 32;    // environments stepped together

using Data = std::unique_ptr<mjData, decltype(&mj_deleteData)>;

Batchd random_actions(const EnvSpec& spec, int count) {
  const RandomStream random(1, Stream::kUser);
  Batchd actions(spec.action_dim(), count);
  for (Index i = 0; i < actions.size(); ++i)
    actions(i) =
        random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(i)) * spec.action_high(i % spec.action_dim());
  return actions;
}

void bare_step(const mjModel& model, mjData& data, ConstVecRef<double> action, int frame_skip) {
  std::copy_n(action.data(), action.size(), data.ctrl);
  for (int i = 0; i < frame_skip; ++i) mj_step(&model, &data);
}

void start(const mjModel& model, mjData& data, const std::vector<double>& physics) {
  mj_resetData(&model, &data);
  std::copy_n(physics.data(), model.nq, data.qpos);
  std::copy_n(physics.data() + model.nq, model.nv, data.qvel);
  mj_forward(&model, &data);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

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
void env_step(benchmark::State& state, AnyEnvironment env, const Model& shared, int frame_skip) {
  const mjModel& model = *shared;
  const Data bare(mj_makeData(&model), mj_deleteData);
  const Batchd actions = random_actions(env.spec(), kEpisode);

  const auto env_block = [&](int first) {
    for (int t = first; t < first + kBlock; ++t) benchmark::DoNotOptimize(env.step(actions.col(t)));
  };
  const auto bare_block = [&](int first) {
    for (int t = first; t < first + kBlock; ++t) bare_step(model, *bare, actions.col(t), frame_skip);
    benchmark::DoNotOptimize(bare->qpos[0]);
  };

  std::vector<double> ratios;
  double bare_total = 0.0;
  std::uint64_t seed = 0, pair = 0;
  for (auto _ : state) {
    env.reset(seed++);
    start(model, *bare, env.physics_state());

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
  const double steps = static_cast<double>(ratios.size()) * kBlock;
  state.counters["env_steps_per_s"] =
      benchmark::Counter(kEpisode, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bare_steps_per_s"] = steps / bare_total;
  state.counters["times_baseline"] = state.counters["fraction_of_peak"] = median(ratios);
}

// The same for many environments on all hardware threads: the peak is as many simulations on as many threads,
// each thread stepping its share through the whole block without waiting for the others. Wall time, as
// threads are what is measured. For tasks that do not terminate: both sides go on with states of a kind.
void vector_step(benchmark::State& state, const std::function<AnyEnvironment()>& make, const Model& shared,
                 int frame_skip) {
  const mjModel& model = *shared;
  ThreadPool pool;
  VectorEnvironment envs(make, kVector);
  std::vector<Data> bare;
  for (int i = 0; i < kVector; ++i) bare.emplace_back(mj_makeData(&model), mj_deleteData);
  const Batchd actions = random_actions(envs.spec(), kBlock * kVector);
  AnyEnvironment one = make();
  one.reset(1);
  for (const Data& data : bare) start(model, *data, one.physics_state());

  const auto wall = [](auto&& body) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const auto env_block = [&] {
    for (int t = 0; t < kBlock; ++t)
      benchmark::DoNotOptimize(&envs.step(actions.middleCols(t * kVector, kVector)));
  };
  const auto bare_block = [&] {
    pool.parallel_for(kVector, pool.size(), [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
      for (int t = 0; t < kBlock; ++t)
        for (std::ptrdiff_t i = begin; i < end; ++i)
          bare_step(model, *bare[static_cast<std::size_t>(i)], actions.col(t * kVector + i), frame_skip);
    });
  };
  std::vector<double> ratios;
  for (auto _ : state) {
    double env_time = 0.0;
    const bool env_goes_first = ratios.size() % 2 == 0;
    if (env_goes_first) env_time = wall(env_block);
    const double bare_time = wall(bare_block);
    if (!env_goes_first) env_time = wall(env_block);
    ratios.push_back(bare_time / env_time);
    state.SetIterationTime(env_time);
  }
  if (ratios.empty()) return;
  state.counters["threads"] = pool.size();
  state.counters["env_steps_per_s"] =
      benchmark::Counter(kBlock * kVector, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["times_baseline"] = state.counters["fraction_of_peak"] = median(ratios);
}

template <MujocoTask Task>
void add(const std::string& name, Task task) {
  benchmark::RegisterBenchmark(("mujoco/env_step/" + name).c_str(), [task](benchmark::State& state) {
    env_step(state, AnyEnvironment(TaskEnvironment<Task>(task)), task.model(), task.frame_skip());
  })->UseManualTime();
}

template <MujocoTask Task>
void add_vector(const std::string& name, Task task) {
  benchmark::RegisterBenchmark(("mujoco/vector_step/" + name).c_str(), [task](benchmark::State& state) {
    vector_step(
        state, [task] { return AnyEnvironment(TaskEnvironment<Task>(task)); }, task.model(),
        task.frame_skip());
  })->UseManualTime();
}

const bool registered = [] {
  add("HalfCheetah", HalfCheetahTask());
  add("Hopper", HopperTask());
  add("Walker2d", Walker2dTask());
  add("Ant", AntTask());
  add("Humanoid", HumanoidTask());
  add("HumanoidStandup", HumanoidStandupTask());
  add("Swimmer", SwimmerTask());
  add("InvertedPendulum", InvertedPendulumTask());
  add("InvertedDoublePendulum", InvertedDoublePendulumTask());
  add("Reacher", ReacherTask());
  add("Pusher", PusherTask());
  add("pets_HalfCheetah", PetsHalfCheetahTask());
  add("pets_CartPole", PetsCartPoleTask());
  add("pets_Reacher3D", PetsReacher3DTask());
  add("pets_Pusher", PetsPusherTask());
  add("mbpo_AntTruncatedObs", AntTask(AntTask::Version::kTruncated));
  add("mbpo_HumanoidTruncatedObs", HumanoidTask(HumanoidTask::Version::kTruncated));
  add_vector("HalfCheetah", HalfCheetahTask());
  add_vector("Swimmer", SwimmerTask());
  add_vector("HumanoidStandup", HumanoidStandupTask());
  return true;
}();

}  // namespace
}  // namespace mbrl::mujoco

#endif  // MBRL_HAS_MUJOCO
