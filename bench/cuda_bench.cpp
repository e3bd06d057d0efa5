// Planning and training on a GPU with LibTorch beside our own kernels on all of this machine's cores, measured in
// turns: the published networks of PETS, its plan's candidates and particles. Registered only where LibTorch finds
// a GPU. Counters: GFLOP/s counts the networks' multiply-adds only; times_baseline is the speed against our
// kernels; ms_native what these take.
#if MBRL_HAS_TORCH
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/torch/device.hpp"
#include "mbrl/torch/ensemble_rollout.hpp"
#include "mbrl/torch/ensemble_trainer.hpp"
#include "median.hpp"

namespace mbrl {
namespace {

using Clock = std::chrono::steady_clock;

struct Size {
  const char* name;
  int obs, action;
  std::vector<int> hidden;
  int candidates, horizon;
};

const std::vector<Size>& sizes() {
  static const std::vector<Size> all{{"cart_pole", 4, 1, {500, 500, 500}, 400, 25},
                                     {"half_cheetah", 18, 6, {200, 200, 200, 200}, 500, 30}};
  return all;
}

MlpEnsemble ensemble(const Size& size) {
  MlpEnsembleSettings shape;
  shape.hidden = size.hidden;
  shape.learned_reward = true;
  MlpEnsemble model = MlpEnsemble::create(shape, ObsEncoding::identity(size.obs), size.action, 1);
  // keeps random networks' rollouts in bounds, as trained ones are
  model.max_logvar.assign(static_cast<std::size_t>(model.target_dim()), -4.0f);
  return model;
}

template <class Work>
double seconds_of(Work&& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void report(benchmark::State& state, double flops, const std::vector<double>& device,
            const std::vector<double>& native) {
  state.counters["GFLOP/s"] = flops / median(device) * 1e-9;
  state.counters["ms_native"] = 1e3 * median(native);
  state.counters["times_baseline"] = median(native) / median(device);
}

// One iteration of a plan: the returns of all candidates, twenty particles each.
void rollout(benchmark::State& state, const Size& size, int threads) {
  ThreadPool pool(threads);
  const MlpEnsemble model = ensemble(size);
  EnsembleRolloutSettings settings;
  settings.horizon = size.horizon;
  settings.particles = 20;
  EnsembleRollout native(model, {}, {}, settings, pool, 1);
  libtorch::EnsembleRollout device(model, nullptr, settings, "cuda", 1);
  const Vecf obs = Vecf::Zero(size.obs);
  const Batchf actions = Batchf::Random(size.action * size.horizon, size.candidates);
  Vecf returns(size.candidates);
  std::vector<double> on_device, on_host;
  std::uint32_t t = 0;
  const auto run = [&](auto& evaluator) {
    RolloutKey key;
    key.t = t;
    evaluator.evaluate(obs, actions, key, returns);
  };
  run(device);  // captures the graph
  run(native);  // wakes the threads
  for (auto _ : state) {
    ++t;
    on_host.push_back(seconds_of([&] { run(native); }));
    on_device.push_back(seconds_of([&] { run(device); }));
    state.SetIterationTime(on_device.back());
  }
  report(state, 20.0 * size.candidates * size.horizon * flops_per_row(model), on_device, on_host);
}

// A step of training, in epochs of forty.
void train(benchmark::State& state, const Size& size, int threads, int batch) {
  constexpr int kSteps = 40, kEpochs = 12;
  ThreadPool pool(threads);
  EnsembleTrainingSettings settings;
  settings.batch_size = batch;
  settings.epochs = kEpochs;
  TransitionBatch data;
  data.obs = Batchf::Random(size.obs, batch * kSteps);
  data.action = Batchf::Random(size.action, batch * kSteps);
  data.next_obs = data.obs + 0.1f * Batchf::Random(size.obs, batch * kSteps);
  data.reward = Vecf::Random(batch * kSteps);
  MlpEnsemble model = ensemble(size);
  std::vector<double> on_device, on_host;
  const auto run = [&](auto trainer, std::vector<double>& steps) {
    auto start = Clock::now();
    trainer.train(data, model, 0, [&](int epoch, int, double) {
      const double step = std::chrono::duration<double>(Clock::now() - start).count() / kSteps;
      if (epoch > 0) steps.push_back(step);  // the first one warms up
      start = Clock::now();
      return true;
    });
  };
  for (auto _ : state) {
    run(NativeTrainer(settings, pool, 1), on_host);
    run(libtorch::EnsembleTrainer(settings, "cuda", 1), on_device);
    state.SetIterationTime(median(on_device));
  }
  const DenseLayer& first = model.members[0][0];
  report(state, 5.0 * batch * (3.0 * flops_per_row(model) - 2.0 * first.in * first.out), on_device, on_host);
}

[[maybe_unused]] const bool registered = [] {
  if (!libtorch::cuda_available()) return false;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  for (const Size& size : sizes()) {
    const auto name = [&](const std::string& what, const std::string& more) {
      return what + size.name + "/threads:" + std::to_string(cores) + more;
    };
    benchmark::RegisterBenchmark(name("cuda/rollout/", "").c_str(),
                                 [&size, cores](benchmark::State& state) { rollout(state, size, cores); })
        ->UseManualTime()
        ->Iterations(20)
        ->Unit(benchmark::kMillisecond);
    for (const int batch : {32, 256})
      benchmark::RegisterBenchmark(
          name("cuda/train/", "/batch:" + std::to_string(batch)).c_str(),
          [&size, cores, batch](benchmark::State& state) { train(state, size, cores, batch); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMillisecond);
  }
  return true;
}();

}  // namespace
}  // namespace mbrl
#endif
