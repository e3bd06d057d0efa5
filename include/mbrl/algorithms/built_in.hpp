// The algorithms that come with the library.
#pragma once

#include "mbrl/algorithms/ensemble_backend.hpp"
#include "mbrl/algorithms/registry.hpp"

namespace mbrl {

/// `backend` serves settings that name LibTorch.
void register_built_in_algorithms(AlgorithmRegistry& registry, const EnsembleBackendSource& backend = {});

}  // namespace mbrl
