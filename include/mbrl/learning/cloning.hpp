// A policy fitted to what an expert would do: behaviour cloning (Pomerleau, "ALVINN", NIPS 1988), the inner step of
// DAgger, and the supervised step of guided policy search, in which the expert's Gaussian weighs its actions (Levine
// and Koltun, "Guided policy search", ICML 2013; Levine and Abbeel, NIPS 2014, section 4).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// States and what an expert would do there, one a column.
struct Demonstrations {
  Batchf obs, action;  // obs_dim x n, action_dim x n
  Batchf deviation;  // standard deviations of the expert's Gaussian, action_dim x n; no columns: it has none
  Batchf precision{};  // inverse covariances of it, action_dim^2 x n, each column by column; no columns: none
  Batchf values{};     // what it takes each choice to be worth, choices x n; no columns: it does not say

  Index size() const { return obs.cols(); }
  /// Throws mbrl::Error where only one of the two has deviations, precisions or values, and neither is empty.
  void append(const Demonstrations& more);
  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error for arrays whose columns do not go together.
  void load(const StateDict& in, const std::string& prefix);
};

/// With y = tanh(m) the policy's action, y* the expert's, both in half action ranges from mid-range, a dimension:
enum class CloningLoss : int {
  kMean = 0,  // (y - y*)^2 / 2
  kKl =
      1,  // KL(N(y, s^2) || N(y*, c)) = (s^2 / c - log(s^2 / c) - 1 + (y - y*)^2 / c) / 2: precision-weighted
  // regression; c is the expert's variance plus min_std^2, s = (1 - y^2) e^(v/2) the policy's deviation
  kPrecision =
      2,  // (y - y*)'P (y - y*) / 2 of all dimensions together, P the precision given, over the mean of all
  // diagonals: what is left of the divergence where the policy's Gaussian is not fitted with it
  kValues =
      3  // of choices: sum_a (f(obs)_a - Q_a)^2 / 2, f the logits and Q the expert's values, standardised
};

constexpr auto enum_names(CloningLoss) {
  return std::array{std::pair{CloningLoss::kMean, "mean"}, std::pair{CloningLoss::kKl, "kl"},
                    std::pair{CloningLoss::kPrecision, "precision"},
                    std::pair{CloningLoss::kValues, "values"}};
}

struct CloningSettings {
  nn::NetworkSettings policy = {.hidden = {64, 64}, .activation = Activation::kTanh};  // its layers
  CloningLoss loss = CloningLoss::kMean;  // of real actions; of choices: cross-entropy
  double min_std = 0.1;                   // see CloningLoss, in half action ranges
  nn::AdamSettings adam = {.learning_rate = 1e-3};
  int batch_size = 64;
  int epochs = 200;         // at most
  int patience = 20;        // epochs without a better validation loss that end a fit
  double validation = 0.1;  // share of the states held out for that; 0: the training loss decides

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's layers");
    field("loss", s.loss,
          "mean: squared distance, of choices cross-entropy; kl: KL divergence to the expert's Gaussian, "
          "where it has one; precision: distance in its precision, where it has one (guided policy search); "
          "values: squared distance to what it takes each choice to be worth, where it says so");
    field("min_std", s.min_std, "kl: added to the expert's deviation (as variances), in half action ranges");
    field("adam", s.adam, "steps of the fit");
    field("batch_size", s.batch_size, "states of a step");
    field("epochs", s.epochs, "passes over the data at most");
    field("patience", s.patience, "epochs without a better validation loss that end a fit");
    field("validation", s.validation, "share of the states held out; 0: the training loss decides");
  }

  /// Throws mbrl::Error for settings that make no sense.
  void validate() const;
};

struct CloningReport {
  int epochs = 0;
  double train_loss = 0;       // mean over the last epoch
  double validation_loss = 0;  // of the policy that was kept
  bool stopped = false;        // by the caller: the policy is not to be used
};

/// Untrained; `round` fixes its weights together with the seed. The Gaussian of a `mean` fit is none: its policy is
/// deterministic.
MlpPolicy new_cloned_policy(int obs_dim, const ActionBounds& bounds, const CloningSettings& settings,
                            std::uint64_t seed, std::uint32_t round);

/// Fits the policy by Adam on minibatches of normalised observations and keeps the parameters of the best epoch; it then
/// takes observations as they are. Every number is a function of the data, seed and round. `stop` is asked after every
/// epoch and may be empty. Throws mbrl::Error for no data, data that do not fit the policy or are not finite, a `kl`
/// without deviations, a `precision` without precisions, `values` without values, and a loss that is not finite.
/// `warm`: the policy has been fitted before, and this goes on from its parameters.
CloningReport clone(const Demonstrations& data, const CloningSettings& settings, std::uint64_t seed,
                    std::uint32_t round, MlpPolicy& policy, const std::function<bool()>& stop = {},
                    bool warm = false);
CloningReport clone(const Demonstrations& data, const CloningSettings& settings, std::uint64_t seed,
                    std::uint32_t round, CategoricalPolicy& policy, const std::function<bool()>& stop = {});

}  // namespace mbrl
