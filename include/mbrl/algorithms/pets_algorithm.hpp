// PETS as the registry has it: environment, ensemble, trainer, evaluator, planner and loop put together from
// a configuration.
#pragma once

#include "mbrl/algorithms/ensemble_backend.hpp"
#include "mbrl/algorithms/registry.hpp"

namespace mbrl {

/// Registers it as "pets". `backend` serves its settings trainer and evaluator where they name LibTorch.
void register_pets(AlgorithmRegistry& registry, EnsembleBackendSource backend = {});

}  // namespace mbrl
