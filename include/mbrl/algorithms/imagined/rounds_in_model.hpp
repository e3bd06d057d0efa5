// What algorithms share that improve a policy in a learned model, in rounds: real episodes, a model fitted to all of them,
// and a policy improved by what the model imagines.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

/// The loop, real episodes and the model: what acts, what fits the model and what improves the policy, and in which turns,
/// is the derived class's. A saved run continues exactly.
class RoundsInModel : public DataOwner {
 public:
  bool run(RunObserver& observer);

  const MetricTable& metrics() const { return metrics_; }
  AnyEnvironment& environment() { return env_; }
  const TransitionBuffer& buffer() const override { return buffer_; }
  const MlpEnsemble& model() const { return model_; }

 protected:
  enum : int { kCollecting, kFitting, kImproving };
  struct Budget {
    std::int64_t steps;  // of the run
    int collect;         // environment steps of a round, at least
    int rollouts;        // trajectories of an update
  };

  /// `who` is a literal that begins errors; `columns` are those of the metrics besides the ones of every algorithm.
  RoundsInModel(const char* who, const AlgorithmContext& context, const Budget& budget,
                const MlpEnsembleSettings& model, std::vector<MetricColumn> columns);

  /// A real episode begins: they are counted from 0.
  virtual void begin_real_episode(std::int64_t episode) = 0;
  /// The action of the real episode's next step.
  virtual Vecd act_in_real(std::int64_t episode) = 0;
  /// The round's real episodes are over.
  virtual void collected() = 0;
  /// The model learns; sets the phase that follows. False: the observer has stopped it, which is undone.
  virtual bool fit_model(RunObserver& observer) = 0;
  /// One update of the policy; sets the phase that follows.
  virtual void improve(RunObserver& observer) = 0;

  /// The ensemble learns all that has been collected. False: as of fit_model.
  bool fit(NativeTrainer& trainer, RunObserver& observer);
  /// Tells the observer of `done` of `total` steps of the round's learning.
  void tell(RunObserver& observer, int done, int total, double loss) const;
  /// The ensemble's member k.
  MlpEnsemble alone(int k) const;
  /// Mean return of the round's real episodes.
  double real_return() const { return real_total_ / real_episodes_; }
  /// Adds `row` to what every such algorithm tells of a round, and goes on to the next.
  void finish(RunObserver& observer, double imagined_return,
              std::initializer_list<std::pair<std::string_view, double>> row);
  int round() const { return static_cast<int>(rounds_) + 1; }

  /// What a derived class has besides: `load` gives as many numbers back as there were.
  struct Besides {
    std::vector<std::int64_t> counts;
    std::vector<double> figures;
  };
  void save(StateDict& out, const std::string& prefix, const Besides& besides) const;
  Besides load(const StateDict& in, const std::string& prefix, std::size_t counts, std::size_t figures);

  const char* who_;
  Budget budget_;
  AnyEnvironment env_;
  TransitionBuffer buffer_;
  Collector<AnyEnvironment> collector_;
  MlpEnsemble model_;
  MetricTable metrics_;

  int phase_ = kCollecting;
  std::uint32_t rounds_ = 0;  // finished
  double model_loss_ = MetricTable::kNone, kl_ = MetricTable::kNone;
  WorkClock clock_;

 private:
  void collect(RunObserver& observer);
  void step();

  std::int64_t episodes_ = 0;   // begun
  std::int64_t collected_ = 0;  // environment steps of the round
  double real_total_ = 0;       // of the round's episodes
  int real_episodes_ = 0;
  bool new_row_ = false;
};

}  // namespace mbrl
