// One planning step of PETS on pets/HalfCheetah, as published and frugal, 5 members of 24 - 4 x 200 - 36, 30
// steps, TSinf. What is timed is `plan` alone. How soon a race or a planner stops depends on the returns:
// those plans are made in an ensemble trained on the task's random episodes (with MuJoCo), in closed loop
// with the task. The published planner's work is fixed; so is what is compared with it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/tasks/pets_half_cheetah.hpp"
#endif

namespace mbrl {
namespace {

constexpr int kObsDim = 18, kActionDim = 6, kHorizon = 30;

// The encoding of pets/HalfCheetah: the speed comes first and is predicted as it is, the pitch enters as sine
// and cosine.
MlpEnsemble untrained_ensemble() {
  ObsEncoding encoding = ObsEncoding::identity(kObsDim);
  encoding.features.clear();
  for (int i = 1; i < kObsDim; ++i)
    if (i == 2) {
      encoding.features.push_back({ObsFeature::Kind::kSin, i});
      encoding.features.push_back({ObsFeature::Kind::kCos, i});
    } else {
      encoding.features.push_back({ObsFeature::Kind::kIdentity, i});
    }
  encoding.targets[0] = TargetKind::kAbsolute;
  return MlpEnsemble::create({}, encoding, kActionDim, 1);
}

// o0' - 0.1 |a|^2
void half_cheetah_reward(ConstBatchRef<float>, ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                         int, VecRef<float> out) {
  out = next_obs.row(0).transpose() - 0.1f * action.colwise().squaredNorm().transpose();
}

#if MBRL_HAS_MUJOCO
Vecd random_action(std::uint32_t episode, std::uint32_t t) {
  const RandomStream random(1, Stream::kUser);
  Vecd action(kActionDim);
  for (int i = 0; i < kActionDim; ++i)
    action(i) = random.uniform(-1.0, 1.0, episode, t, static_cast<std::uint32_t>(i));
  return action;
}

// As `mbrl train pets` has it in its first trial, but for half as many epochs: one random episode of 1000
// steps. Trained once, in about 15 s.
const MlpEnsemble& trained_ensemble() {
  static const MlpEnsemble trained = [] {
    mujoco::PetsHalfCheetah env;
    TransitionBuffer data(kObsDim, kActionDim, 1000);
    Vecd obs = env.reset(1);
    for (std::uint32_t t = 0; t < 1000; ++t) {
      const Vecd action = random_action(0, t);
      StepResult step = env.step(action);
      data.add(obs, action, step.obs, step.reward, step.terminated, step.truncated);
      obs = std::move(step.obs);
    }
    ThreadPool pool(0);
    MlpEnsemble model = MlpEnsemble::create({}, env.spec().encoding, kActionDim, 1);
    NativeTrainer trainer({.epochs = 15}, pool, 1);
    trainer.train(data.batch(), model, 0, [](int, int, double) { return true; });
    return model;
  }();
  return trained;
}
#endif

EnsembleRollout make_rollout(const MlpEnsemble& model, int particles, ThreadPool& pool) {
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = particles;
  return EnsembleRollout(model, half_cheetah_reward, {}, settings, pool, 1);
}

ActionBounds bounds() { return ActionBounds::uniform(kActionDim, -1.0, 1.0); }

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// From where the published planner's fixed work is done.
struct Anywhere {
  Vecf obs = Vecf::Constant(kObsDim, 0.1f);
  void step(const Vecf&) {}
};

#if MBRL_HAS_MUJOCO
// The task itself, after half a second.
struct Running {
  mujoco::PetsHalfCheetah env;
  Vecf obs = env.reset(2).cast<float>();
  Running() {
    for (int t = 0; t < 10; ++t) step(Vecf::Zero(kActionDim));
  }
  void step(const Vecf& action) { obs = env.step(action.cast<double>()).obs.cast<float>(); }
};
#endif

// Plans as control goes on, warm started.
template <class P, class Task>
class Controlled {
 public:
  explicit Controlled(P planner) : planner_(std::move(planner)) { step(); }
  // Seconds of the plan.
  double step() {
    const double seconds = seconds_of([&] { plan_ = planner_.plan(task_.obs, t_); });
    task_.step(plan_.actions.col(0));
    planner_.advance(1);
    ++t_;
    return seconds;
  }
  const PlanReport& report() const { return plan_.report; }

