// Training of a deterministic ensemble by its error several steps ahead, over more and more of them: Oh, Guo, Lee, Lewis,
// Singh, NIPS 2015, section 3.2 (the curriculum). The loss and its gradient are those of Unroll.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/unroll.hpp"
#include "mbrl/nn/adam.hpp"

namespace mbrl {

struct MultiStepSettings {
  std::vector<int> curriculum = {1, 2, 3, 5};  // steps of the unroll; each for an equal share of the updates
  int updates = 2000;                          // of each network, in one training
  int batch_size = 128;                        // windows of each update
  MultiStepLoss loss = MultiStepLoss::kSquared;
  nn::AdamSettings adam{.learning_rate = 1e-3};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("curriculum", s.curriculum, "steps of the unroll, each for an equal share of the updates");
    field("updates", s.updates, "of each network, in one training");
    field("batch_size", s.batch_size, "windows of each update");
    field("loss", s.loss, "squared: of states; norm: of changes, not squared");
    field("adam", s.adam, "the networks' optimiser");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// Every update draws windows of one episode, with replacement and for each network its own. Numbers are functions of
/// (seed, number of the update, network, data) and do not depend on the number of threads. The pool must outlive it.
class MultiStepTrainer {
 public:
  /// Throws mbrl::Error for settings that make no sense and for a Gaussian model.
  MultiStepTrainer(const MlpEnsemble& shape, const MultiStepSettings& settings, ThreadPool& pool,
                   std::uint64_t seed);

  /// Scales the model to the data (fit_scaling) and goes on from what it has learned before. `on_stage` is called after
  /// each stage of the curriculum with (stage, stages, mean loss) and may end the training. The report's losses are those
  /// of the last stage, its epochs the stages. Throws mbrl::Error where no episode is as long as the longest unroll, and
  /// for a loss that is not finite.
  TrainingReport train(const TransitionBuffer& data, MlpEnsemble& model, const EpochCallback& on_stage = {});

  void save(StateDict& out, const std::string& prefix) const;  // the optimisers
  void load(const StateDict& in, const std::string& prefix);

 private:
  // Those of the windows of one update that one thread takes.
  struct Part {
    std::size_t member = 0;
    Index first = 0, count = 0;
    Unroll unroll;
    double loss = 0;
  };
  void update(const TransitionBuffer& data, const std::vector<std::uint32_t>& starts, int steps,
              const MlpEnsemble& model, std::vector<nn::Network>& networks, std::vector<double>& losses);

  MultiStepSettings settings_;
  ThreadPool& pool_;
  std::uint64_t seed_;
  std::vector<nn::Adam> adam_;
  std::vector<Part> parts_;  // member by member
};

}  // namespace mbrl
