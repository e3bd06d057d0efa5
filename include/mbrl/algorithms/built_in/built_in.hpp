// The algorithms that come with the library.
#pragma once

#include "mbrl/algorithms/imitation/expert.hpp"
#include "mbrl/algorithms/planning/ensemble_backend.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/planning/registry/own_planners.hpp"

namespace mbrl {

/// `backend` serves settings that name LibTorch; `planners` can be named beside the library's; `experts` are
/// whom imitators can ask besides planners that sample.
void register_built_in_algorithms(AlgorithmRegistry& registry, const EnsembleBackendSource& backend = {},
                                  const OwnPlanners& planners = {}, const ExpertSource& experts = {});

}  // namespace mbrl
