// Learns Gaussian processes from transitions: their hyperparameters by the evidence, then the data themselves.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/math/lbfgs.hpp"
#include "mbrl/models/gp/gp_model.hpp"
#include "mbrl/models/model_trainer.hpp"

namespace mbrl {

/// What is done with more rows than a process can be conditioned on.
enum class ManyPoints : int { kSubset = 0, kFitc = 1, kVfe = 2 };

constexpr auto enum_names(ManyPoints) {
  return std::array{std::pair{ManyPoints::kSubset, "subset"}, std::pair{ManyPoints::kFitc, "fitc"},
                    std::pair{ManyPoints::kVfe, "vfe"}};
}

struct GpSettings {
  int max_points = 500;  // conditioned on exactly
  // Of more: a random subset, or all through inducing inputs (sparse_gp.hpp).
  ManyPoints more = ManyPoints::kSubset;
  int inducing = 100;  // how many
  int restarts = 1;    // starts of the search beside the first
  bool priors = true;  // on lengthscales and signals; the wall against small noise stays
  double max_signal_to_noise = 1000.0;
  double noise = 0.0;  // fixed standard deviation, in root mean squares of the target; 0: learned
  LbfgsSettings search{.iterations = 60, .gradient_tolerance = 1e-4};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("max_points", s.max_points, "rows conditioned on exactly");
    field("more", s.more,
          "of more rows: subset (a random one), or all through inducing inputs by fitc or vfe");
    field("inducing", s.inducing, "inducing inputs of fitc and vfe");
    field("restarts", s.restarts, "starts of the search for hyperparameters beside the first");
    field("priors", s.priors, "Gamma priors on lengthscales and signals");
    field("max_signal_to_noise", s.max_signal_to_noise,
          "wall against a noise smaller than the signal by more than this factor; 0: none");
    field("noise", s.noise, "fixed standard deviation, in root mean squares of the target; 0: learned");
    field("search", s.search, "the search for hyperparameters, L-BFGS");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const char* who) const;
};

/// How the search for one entry's hyperparameters ended: its best start.
struct GpFit {
  LbfgsStatus status = LbfgsStatus::kConverged;
  double log_evidence = 0.0;            // inputs in standard deviations, targets in root mean squares
  int iterations = 0, evaluations = 0;  // of all starts
  double jitter = 0.0;                  // of the posterior, in signal^2; see GpPosterior
};

/// For each entry the maximum of log evidence + log prior by L-BFGS, where inputs are in units of their standard deviation
/// and targets of their root mean square (their prior mean is 0). The search starts at lengthscales and signal of 1 and a
/// noise of 0.1, or from what the model has learned before; restarts draw theirs. A target that is always 0 needs no
/// search. Inducing inputs are the centres of clusters, the same for all entries.
///
/// A ModelTrainer of GpModel, for at least two rows. The same numbers for any number of threads. The report has one epoch,
/// the steps of all searches, and as its loss the negative log evidence a row, mean over entries.
class GpTrainer {
 public:
  /// Throws for settings that make no sense. The pool must outlive the trainer.
  GpTrainer(const GpSettings& settings, ThreadPool& pool, std::uint64_t seed);

  TrainingReport train(const TransitionBatch& data, GpModel& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

  /// Of the last training, an entry each.
  const std::vector<GpFit>& fits() const { return fits_; }

 private:
  GpSettings settings_;
  ThreadPool* pool_;
  std::uint64_t seed_;
  std::vector<GpFit> fits_;
};

static_assert(ModelTrainer<GpTrainer, GpModel>);

}  // namespace mbrl
