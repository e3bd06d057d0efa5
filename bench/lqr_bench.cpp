// Backward passes of LQR and iterations of iLQR, beside the double-precision multiply-add peak that one
// thread reached in turns with them. The flops counted are those that are needed: of symmetric results one
// triangle.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "mbrl/planning/trajectory/lqr.hpp"
#include "median.hpp"
#include "simd/fma_peak.hpp"

namespace mbrl {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class P>
void fill(P& p) {
  const RandomStream random(1, Stream::kUser);
  const Index nz = p.nz();
  const double scale = 1.0 / std::sqrt(static_cast<double>(nz));
  for (Index i = 0; i < p.dynamics.size(); ++i)
    p.dynamics.data()[i] = scale * random.normal(1, static_cast<std::uint32_t>(i));
  for (Index i = 0; i < p.offset.size(); ++i)
    p.offset.data()[i] = random.normal(2, static_cast<std::uint32_t>(i));
  for (Index i = 0; i < p.cost_gradient.size(); ++i)
    p.cost_gradient.data()[i] = random.normal(3, static_cast<std::uint32_t>(i));
  for (int t = 0; t < p.horizon; ++t) p.cost_at(t).setIdentity();
  p.final_cost.setIdentity();
}

// One stage: V'F, the three blocks of F'V'F, Cholesky, two triangular solves, V = Qxx - Y Y', vectors.
double stage_flops(double nx, double nu) {
  const double nz = nx + nu;
  return 2 * nx * nx * nz + nx * nz * (nz + 1) + nu * nu * nu / 3 + 2 * nu * nu * nx + nx * (nx + 1) * nu +
         2 * nx * nx + 2 * nx * nz + 4 * nx * nu;
}

// The same with all entries of symmetric results, as solvers without triangles do it.
double stage_flops_full(double nx, double nu) {
  const double nz = nx + nu;
  return stage_flops(nx, nu) + nx * nz * (nz - 1) + nx * (nx - 1) * nu;
}

template <int Nx, int Nu>
void backward(benchmark::State& state) {
  const auto nx = static_cast<int>(state.range(0)), nu = static_cast<int>(state.range(1)),
             horizon = static_cast<int>(state.range(2));
  constexpr double kSlice = 0.005;  // seconds
  ThreadPool one(1);
  LqrProblem<Nx, Nu> problem(nx, nu, horizon);
  fill(problem);
  Lqr<Nx, Nu> lqr(nx, nu, horizon);
  lqr.solve(problem);
  const double flops = horizon * stage_flops(nx, nu);
  std::vector<double> seconds, fraction;
  for (auto _ : state) {
    const double before = simd::fma_peak_double(one, kSlice);
    // Measured as in a planning loop, one solve after the other: the first, whose memory others may have
    // taken from the shared cache during the slice before, does not count.
    lqr.solve(problem);
    const auto start = Clock::now();
    int repeat = 0;
    do {
      lqr.solve(problem);
      ++repeat;
    } while (seconds_since(start) < kSlice);
    const double elapsed = seconds_since(start) / repeat;
    const double after = simd::fma_peak_double(one, kSlice);
    state.SetIterationTime(elapsed);
    seconds.push_back(elapsed);
    fraction.push_back(flops / elapsed / std::max(before, after));
  }
  const double typical = median(seconds);
  state.counters["ms"] = 1e3 * typical;
  state.counters["GFLOP/s"] = flops / typical * 1e-9;
  state.counters["fraction_of_peak"] = median(fraction);
  state.counters["fraction_of_peak_full_flops"] =
      median(fraction) * stage_flops_full(nx, nu) / stage_flops(nx, nu);
}

// Drives to a place beside the start: an iteration is one of the solver's, line search included.
void unicycle(benchmark::State& state) {
  const auto horizon = static_cast<int>(state.range(0));
  const AnalyticModel model(UnicycleSystem{}, {0.1, Integrator::kEuler});
  const QuadraticCost cost(10.0 * Batchd::Identity(3, 3), Batchd::Identity(2, 2), Batchd::Identity(3, 3),
                           Vecd::Zero(3));
  IlqrSettings settings;
  settings.iterations = 5;
  settings.tolerance = 0.0;
  Ilqr solver(model, cost, horizon, settings);
  const Vecd start = (Vecd(3) << -1.0, -1.0, 1.0).finished();
  const Batchd actions = Batchd::Zero(2, horizon);
  std::vector<double> seconds;
  for (auto _ : state) {
    const auto begin = Clock::now();
    const IlqrReport& report = solver.solve(start, actions);
    const double elapsed = seconds_since(begin) / std::max(1, report.iterations + report.rejected);
    state.SetIterationTime(elapsed);
    seconds.push_back(elapsed);
  }
  state.counters["us_per_iteration"] = 1e6 * median(seconds);
}

// The cart-pole's swing-up in closed loop at 100 Hz on one thread; times_real_time > 1 is faster than real
// time.
void cart_pole_mpc(benchmark::State& state) {
  constexpr double kDt = 0.01;
  const AnalyticModel model(CartPoleSystem{}, {kDt});
  const Vecd goal = (Vecd(4) << 0.0, std::numbers::pi, 0.0, 0.0).finished();
  const Vecd weights = (Vecd(4) << 1.0, 5.0, 0.1, 0.1).finished();
  const QuadraticCost cost(weights.asDiagonal(), Batchd::Constant(1, 1, 0.001),
                           100.0 * Batchd(weights.asDiagonal()), goal);
  IlqrSettings settings;
  settings.iterations = 20;
  using P = IlqrPlanner<AnalyticModel<CartPoleSystem>, QuadraticCost>;
  AnalyticModel<CartPoleSystem>::Workspace none;
  double p99 = 0, p50 = 0, distance = 0;
  for (auto _ : state) {
    Mpc<P> mpc(
        P(model, cost, 150, settings, ActionBounds::uniform(1, -50.0, 50.0), {}, nullptr, {.starts = 1}));
    Vecd x = Vecd::Zero(4), next(4);
    for (int t = 0; t < 400; ++t) {
      model.step(x, mpc.act(x), next, none);
      x = next;
    }
    p50 = mpc.latency().p50();
    p99 = mpc.latency().p99();
    x(1) = std::remainder(x(1) - goal(1), 2 * std::numbers::pi);
    distance = std::max(std::abs(x(0)), std::abs(x(1)));
    state.SetIterationTime(p50);
  }
  state.counters["plan_ms_p50"] = 1e3 * p50;
  state.counters["plan_ms_p99"] = 1e3 * p99;
  state.counters["times_real_time"] = kDt / p50;
  state.counters["times_real_time_p99"] = kDt / p99;
  state.counters["distance_at_end"] = distance;
}

BENCHMARK(backward<Eigen::Dynamic, Eigen::Dynamic>)
    ->Name("lqr/backward/nx/nu/N")
    ->Args({37, 12, 100})
    ->Args({18, 6, 50})
    ->UseManualTime()
    ->MinTime(0.3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(backward<18, 6>)
    ->Name("lqr/backward_fixed/nx/nu/N")
    ->Args({18, 6, 50})
    ->UseManualTime()
    ->MinTime(0.1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(backward<4, 1>)
    ->Name("lqr/backward_fixed/nx/nu/N")
    ->Args({4, 1, 100})
    ->UseManualTime()
    ->MinTime(0.02)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(unicycle)
    ->Name("ilqr/unicycle/N")
    ->Arg(20)
    ->Arg(200)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(cart_pole_mpc)
    ->Name("ilqr/cart_pole_mpc_100hz")
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
