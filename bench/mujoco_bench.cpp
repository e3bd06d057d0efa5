// Environment steps beside the engine's own, for every registered MuJoCo environment: the same model, start
// and controls through bare mj_step, in the same run. The bare engine is the limit, so the ratio is both the
// fraction of the peak and the times over the baseline. A table of all ratios is printed at the end.
#if MBRL_HAS_MUJOCO

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/vector_environment.hpp"
#include "mbrl/mujoco/tasks.hpp"
#include "median.hpp"

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

// The engine's calls that a control step consists of, and nothing else.
struct Stepping {
  int frame_skip;
  Derived derived;
};

void bare_step(const mjModel& model, mjData& data, ConstVecRef<double> action, const Stepping& stepping) {
  std::copy_n(action.data(), action.size(), data.ctrl);
  const bool in_halves = stepping.derived == Derived::kInSync && model.opt.integrator != mjINT_RK4;
  if (in_halves) mj_step2(&model, &data);
  for (int i = in_halves; i < stepping.frame_skip; ++i) mj_step(&model, &data);
  if (stepping.derived == Derived::kInSync) mj_step1(&model, &data);
}

void start(const mjModel& model, mjData& data, const std::vector<double>& physics) {
  mj_resetData(&model, &data);
  std::copy_n(physics.data(), model.nq, data.qpos);
  std::copy_n(physics.data() + model.nq, model.nv, data.qvel);
  std::copy_n(physics.data() + model.nq + model.nv, 3 * model.nmocap, data.mocap_pos);
  mj_forward(&model, &data);
}

// One line for each benchmark that was run, printed when the program ends.
class Table {
 public:
  ~Table() {
    if (rows_.empty()) return;
    std::printf("\n%-42s %12s %12s %9s\n", "environment", "steps/s", "engine's", "fraction");
    for (const Row& row : rows_)
      std::printf("%-42s %12.0f %12.0f %9.3f\n", row.name.c_str(), row.steps, row.steps / row.fraction,
                  row.fraction);
  }
  // Benchmarks are run more than once to find their number of iterations: the last run counts.
  void add(const std::string& name, double steps_per_second, double fraction) {
    if (rows_.empty() || rows_.back().name != name) rows_.push_back({name, 0, 0});
    rows_.back() = {name, steps_per_second, fraction};
  }

 private:
  struct Row {
    std::string name;
    double steps, fraction;
  };
  std::vector<Row> rows_;
};
Table table;

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
void env_step(benchmark::State& state, AnyEnvironment env, const Model& shared, const Stepping& stepping) {
  const mjModel& model = *shared;
  const Data bare(mj_makeData(&model), mj_deleteData);
  const Batchd actions = random_actions(env.spec(), kEpisode);

  const auto env_block = [&](int first) {
    for (int t = first; t < first + kBlock; ++t) {
      StepResult result = env.step(actions.col(t));
      benchmark::DoNotOptimize(result);
      // The bare engine knows no ends of episodes: the state put back is a new beginning.
      if (result.terminated || result.truncated) env.set_state(env.state());
    }
  };
  const auto bare_block = [&](int first) {
    for (int t = first; t < first + kBlock; ++t) bare_step(model, *bare, actions.col(t), stepping);
    benchmark::DoNotOptimize(bare->qpos[0]);
  };

  std::vector<double> ratios;
  double bare_total = 0.0, env_sum = 0.0;
  std::uint64_t seed = 0, pair = 0;
  for (auto _ : state) {
    env.reset(seed++);
    const std::vector<double> physics = env.physics_state();
    env.set_physics_state(physics);  // a start that settled has a warm start of its own
    start(model, *bare, physics);

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
    env_sum += env_total;
  }
  if (ratios.empty()) return;
  const double steps = static_cast<double>(ratios.size()) * kBlock;
  state.counters["env_steps_per_s"] =
      benchmark::Counter(kEpisode, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bare_steps_per_s"] = steps / bare_total;
  const double fraction = median(ratios);
  state.counters["times_baseline"] = state.counters["fraction_of_peak"] = fraction;
  table.add(env.spec().name, steps / env_sum, fraction);
}

// The same for many environments on all hardware threads: the peak is as many simulations on as many threads,
// each thread stepping its share through the whole block without waiting for the others. Wall time, as
// threads are what is measured. For tasks that do not terminate: both sides go on with states of a kind.
void vector_step(benchmark::State& state, const std::function<AnyEnvironment()>& make, const Model& shared,
                 const Stepping& stepping) {
  const mjModel& model = *shared;
  ThreadPool pool;
  VectorEnvironment envs(make, kVector, pool.size());
  envs.reset(1);
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
          bare_step(model, *bare[static_cast<std::size_t>(i)], actions.col(t * kVector + i), stepping);
    });
  };
  std::vector<double> ratios;
  double env_sum = 0.0;
  for (auto _ : state) {
    double env_time = 0.0;
    const bool env_goes_first = ratios.size() % 2 == 0;
    if (env_goes_first) env_time = wall(env_block);
    const double bare_time = wall(bare_block);
    if (!env_goes_first) env_time = wall(env_block);
    ratios.push_back(bare_time / env_time);
    state.SetIterationTime(env_time);
    env_sum += env_time;
  }
  if (ratios.empty()) return;
  state.counters["threads"] = pool.size();
  state.counters["env_steps_per_s"] =
      benchmark::Counter(kBlock * kVector, benchmark::Counter::kIsIterationInvariantRate);
  const double fraction = median(ratios);
  state.counters["times_baseline"] = state.counters["fraction_of_peak"] = fraction;
  table.add(
      envs.spec().name + ", " + std::to_string(kVector) + " on " + std::to_string(pool.size()) + " threads",
      static_cast<double>(ratios.size()) * kBlock * kVector / env_sum, fraction);
}

const bool registered = [] {
  for_each_task([](const auto& task) {
    using Task = std::remove_cvref_t<decltype(task)>;
    const EnvSpec spec = task.spec();
    const Stepping stepping{task.frame_skip(), derived_of(task)};
    benchmark::RegisterBenchmark(("mujoco/env_step/" + spec.name).c_str(), [=](benchmark::State& state) {
      env_step(state, AnyEnvironment(TaskEnvironment<Task>(task)), task.model(), stepping);
    })->UseManualTime();
    if (spec.termination) return;  // what begins anew on the way would be compared with what does not
    benchmark::RegisterBenchmark(("mujoco/vector_step/" + spec.name).c_str(), [=](benchmark::State& state) {
      const auto make = [=] { return AnyEnvironment(TaskEnvironment<Task>(task)); };
      vector_step(state, make, task.model(), stepping);
    })->UseManualTime();
  });
  return true;
}();

}  // namespace
}  // namespace mbrl::mujoco

#endif  // MBRL_HAS_MUJOCO
