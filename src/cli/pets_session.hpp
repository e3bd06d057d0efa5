// A PETS run put together from its configuration: environment, ensemble, trainer, evaluator, planner, loop.
#pragma once

#include <memory>
#include <string>

#include "any_evaluator.hpp"
#include "any_trainer.hpp"
#include "environments.hpp"
#include "mbrl/algorithms/pets.hpp"
#include "mbrl/algorithms/pets_configuration.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl::cli {

// The ensemble's settings for an environment: its reward is learned where none is given.
MlpEnsembleSettings model_settings(const PetsConfiguration& configuration, const EnvSpec& spec);

// By the configuration's `trainer` and `evaluator`: native, torch-cpu, torch-cuda or torch-cuda:<index>.
// Throw with the remedy where LibTorch, a GPU, or the environment's reward on tensors is missing.
AnyTrainer make_trainer(const PetsConfiguration& configuration, ThreadPool& pool);
AnyEvaluator make_evaluator(const PetsConfiguration& configuration, const MlpEnsemble& model,
                            const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed);

// Our own evaluator, whose particles' paths can be asked for.
EnsembleRollout native_evaluator(const PetsConfiguration& configuration, const MlpEnsemble& model,
                                 const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed);

AnyPlanner<Vecf, float> make_run_planner(AnyEvaluator& evaluator, const EnvSpec& spec,
                                         const PlannerSettings& settings, std::uint64_t seed);

// --device: "cpu" chooses our own trainer and evaluator, "cuda" (or "cuda:<index>") LibTorch's on a GPU,
// "auto" the GPU if there is one; empty leaves the configuration's choice. The evaluator stays on the CPU
// where the environment has no reward on tensors, and that is logged. Throws on another word, and where there
// is no GPU for "cuda".
void choose_device(PetsConfiguration& configuration, const std::string& device, const EnvSpec& spec);

struct PetsSession {
  PetsSession(const PetsConfiguration& configuration, int threads);

  using Planner = AnyPlanner<Vecf, float>;
  ThreadPool pool;
  AnyEnvironment env;
  MlpEnsemble model;
  AnyTrainer trainer;
  AnyEvaluator evaluator;
  Mpc<Planner> controller;
  Pets<AnyEnvironment, AnyTrainer, AnyEvaluator, Planner> pets;
};

}  // namespace mbrl::cli
