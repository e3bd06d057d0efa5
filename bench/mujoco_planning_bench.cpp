// Planning in MuJoCo itself: whole rollouts beside bare mj_step on as many threads, in turns, and one
// iteration of iLQR on HalfCheetah.
#if MBRL_HAS_MUJOCO

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/analytic/finite_differences.hpp"
#include "mbrl/mujoco/engine/dynamics.hpp"
#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/mujoco/tasks/humanoid.hpp"
#include "mbrl/mujoco/tasks/inverted_pendulum.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"
#include "median.hpp"

namespace mbrl::mujoco {
namespace {

constexpr int kHorizon = 30;

using Clock = std::chrono::steady_clock;
using Data = std::unique_ptr<mjData, decltype(&mj_deleteData)>;

double wall(const std::function<void()>& body) {
  const auto begin = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Processor time of this thread: on one thread, other work on the machine then costs both sides alike.
double processor(const std::function<void()>& body) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double begin = now();
  body();
  return now() - begin;
}

// As planners draw them: small, within the bounds.
Batchd candidates(const EnvSpec& spec, int count) {
  const RandomStream random(1, Stream::kUser);
  Batchd actions(kHorizon * spec.action_dim(), count);
  for (Index i = 0; i < actions.size(); ++i)
    actions.data()[i] = 0.5 * random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(i)) *
                        spec.action_high(i % spec.action_dim());
  return actions;
}

// Rollouts that do not end early: the task's termination is left out, the work is the same on both sides.
template <class Task>
struct Endless : Task {
  using Task::Task;
  bool terminated(const TaskView&) const { return false; }
};

template <class Task>
void rollouts(benchmark::State& state, const Task& task, int count) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  using Env = TaskEnvironment<Task>;
  Env env(task);
  env.reset(1);
  const std::vector<double> start = env.state();
  const mjModel& model = env.simulation().model();
  const Batchd actions = candidates(env.spec(), count);
  SimulatorRollout<Env> rollout([&] { return Env(task); }, {kHorizon}, pool);
  Vecd returns(count);

