// A few latent numbers behind observations of many: the Gaussian process latent variable model (Lawrence, NIPS 2004), and
// with dynamics among the latent numbers the Gaussian process dynamical model (Wang, Fleet and Hertzmann, NIPS 2006).
#pragma once

#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/lbfgs.hpp"
#include "mbrl/models/gp/gaussian_process.hpp"

namespace mbrl {

struct LatentSettings {
  int latent_dim = 2;     // q
  bool dynamics = false;  // the columns are sequences in time: GPDM; false: GPLVM
  LbfgsSettings search{.iterations = 300, .gradient_tolerance = 1e-5};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("latent_dim", s.latent_dim, "numbers behind each observation");
    field("dynamics", s.dynamics, "the observations are sequences in time, and so are the latent numbers");
    field("search", s.search, "the search for latent numbers and hyperparameters, L-BFGS");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const char* who) const;
};

/// Observations y_i (p numbers, in units of their joint root mean square about their mean) are p independent processes of
/// the latent x_i. The latent numbers themselves are found, with the hyperparameters, as the maximum of
///   sum_j log N(y_j | 0, K_X + noise2 I) + log p(X) + log priors of the hyperparameters
/// by L-BFGS from the principal components. p(X) is N(0, I) for each x_i, or with dynamics: x_1 ~ N(0, I) of every
/// sequence, and the changes x_t - x_t-1 are q processes of x_t-1. Nothing is drawn: the same data give the same model.
class LatentModel {
 public:
  /// observations: p x n, one column a time; lengths: of the sequences, one after the other (empty: all are one). Throws
  /// for fewer than 3 observations or no more than latent_dim, for numbers that are not finite, observations that are all
  /// the same, and lengths that do not add up to n or are below 2.
  LatentModel(ConstBatchRef<double> observations, const LatentSettings& settings,
              const std::vector<int>& lengths = {});
  /// The model that was saved, which computes the same numbers. Throws for anything else.
  LatentModel(const StateDict& in, const std::string& prefix);
  void save(StateDict& out, const std::string& prefix) const;

  int latent_dim() const { return static_cast<int>(latent_.rows()); }
  int obs_dim() const { return static_cast<int>(centre_.size()); }
  /// q x n
  const Batchd& latent() const { return latent_; }
  /// Of observations in the units above, and of the latent changes (no lengthscales without dynamics).
  const GpHyperparameters& mapping() const { return mapping_; }
  const GpHyperparameters& dynamics() const { return dynamics_; }
  LbfgsStatus status() const { return status_; }
  /// Negative log posterior, up to a constant, where the search began and ended.
  double first_loss() const { return first_loss_; }
  double loss() const { return loss_; }

  /// Observations of latent points (q x k): their mean (p x k), and the variance (k, the same for every entry, noise included).
  void decode(ConstBatchRef<double> latent, Batchd& mean, Vecd& variance) const;
  /// The latent points (q x k) a step later: mean (q x k) and variance (k, the same for every entry, noise included). Throws
  /// without dynamics.
  void step(ConstBatchRef<double> latent, Batchd& mean, Vecd& variance) const;

 private:
  // Processes with one covariance.
  struct Processes {
    Batchd inputs;   // q x n
    Batchd weights;  // outputs x n: Y (K + noise2 I)^-1
    GpPosterior posterior;

    Processes() = default;
    Processes(Batchd inputs, const Batchd& outputs, const GpHyperparameters& h);
    Processes(const StateDict& in, const std::string& prefix, const GpHyperparameters& h);
    void save(StateDict& out, const std::string& prefix) const;
    void predict(ConstBatchRef<double> at, Batchd& mean, Vecd& variance) const;
  };

  Batchd latent_;
  GpHyperparameters mapping_, dynamics_;
  LbfgsStatus status_ = LbfgsStatus::kConverged;
  double first_loss_ = 0.0, loss_ = 0.0;
  Vecd centre_;         // of the observations
  double scale_ = 1.0;  // their root mean square about it
  Processes of_observations_, of_changes_;
};

}  // namespace mbrl
