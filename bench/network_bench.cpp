// One network on one thread: a training step (forward, backward to parameters and inputs, Adam) beside the
// machine's multiply-add peak, and what a squashed Gaussian head adds to it. Counters: steps/s; GFLOP/s of
// the products alone; fraction_of_peak, the median over steps against the peak reached just before;
// head_share, the head's time (samples, log-probabilities and their gradient) as a share of the step's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/distributions.hpp"
#include "median.hpp"
#include "simd/fma_peak.hpp"

namespace mbrl {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr int kObs = 17, kAction = 6;  // HalfCheetah's

void train_step(benchmark::State& state) {
  const auto width = static_cast<int>(state.range(0)), batch = static_cast<int>(state.range(1));
  ThreadPool one(1);
  nn::Network network(kObs, 2 * kAction, {{width, width}, Activation::kRelu, false}, 1);
  nn::Pass pass(network, batch);
  nn::Adam adam(network, {});
  AlignedFloats gradient;
  const nn::SquashedGaussian<float> head(kAction);
  const nn::RowBatch<float> noise = nn::RowBatch<float>::Random(kAction, batch);
  const Vecf weight = Vecf::Constant(batch, 1.0f / static_cast<float>(batch));
  nn::RowBatch<float> action(kAction, batch), heads(2 * kAction, batch);
  Vecf log_prob(batch);
  pass.set_input(Batchf::Random(kObs, batch));
  double products = 0.0;
  for (const nn::Network::Layer& layer : network.layers()) products += 2.0 * batch * layer.in * layer.out;
  const double flops = 3.0 * products;  // forward, to the weights, to the inputs

  std::vector<double> seconds, fraction, share;
  const int steps = std::max(1, static_cast<int>(2e8 / flops));
  for (auto _ : state) {
    const double peak = simd::fma_peak(one, 0.004);
    const auto start = Clock::now();
    for (int i = 0; i < steps; ++i) {
      pass.forward(network, batch);
      pass.output_gradients(batch) = 1e-3f * noise.colwise().sum().replicate(2 * kAction, 1);
      pass.backward(network, batch, &gradient, true);
      adam.step(network, gradient);
    }
    const double step = seconds_since(start) / steps;
    const auto head_start = Clock::now();
    for (int i = 0; i < steps; ++i) {
      head.sample(pass.outputs(batch), noise, action, log_prob);
      heads.setZero();
      head.sample_gradient(pass.outputs(batch), noise, action, weight, heads);
    }
    benchmark::DoNotOptimize(heads.data());
    seconds.push_back(step);
    fraction.push_back(flops / step / peak);
    share.push_back(seconds_since(head_start) / steps / step);
    state.SetIterationTime(step);
  }
  state.counters["steps/s"] = 1.0 / median(seconds);
  state.counters["GFLOP/s"] = flops / median(seconds) * 1e-9;
  state.counters["fraction_of_peak"] = median(fraction);
  state.counters["head_share"] = median(share);
}
BENCHMARK(train_step)
    ->Name("network/step/width/batch")
    ->Args({256, 256})
    ->Args({256, 64})
    ->Args({64, 256})
    ->UseManualTime()
    ->Iterations(200)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mbrl
