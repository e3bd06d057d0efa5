// Grows a forest of regression trees on transitions.
#pragma once

#include <cstdint>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/forest/forest_model.hpp"
#include "mbrl/models/model_trainer.hpp"

namespace mbrl {

struct ForestSettings {
  int trees = 20;              // members
  int min_leaf = 3;            // rows a leaf is left with at least
  int max_depth = 0;           // splits from the root to a leaf at most; 0: any number
  double feature_share = 1.0;  // of the features tried at every split, drawn anew
  bool bootstrap = true;       // every tree is grown on its own sample with replacement

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("trees", s.trees, "members");
    field("min_leaf", s.min_leaf, "rows a leaf is left with at least");
    field("max_depth", s.max_depth, "splits from the root to a leaf at most; 0: any number");
    field("feature_share", s.feature_share, "share of the features tried at every split, drawn anew");
    field("bootstrap", s.bootstrap, "every tree is grown on its own sample with replacement");
  }
};

/// CART (Breiman, Friedman, Olshen, Stone 1984): a node is split where that lowers the squared error most,
/// summed over the entries in units of their standard deviations, halfway between two neighbouring values of
/// a feature. Bagged (Breiman 1996), with feature_share < 1 a random forest (Breiman 2001). One tree serves
/// all entries of the observation, so that a member's prediction is of one piece.
///
/// A ModelTrainer of ForestModel. A round begins anew: trees cannot go on growing. The same trees for any
/// number of threads. The report's losses, one a tree, are in variances of the targets: on the rows grown on,
/// and on those left out of its sample (none without bootstrap; NaN where a tree has seen all).
class ForestTrainer {
 public:
  /// Throws for settings that make no sense. The pool must outlive the trainer.
  ForestTrainer(const ForestSettings& settings, ThreadPool& pool, std::uint64_t seed);

  TrainingReport train(const TransitionBatch& data, ForestModel& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

 private:
  ForestSettings settings_;
  ThreadPool* pool_;
  std::uint64_t seed_;
};

static_assert(ModelTrainer<ForestTrainer, ForestModel>);

}  // namespace mbrl
