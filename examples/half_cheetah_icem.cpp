// HalfCheetah-v4 run by iCEM on its true dynamics: MuJoCo itself is the model, one simulation a thread. The
// settings are the paper's (Pinneri et al. 2020): 109 rollouts of 30 steps an action.
//   half_cheetah_icem [steps [seed [planner]]]      planner: icem or cem, with equally many rollouts
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

int main(int argc, char** argv) try {
  CLI::App app("HalfCheetah-v4 by planning on its true dynamics");
  int steps = 1000;
  std::uint64_t seed = 1;
  mbrl::PlannerSettings settings;
  settings.name = "icem";
  app.add_option("steps", steps, "Steps of the episode")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("seed", seed, "Start state and random numbers")->capture_default_str();
  app.add_option("planner", settings.name, "icem, or cem with equally many rollouts")
      ->check(CLI::IsMember({"icem", "cem"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  using Env = mbrl::mujoco::HalfCheetah;
  const auto make = [] { return Env(mbrl::mujoco::HalfCheetahTask("HalfCheetah-v4")); };

  mbrl::ThreadPool pool;  // all cores
  mbrl::SimulatorRollout<Env> rollout(make, {.horizon = 30}, pool);
  settings.icem = {.population = 40,
                   .elites = 10,
                   .iterations = 3,
                   .alpha = 0.1,
                   .initial_std = 0.5,
                   .decay = 1.25,
                   .noise_beta = 0.25,
                   .execute = mbrl::Execute::kBest};
  settings.cem = {.population = 36, .elites = 10, .iterations = 3};
  const mbrl::ActionBounds bounds = mbrl::ActionBounds::uniform(6, -1.0, 1.0);
  mbrl::Mpc mpc(mbrl::make_planner(rollout, bounds, settings, seed));

  Env env = make();
  env.reset(seed);
  double total = 0.0;
  const auto start = std::chrono::steady_clock::now();
  for (int t = 1; t <= steps; ++t) {
    total += env.step(mpc.act(env.state())).reward;
    if (t % 50 != 0 && t != steps) continue;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("step %4d  return %7.1f  %5.1f s  %lld rollouts a step\n", t, total, seconds,
                static_cast<long long>(mpc.last_plan().report.rollouts));
    std::fflush(stdout);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
