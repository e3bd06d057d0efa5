// Trains a DifferentiableEnsemble by the networks' passes and AdamW (Loshchilov and Hutter, ICLR 2019), with an early
// stop by a test of whether a held-out score has become better, as DHMBPO does (TMLR 2025).
#pragma once

#include <cstdint>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/differentiable_ensemble.hpp"

namespace mbrl {

struct DifferentiableTrainingSettings {
  int epochs = 30;              // at most
  int first_epochs = 100;       // of the first training, round 0
  int patience = 5;             // epochs that do not look better than the best before it stops
  int batches = 20;             // of an epoch, for each member
  int batch_size = 256;         // rows of each
  double learning_rate = 1e-3;  // AdamW's, whose moments begin anew with every training
  double first_decay = 2.5e-4,
         last_decay = 1e-3;    // weight decay of the first and the last layer; between them in equal steps
  double holdout_ratio = 0.2;  // share of rows kept aside, for good
  int max_holdout = 2048;      // of these, how many a score is the mean of
  double improvement = 0.1;    // a score is better where the chance of it being luck is below this
  bool bootstrap = true;       // each member weighs each row by an exponential number of its own

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("epochs", s.epochs, "epochs at most");
    field("first_epochs", s.first_epochs, "epochs of the first training at most");
    field("patience", s.patience, "epochs without a better held-out score before it stops");
    field("batches", s.batches, "batches of an epoch, for each member");
    field("batch_size", s.batch_size, "rows of a batch");
    field("learning_rate", s.learning_rate, "AdamW's step size");
    field("first_decay", s.first_decay, "weight decay of the first layer");
    field("last_decay", s.last_decay, "weight decay of the last layer; between them in equal steps");
    field("holdout_ratio", s.holdout_ratio, "share of rows kept aside");
    field("max_holdout", s.max_holdout, "rows kept aside that a score is the mean of, at most");
    field("improvement", s.improvement,
          "networks are kept where the chance of their better score being luck is below this");
    field("bootstrap", s.bootstrap, "each member weighs each row by an exponential number of its own");
  }

  int epochs_of(std::uint32_t round) const { return round == 0 ? first_epochs : epochs; }
  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const char* who) const;
};

/// A ModelTrainer, without a state: it continues from the model's weights. Each member minimises its own
///   mean_j w_j sum_d (f_d(x_j) - y_jd)^2 / (2 s_d^2) + log s_d
/// over batches drawn with replacement; the score of a held-out row is the same of a Gaussian with the members' mean,
/// and for variance theirs and that between them (up to a constant). What is kept are the weights of the best score.
/// Members are shared out over the threads; numbers are functions of (seed, round, data).
class DifferentiableTrainer {
 public:
  /// The pool must outlive it. Throws mbrl::Error for settings that make no sense.
  DifferentiableTrainer(const DifferentiableTrainingSettings& settings, ThreadPool& pool, std::uint64_t seed);

  TrainingReport train(const TransitionBatch& data, DifferentiableEnsemble& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

 private:
  DifferentiableTrainingSettings settings_;
  ThreadPool* pool_;
  std::uint64_t seed_;
};

}  // namespace mbrl
