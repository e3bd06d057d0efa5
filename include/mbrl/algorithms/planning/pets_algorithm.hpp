// PETS as the registry has it: environment, ensemble, trainer, evaluator, planner and loop put together from
// a configuration.
#pragma once

#include "mbrl/algorithms/planning/ensemble_backend.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/planning/registry/own_planners.hpp"

namespace mbrl {

/// Registers it as "pets". `backend` serves its settings trainer and evaluator where they name LibTorch;
/// planner.name may be one of `planners`.
void register_pets(AlgorithmRegistry& registry, const EnsembleBackendSource& backend = {},
                   const OwnPlanners& planners = {});

}  // namespace mbrl
