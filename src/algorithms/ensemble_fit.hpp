// An ensemble fitted within a run: epochs are told to the observer, a training that is stopped is undone.
#pragma once

#include <cstdint>
#include <optional>

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

// Nothing where the observer stopped it: model and trainer are then as before, and a safe point was given, so that the
// steps before can be kept. `round` counts the trainings; `metrics_round` and `steps` are what progress shows.
struct EnsembleFit {
  double loss = 0;  // mean over the networks, of rows kept aside where there are any
  int epochs = 0;
};
std::optional<EnsembleFit> fit_ensemble(const TransitionBatch& data, MlpEnsemble& model,
                                        NativeTrainer& trainer, std::uint32_t round, int metrics_round,
                                        std::int64_t steps, RunObserver& observer);

}  // namespace mbrl