  std::vector<Data> bare;
  for (int i = 0; i < pool.size(); ++i) bare.emplace_back(mj_makeData(&model), mj_deleteData);
  const mjData& from = env.simulation().data();
  const auto bare_rollouts = [&] {
    pool.parallel_for(count, pool.size(), [&](std::ptrdiff_t begin, std::ptrdiff_t end, int chunk) {
      mjData& data = *bare[static_cast<std::size_t>(chunk)];
      for (std::ptrdiff_t k = begin; k < end; ++k) {
        data.time = from.time;
        std::copy_n(from.qpos, model.nq, data.qpos);
        std::copy_n(from.qvel, model.nv, data.qvel);
        std::copy_n(from.qacc_warmstart, model.nv, data.qacc_warmstart);
        for (int t = 0; t < kHorizon; ++t) {
          std::copy_n(actions.col(k).data() + t * model.nu, model.nu, data.ctrl);
          for (int i = 0; i < task.frame_skip(); ++i) mj_step(&model, &data);
        }
      }
    });
  };
  const auto our_rollouts = [&] { rollout.evaluate(start, actions, {}, returns); };
  our_rollouts();
  bare_rollouts();
  if (!returns.allFinite()) {
    state.SkipWithError("a rollout diverged");
    return;
  }
  const auto seconds = [&](const std::function<void()>& body) {
    return pool.size() == 1 ? processor(body) : wall(body);
  };
  std::vector<double> ratios;
  double bare_total = 0.0;
  for (auto _ : state) {
    double ours = 0.0;
    const bool first = ratios.size() % 2 == 0;
    if (first) ours = seconds(our_rollouts);
    const double theirs = seconds(bare_rollouts);
    if (!first) ours = seconds(our_rollouts);
    ratios.push_back(theirs / ours);
    bare_total += theirs;
    state.SetIterationTime(ours);
  }
  if (ratios.empty()) return;
  const double steps = static_cast<double>(count) * kHorizon;
  state.counters["steps_per_s"] = benchmark::Counter(steps, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bare_steps_per_s"] = steps * static_cast<double>(ratios.size()) / bare_total;
  state.counters["times_baseline"] = state.counters["fraction_of_peak"] = median(ratios);
}

// Run at 5 m/s, 50 steps (2.5 s) ahead: x = [qpos; qvel], 18 + 6. times_baseline: how much faster the
// Jacobians are than differences of whole control steps.
void half_cheetah_iteration(benchmark::State& state) {
  constexpr int kSteps = 50;
  ThreadPool pool(static_cast<int>(state.range(0)));
  const Dynamics dynamics(HalfCheetahTask(), {}, &pool);
  Batchd q = Batchd::Zero(18, 18);
  q(9, 9) = 1.0;
  Vecd goal = Vecd::Zero(18);
  goal(9) = 5.0;
  IlqrSettings settings;
  settings.iterations = 2;
  settings.tolerance = 0.0;
  Ilqr solver(dynamics, QuadraticCost(q, 0.2 * Batchd::Identity(6, 6), q, goal), kSteps, settings,
              ActionBounds::uniform(6, -1.0, 1.0), &pool);
  HalfCheetah env;
  env.reset(1);
  const auto physics = env.physics_state();
  const Vecd start = Eigen::Map<const Vecd>(physics.data(), 18);
  const Batchd still = Batchd::Zero(6, kSteps);
  Dynamics::Workspace workspace;
  const FiniteDifferenceModel<Dynamics> plain(Dynamics(HalfCheetahTask()), {.step = 1e-6}, &pool);
  FiniteDifferenceModel<Dynamics>::Workspace plain_workspace;
  Batchd jacobian(18, kSteps * 24);
  std::vector<double> seconds, linearize, ratios;
  double decrease = 0.0;
  for (auto _ : state) {
    const double elapsed = wall([&] { solver.solve(start, still); });
    const IlqrReport& report = solver.report();
    const double one = elapsed / std::max(1, report.iterations + report.rejected);
    decrease = 1.0 - report.cost / report.initial_cost;
    state.SetIterationTime(one);
    seconds.push_back(one);
    const Batchd obs = solver.states().leftCols(kSteps), action = solver.actions();
    linearize.push_back(wall([&] { dynamics.linearize(obs, action, jacobian, workspace); }));
    ratios.push_back(wall([&] { plain.linearize(obs, action, jacobian, plain_workspace); }) /
                     linearize.back());
  }
  state.counters["ms_per_iteration"] = 1e3 * median(seconds);
  state.counters["ms_jacobians"] = 1e3 * median(linearize);
  state.counters["times_baseline"] = median(ratios);
  state.counters["cost_decrease"] = decrease;
}

template <class Task>
void add(const std::string& name, Task task, int count) {
  benchmark::RegisterBenchmark(("mujoco/rollout/" + name).c_str(),
                               [task, count](benchmark::State& state) { rollouts(state, task, count); })
      ->ArgName("threads")
      ->Arg(1)
      ->Arg(2)
      ->UseManualTime()
      ->MinTime(1.0)
      ->Unit(benchmark::kMillisecond);
}

const bool registered = [] {
  add("HalfCheetah", HalfCheetahTask(), 48);
  add("Hopper", Endless<HopperTask>(), 48);
  add("InvertedPendulum", Endless<InvertedPendulumTask>(), 128);
  add("Ant", Endless<AntTask>(), 16);
  add("Humanoid", Endless<HumanoidTask>(), 8);
  return true;
}();

BENCHMARK(half_cheetah_iteration)
    ->Name("mujoco/ilqr_half_cheetah_iteration/N50")
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl::mujoco

#endif  // MBRL_HAS_MUJOCO
