// PETS on HalfCheetah, put together by hand: what each part is, and where you would put your own.
//
//   ./pets_half_cheetah [trials]
//
// `mbrl train pets` does the same with progress, checkpoints and pictures.
#include <cstdio>
#include <cstdlib>

#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/mujoco/tasks/pets_half_cheetah.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

// What we want to hear of the loop; the other members of an observer have defaults.
struct Printer : mbrl::RunObserver {
  void on_round(const mbrl::MetricTable& m, const mbrl::RoundReport&) override {
    std::printf("trial %2.0f  return %8.1f  best %8.1f  model error %.3f  %.1f steps/s\n", m.last("trial"),
                m.last("return"), m.last("best_return"), m.last("model_rmse"), m.last("steps_per_s"));
  }
};

int main(int argc, char** argv) {
  const std::uint64_t seed = 1;
  mbrl::ThreadPool pool;

  // The world: 18 observations, 6 torques, 1000 steps of 0.05 s.
  mbrl::mujoco::PetsHalfCheetah env;
  const mbrl::EnvSpec& spec = env.spec();

  // The model: 5 probabilistic networks of 4 x 200 units, and how they learn.
  auto model = mbrl::MlpEnsemble::create({.members = 5}, spec.encoding, spec.action_dim(), seed);
  mbrl::NativeTrainer trainer({.epochs = 30}, pool, seed);

  // What the planner sees: returns of action sequences, averaged over 5 particles, each following one
  // network.
  mbrl::EnsembleRollout rollouts(model, spec.reward, spec.termination, {.horizon = 30, .particles = 5}, pool,
                                 seed);

  // The planner, and the loop that executes the first action of each plan.
  using Planner = mbrl::ICem<mbrl::EnsembleRollout>;
  mbrl::Mpc controller(Planner(rollouts, {spec.action_low, spec.action_high}, {}, seed));

  // Learn, act, repeat.
  const int trials = argc > 1 ? std::atoi(argv[1]) : 20;
  mbrl::Pets pets(env, model, trainer, rollouts, controller, pool, {.trials = trials}, seed);
  Printer printer;
  pets.run(printer);
}
