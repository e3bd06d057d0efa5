// What every trainer of an MlpEnsemble shares: settings and the preparation of data (encoding,
// targets, standardisation, holdout, bootstrap, batch order, elites, the range of the data), so that trainers
// differ in arithmetic only and can be compared step by step.
#pragma once

#include <cstdint>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl {

struct EnsembleTrainingSettings {
  int epochs = 5;               // passes over each member's sample
  int batch_size = 32;          // rows a step, for each member; the last batch of an epoch may be smaller
  float learning_rate = 1e-3f;  // Adam
  // Per layer lambda, adding lambda/2 |W|^2 to the loss of each member (biases are not decayed); the last
  // entry serves any further layer. Empty: none.
  std::vector<float> weight_decay = {2.5e-5f, 5e-5f, 7.5e-5f, 7.5e-5f, 1e-4f};
  float logvar_bound_weight = 0.01f;  // pulls the log-variance bounds together: weight * (sum max - sum min)
  // Weighs every number's likelihood by its predicted variance to this power (beta-NLL: Seitzer, Tavakoli, Antic, Martius,
  // "On the pitfalls of heteroscedastic uncertainty estimation with probabilistic neural networks", ICLR 2022). With the
  // plain likelihood, 0, a network that calls rare events noise stops learning them; 1 fits means as squared errors do.
  float nll_beta = 0.0f;
  // Fit the targets in units of their own standard deviation, so that learning does not depend on the units
  // of observations and reward; false: in their own units, as Chua et al. do.
  bool standardise_targets = true;
  bool bootstrap = true;       // each member trains on its own sample with replacement
  double holdout_ratio = 0.0;  // share of rows kept aside for choosing elites and stopping early
  int max_holdout = 5000;      // rows held out at most
  int patience = 0;            // epochs without improvement before stopping; 0: run all epochs
  double improvement = 0.01;   // relative improvement of the holdout loss that counts
  int elites = 0;              // best members on the holdout used for prediction; 0: all

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("epochs", s.epochs, "passes over each member's sample");
    field("batch_size", s.batch_size, "rows a step, for each member");
    field("learning_rate", s.learning_rate, "Adam's step size");
    field("weight_decay", s.weight_decay, "L2 weight of each layer; the last entry serves further layers");
    field("logvar_bound_weight", s.logvar_bound_weight, "pulls the log-variance bounds together");
    field("nll_beta", s.nll_beta,
          "weighs likelihoods by their variance to this power: 0 none, 0.5 learns rare events, 1 as squared "
          "errors");
    field("standardise_targets", s.standardise_targets,
          "fit targets in units of their standard deviation; false: in their own, as published");
    field("bootstrap", s.bootstrap, "each member trains on its own sample with replacement");
    field("holdout_ratio", s.holdout_ratio, "share of rows kept aside for elites and early stopping");
    field("max_holdout", s.max_holdout, "rows held out at most");
    field("patience", s.patience, "epochs without improvement before stopping; 0 runs all epochs");
    field("improvement", s.improvement, "relative improvement of the holdout loss that counts");
    field("elites", s.elites, "best members on the holdout used for prediction; 0 means all");
  }

  /// Lambda of a layer.
  float layer_decay(int layer) const {
    if (weight_decay.empty()) return 0.0f;
    const auto i = static_cast<std::size_t>(layer);
    return i < weight_decay.size() ? weight_decay[i] : weight_decay.back();
  }

  /// Throws unless every number makes sense, also for an ensemble of `members` networks.
  void validate(int members) const;
};

/// One training round's rows and their order, a function of (seed, round) alone.
struct PreparedTraining {
  Batchf inputs;                                    // input_dim x n, standardised, training rows
  Batchf targets;                                   // target_dim x n, standardised
  Batchf holdout_inputs, holdout_targets;           // may have no columns
  std::vector<std::vector<std::uint32_t>> samples;  // [member]: n row indices (bootstrap, or 0..n-1)
  std::uint64_t seed = 0;
  std::uint32_t round = 0;

  int rows() const { return static_cast<int>(inputs.cols()); }
  /// Row indices of one member's epoch in training order.
  std::vector<std::uint32_t> epoch_order(int member, int epoch) const;
};

/// Throws unless the data fit the model and hold finite numbers only.
void check_transitions(const TransitionBatch& data, const MlpEnsemble& model);

/// What the networks see: encoded observations and actions, standardised by the model's vectors; input_dim x
/// batch.
Batchf standardised_inputs(const MlpEnsemble& model, ConstBatchRef<float> obs, ConstBatchRef<float> action);
/// What the model should predict, in the targets' own units; target_dim x batch. `reward` and
/// `terminated` are read only if the model learns them.
Batchf regression_targets(const MlpEnsemble& model, const TransitionBatch& data);

/// Whether numbers with this mean and standard deviation vary by more than the rounding of floats. What does
/// not is left unscaled by standardisation, and left out of model diagnostics.
bool varies(double mean, double std_dev);

/// Fits model.input_mean/std and target_mean/std (over the rows trained on) and model.obs_low/high (over all
/// rows, obs and next_obs) to the data, encodes, splits and samples. Throws before the model is touched.
///
/// An input that does not vary gets std 1. The std of a change is at least 1e-4 of its observation entry's: so
/// an entry that never moved in the data is predicted to stay, with next to no noise, even where it differs
/// from episode to episode.
PreparedTraining prepare_training(const TransitionBatch& data, const EnsembleTrainingSettings& settings,
                                  std::uint64_t seed, std::uint32_t round, MlpEnsemble& model);

/// The first of that alone, with standardised targets: scales and range, of all rows.
void fit_scaling(const TransitionBatch& data, MlpEnsemble& model);

/// Follows the members' holdout losses: which of them improved, and whether none has for `patience` epochs
/// (Janner et al. 2019, appendix C).
class EarlyStopping {
 public:
  EarlyStopping(int members, const EnsembleTrainingSettings& settings);

  /// One entry a member: 1 where the loss fell by the relative improvement asked for (always after the first
  /// epoch).
  const std::vector<char>& update(const std::vector<double>& holdout_loss);
  bool stop() const { return patience_ > 0 && idle_ >= patience_; }
  const std::vector<double>& best() const { return best_; }

 private:
  int patience_;
  double improvement_;
  int idle_ = 0;
  std::vector<double> best_;
  std::vector<char> improved_;
};

/// The members used for prediction, best on the holdout first; all of them in order without a holdout.
std::vector<int> choose_elites(const std::vector<double>& holdout_loss,
                               const EnsembleTrainingSettings& settings, int members);

template <class T>
concept EnsembleTrainer = ModelTrainer<T, MlpEnsemble>;

}  // namespace mbrl
