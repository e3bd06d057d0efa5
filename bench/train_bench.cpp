// Training steps of the published PETS network (5 members of 24 - 4 x 200 - 36): the native trainer and the
// LibTorch one beside plain LibTorch with autograd, measured in turns with each other and with the machine's
// multiply-add peak. Counters: steps/s; GFLOP/s of the products alone (forward, and backward to inputs and
// weights); fraction_of_peak, the median over epochs against the peak reached just before; times_baseline,
// the speed against plain LibTorch.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "median.hpp"
#include "simd/fma_peak.hpp"
#include "train_baseline.hpp"
#if MBRL_HAS_TORCH
#include "mbrl/torch/ensemble_trainer.hpp"
#endif

namespace mbrl {
namespace {

using Clock = std::chrono::steady_clock;

TransitionBatch random_transitions(int n) {
  TransitionBatch data;
  data.obs = Batchf::Random(18, n);
  data.action = Batchf::Random(6, n);
  data.next_obs = data.obs + 0.1f * Batchf::Random(18, n);
  return data;
}

// Times the epochs of `trainer`, each between two measurements of the peak and one of the baseline.
template <class Trainer>
void measure(benchmark::State& state, Trainer trainer, ThreadPool& pool, int batch, int steps_an_epoch) {
  MlpEnsemble model = MlpEnsemble::create({}, ObsEncoding::identity(18), 6, 1);
  const TransitionBatch data = random_transitions(batch * steps_an_epoch);
  const DenseLayer& first_layer = model.members[0][0];
  // Three products a layer, but the first layer's inputs need no gradient.
  const double flops = 5.0 * batch * (3.0 * flops_per_row(model) - 2.0 * first_layer.in * first_layer.out);
  std::vector<double> seconds, fraction, ratio;
  std::uint32_t round = 0;
  for (auto _ : state) {
    double peak = 0.0;
    auto start = Clock::now();
    // The callback runs between epochs: the first one ends the preparation and a warm-up epoch.
    trainer.train(data, model, round++, [&](int epoch, int, double) {
      const double step = std::chrono::duration<double>(Clock::now() - start).count() / steps_an_epoch;
      if (epoch > 0) {
        seconds.push_back(step);
        fraction.push_back(flops / step / std::max(peak, simd::fma_peak(pool, 0.02)));
#if MBRL_HAS_TORCH
        if (epoch % 4 == 1)  // LibTorch may be slow: where its BLAS is the reference one, a hundred times
          ratio.push_back(bench::torch_train_seconds(model, batch, pool.size(), 0.2) / step);
#endif
      }
      peak = simd::fma_peak(pool, 0.02);
      start = Clock::now();
      return true;
    });
    state.SetIterationTime(median(seconds));
  }
  const double typical = median(seconds);
  state.counters["steps/s"] = 1.0 / typical;
  state.counters["GFLOP/s"] = flops / typical * 1e-9;
  state.counters["fraction_of_peak"] = median(fraction);
  if (!ratio.empty()) state.counters["times_baseline"] = median(ratio);
}

EnsembleTrainingSettings settings_for(int batch) {
  EnsembleTrainingSettings settings;
  settings.batch_size = batch;
  settings.epochs = 12;
  return settings;
}

void native(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0)), batch = static_cast<int>(state.range(1));
  ThreadPool pool(threads);
  measure(state, NativeTrainer(settings_for(batch), pool, 1), pool, batch, batch > 100 ? 10 : 40);
}
BENCHMARK(native)
    ->Name("train/native/threads/batch")
    ->Args({1, 32})
    ->Args({2, 32})
    ->Args({2, 256})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

#if MBRL_HAS_TORCH
void torch_cpu(benchmark::State& state) {
  const auto batch = static_cast<int>(state.range(0));
  ThreadPool pool(2);
  measure(state, libtorch::EnsembleTrainer(settings_for(batch), "cpu", 1), pool, batch, 3);
}
BENCHMARK(torch_cpu)
    ->Name("train/torch/batch")
    ->Arg(32)
    ->Arg(256)
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
#endif

}  // namespace
}  // namespace mbrl
