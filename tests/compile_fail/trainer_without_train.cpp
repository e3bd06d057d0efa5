// A trainer of a model that forgets train().
// expect: ModelTrainer
// expect: trainer.train(data, model, round, on_epoch)
#include <cstdint>

#include "mbrl/models/model_trainer.hpp"

struct Model {};

struct Trainer {
#ifndef MBRL_BREAK
  mbrl::TrainingReport train(const mbrl::TransitionBatch&, Model&, std::uint32_t,
                             const mbrl::EpochCallback&) {
    return {};
  }
#endif
};

static_assert(mbrl::ModelTrainer<Trainer, Model>);