 private:
  P planner_;
  Task task_;
  ActionPlan<float> plan_;
  int t_ = 0;
};

class Totals {
 public:
  void add(double seconds, const PlanReport& report) {
    seconds_ += seconds;
    rollouts_ += static_cast<double>(report.rollouts);
    ++plans_;
  }
  double ms() const { return 1e3 * seconds_ / plans_; }
  void write(benchmark::State& state, const MlpEnsemble& model) const {
    state.counters["ms"] = ms();
    state.counters["rollouts"] = rollouts_ / plans_;
    state.counters["GFLOP/s"] = rollouts_ * kHorizon * flops_per_row(model) / seconds_ * 1e-9;
  }

 private:
  double seconds_ = 0, rollouts_ = 0;
  int plans_ = 0;
};

// 500 candidates, 5 iterations, 20 particles: 1.5 million rows, 396 GFLOP. No early stop, so that the work is
// fixed.
Cem<EnsembleRollout> published(EnsembleRollout& rollout) {
  return Cem<EnsembleRollout>(rollout, bounds(),
                              {.population = 500, .elites = 50, .iterations = 5, .epsilon = 0.0}, 1);
}

void pets_cem(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  const MlpEnsemble model = untrained_ensemble();
  EnsembleRollout rollout = make_rollout(model, 20, pool);
  Controlled<Cem<EnsembleRollout>, Anywhere> control(published(rollout));
  Totals totals;
  for (auto _ : state) {
    const double seconds = control.step();
    state.SetIterationTime(seconds);
    totals.add(seconds, control.report());
  }
  totals.write(state, model);
}

#if MBRL_HAS_MUJOCO
// The frugal planner beside the published one, measured in the same run.
void frugal(benchmark::State& state, ICemSettings settings, int particles) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  const MlpEnsemble& model = trained_ensemble();
  EnsembleRollout full = make_rollout(model, 20, pool);
  EnsembleRollout rollout = make_rollout(model, particles, pool);
  Controlled<Cem<EnsembleRollout>, Running> baseline(published(full));
  Controlled<ICem<EnsembleRollout>, Running> control(ICem<EnsembleRollout>(rollout, bounds(), settings, 1));
  Totals frugal, pets;
  for (auto _ : state) {
    const double seconds = control.step();
    state.SetIterationTime(seconds);
    frugal.add(seconds, control.report());
  }
  for (int i = 0; i < 2; ++i) {
    const double seconds = baseline.step();
    pets.add(seconds, baseline.report());
  }
  frugal.write(state, model);
  state.counters["times_baseline"] = pets.ms() / frugal.ms();
}

// As good as CEM in the same model; the same with 20 particles, raced and not; what PETS learns with.
void frugal_matched(benchmark::State& state) {
  const PetsConfiguration c = matched_pets({});
  frugal(state, c.planner.icem, c.rollout.particles);
}
void frugal_raced(benchmark::State& state) { frugal(state, matched_pets({}).planner.icem, 20); }
void frugal_no_racing(benchmark::State& state) {
  ICemSettings settings = matched_pets({}).planner.icem;
  settings.racing.on = false;
  frugal(state, settings, 20);
}
void frugal_training(benchmark::State& state) {
  const PetsConfiguration c = default_pets("pets/HalfCheetah");
  frugal(state, c.planner.icem, c.rollout.particles);
}
#endif

// Drawing the candidates of one iteration of the published planner: must stay small beside evaluating them.
void candidate_noise(benchmark::State& state) {
  const CandidateNoise<float> noise(1);
  Batchf z(kHorizon * kActionDim, 500);
  std::uint32_t plan = 0;
  for (auto _ : state) {
    noise.truncated_normal(2.0f, plan++, 0, z);
    benchmark::DoNotOptimize(z.data());
  }
  state.counters["ns_per_number"] =
      benchmark::Counter(static_cast<double>(z.size()) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

const auto threads = [](benchmark::internal::Benchmark* b) { b->ArgName("threads")->Arg(1)->Arg(2); };
BENCHMARK(pets_cem)
    ->Name("plan/pets_cem_500x5x20x30")
    ->Apply(threads)
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
#if MBRL_HAS_MUJOCO
BENCHMARK(frugal_matched)
    ->Name("plan/frugal_matched_to_cem")
    ->Apply(threads)
    ->UseManualTime()
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(frugal_raced)
    ->Name("plan/frugal_20_particles")
    ->Apply(threads)
    ->UseManualTime()
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(frugal_no_racing)
    ->Name("plan/frugal_20_particles_without_racing")
    ->Apply(threads)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(frugal_training)
    ->Name("plan/frugal_of_mbrl_train")
    ->Apply(threads)
    ->UseManualTime()
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
#endif
BENCHMARK(candidate_noise)->Name("plan/candidate_noise_500x180")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
