// PETS over the models of model_kinds.hpp: everything of it but the ensemble of networks.
#pragma once

#include <string>

#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/algorithms/registry.hpp"

namespace mbrl {

/// Throws where the model's name is none, the environment leaves to be learned what only the ensemble learns, or a
/// setting that this model does not read is another one than every preset of the environment has.
void check_pets_model(const PetsConfiguration& c, const EnvSpec& spec);

/// For a model that is not the ensemble.
AnyAlgorithm make_pets_over_model(const PetsConfiguration& c, const AlgorithmContext& context);
AnyActor load_pets_over_model(const PetsConfiguration& c, const AlgorithmContext& context,
                              const StateDict& in, const std::string& prefix);

}  // namespace mbrl
