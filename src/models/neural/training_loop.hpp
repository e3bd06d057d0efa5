// The epochs of a training round: what happens between them does not depend on who does the arithmetic.
#pragma once

#include <cmath>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl::training {

// Of the gradient of a learned termination. The layers below are shared with dynamics whose gradients grow with their
// precision: beside nearly exact ones ends stay unseen with 1, and with 300 the dynamics suffer.
inline constexpr double kTerminationWeight = 100.0;

// `Arithmetic` offers
//   std::vector<double> run_epoch(int epoch)           trains; mean loss of each member over the epoch
//   std::vector<double> holdout_loss()                 mean squared error of each member on the holdout
//   void keep(const std::vector<char>& improved)       remembers the parameters of members marked
//   void restore()                                     puts the remembered parameters back
// Fills all of the report but `steps`, and the model's elites.
template <class Arithmetic>
TrainingReport run_epochs(const EnsembleTrainingSettings& settings, const PreparedTraining& prepared,
                          MlpEnsemble& model, const EpochCallback& on_epoch, Arithmetic& arithmetic) {
  TrainingReport report;
  const int members = static_cast<int>(model.members.size());
  const bool holdout = prepared.holdout_inputs.cols() > 0, keep_best = holdout && settings.patience > 0;
  EarlyStopping stopping(members, settings);
  for (int epoch = 0; epoch < settings.epochs; ++epoch) {
    report.train_loss = arithmetic.run_epoch(epoch);
    ++report.epochs;
    double mean = 0.0;
    for (std::size_t i = 0; i < report.train_loss.size(); ++i) {
      const double loss = report.train_loss[i];
      require(std::isfinite(loss), "training: the loss of member ", i, " is ", loss, " in epoch ", epoch,
              ", expected a finite number (try a smaller learning_rate)");
      mean += loss / members;
    }
    if (keep_best) arithmetic.keep(stopping.update(arithmetic.holdout_loss()));
    if (on_epoch && !on_epoch(epoch, settings.epochs, mean)) break;
    if (stopping.stop()) break;
  }
  if (keep_best) arithmetic.restore();
  if (holdout) report.holdout_loss = arithmetic.holdout_loss();
  model.elites = choose_elites(report.holdout_loss, settings, members);
  return report;
}

}  // namespace mbrl::training
