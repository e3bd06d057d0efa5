#include "algorithms/ensemble_fit.hpp"

#include <numeric>
#include <vector>

#include "mbrl/core/state_dict.hpp"

namespace mbrl {
namespace {

double mean(const std::vector<double>& values) {
  return values.empty()
             ? MetricTable::kNone
             : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::optional<EnsembleFit> fit_ensemble(const TransitionBatch& data, MlpEnsemble& model,
                                        NativeTrainer& trainer, std::uint32_t round, int metrics_round,
                                        std::int64_t steps, RunObserver& observer) {
  StateDict before;
  model.save(before, "model.");
  trainer.save(before, "trainer.");
  bool stopped = false;
  const TrainingReport done = trainer.train(data, model, round, [&](int epoch, int epochs, double loss) {
    observer.on_progress({.phase = RunPhase::kTraining,
                          .round = metrics_round,
                          .done = epoch,
                          .total = epochs,
                          .value = loss,
                          .steps = steps});
    stopped = observer.stop_requested();
    return !stopped;
  });
  if (!stopped)
    return EnsembleFit{mean(done.holdout_loss.empty() ? done.train_loss : done.holdout_loss), done.epochs};
  model.load(before, "model.");
  trainer.load(before, "trainer.");
  observer.on_safe_point(false);
  return std::nullopt;
}

}  // namespace mbrl
