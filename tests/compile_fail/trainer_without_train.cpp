// A trainer of ensembles that forgets train().
// expect: EnsembleTrainer
// expect: trainer.train(data, model, round, on_epoch)
#include <cstdint>

#include "mbrl/models/neural/ensemble_training.hpp"

struct Trainer {
#ifndef MBRL_BREAK
  mbrl::EnsembleTrainingReport train(const mbrl::TransitionBatch&, mbrl::MlpEnsemble&, std::uint32_t,
                                     const mbrl::EpochCallback&) {
    return {};
  }
#endif
};

static_assert(mbrl::EnsembleTrainer<Trainer>);
