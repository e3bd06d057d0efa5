#include "mbrl/algorithms/imagined/rounds_in_model.hpp"

#include <optional>

#include "algorithms/fit_model.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

RoundsInModel::RoundsInModel(const char* who, const AlgorithmContext& context, const Budget& budget,
                             const MlpEnsembleSettings& model, std::vector<MetricColumn> columns)
    : who_(who),
      budget_(budget),
      env_(context.make_environment()),
      buffer_(env_.spec().obs_dim, env_.spec().action_dim(),
              static_cast<std::size_t>(budget.steps + env_.spec().max_steps)),
      collector_(env_, buffer_, context.seed),
      model_(MlpEnsemble::create(ensemble_settings(model, env_.spec()), env_.spec().encoding,
                                 env_.spec().action_dim(), context.seed)),
      metrics_(MetricTable::with(WorkClock::columns(std::move(columns)))) {}

bool RoundsInModel::run(RunObserver& observer) {
  while (phase_ != kCollecting || collector_.running() || collector_.steps() < budget_.steps) {
    if (phase_ == kCollecting) {
      collect(observer);
    } else if (phase_ == kFitting) {
      if (!fit_model(observer)) return false;
    } else {
      improve(observer);
    }
    if (!observer.on_safe_point(new_row_)) return false;
    new_row_ = false;
  }
  return true;
}

void RoundsInModel::collect(RunObserver& observer) {
  step();
  observer.on_progress(collector_.progress(0, metrics_.rows()));
  if (collector_.running()) return;
  real_total_ += collector_.total();
  ++real_episodes_;
  if (collected_ < budget_.collect && collector_.steps() < budget_.steps) return;
  collected();
  phase_ = kFitting;
}

void RoundsInModel::step() {
  const auto span = clock_.time(WorkKind::kCollect);
  if (!collector_.running()) {
    collector_.begin(static_cast<std::uint32_t>(episodes_));
    begin_real_episode(episodes_++);
  }
  collector_.step(act_in_real(episodes_ - 1));
  ++collected_;
}

bool RoundsInModel::fit(NativeTrainer& trainer, RunObserver& observer) {
  const auto span = clock_.time(WorkKind::kModel);
  const std::optional<TrainingReport> done =
      fit_or_undo(buffer_.batch(), rounds_, round(), collector_.steps(), model_, trainer, observer);
  if (done) model_loss_ = mean_loss(*done);
  return done.has_value();
}

void RoundsInModel::tell(RunObserver& observer, int done, int total, double loss) const {
  observer.on_progress({.phase = RunPhase::kTraining,
                        .round = round(),
                        .done = done,
                        .total = total,
                        .value = loss,
                        .steps = collector_.steps()});
}

MlpEnsemble RoundsInModel::alone(int k) const {
  MlpEnsemble one = model_;
  one.elites = {k};
  return one;
}

void RoundsInModel::finish(RunObserver& observer, double imagined_return,
                           std::initializer_list<std::pair<std::string_view, double>> row) {
  std::vector<std::pair<std::string_view, double>> all = {
      {"step", static_cast<double>(collector_.steps())},
      {"return", real_return()},
      {"imagined_return", imagined_return},
      {"gap", imagined_return - real_return()},
      {"kl", kl_},
      {"model_loss", model_loss_},
      {"episodes", static_cast<double>(real_episodes_)},
      {"steps_per_s", static_cast<double>(collected_) / clock_.seconds()}};
  all.insert(all.end(), row.begin(), row.end());
  clock_.end_round(metrics_, std::move(all));
  ++rounds_;
  collected_ = real_episodes_ = 0;
  real_total_ = 0;
  phase_ = kCollecting;
  new_row_ = true;
  observer.on_round(metrics_, {});
}

void RoundsInModel::save(StateDict& out, const std::string& prefix, const Besides& besides) const {
  buffer_.save(out, prefix + "buffer.");
  model_.save(out, prefix + "model.");
  metrics_.save(out, prefix + "metrics");
  clock_.save(out, prefix + "clock");
  collector_.save(out, prefix);
  const EpisodePosition& at = collector_.position();
  std::vector<std::int64_t> position = {
      collector_.steps(), episodes_, at.running ? 1 : 0, at.t, rounds_, phase_, collected_, real_episodes_};
  position.insert(position.end(), besides.counts.begin(), besides.counts.end());
  std::vector<double> figures = {at.total, real_total_, model_loss_, kl_};
  figures.insert(figures.end(), besides.figures.begin(), besides.figures.end());
  out.put(prefix + "position", position);
  out.put(prefix + "figures", figures);
}

RoundsInModel::Besides RoundsInModel::load(const StateDict& in, const std::string& prefix, std::size_t counts,
                                           std::size_t figures) {
  constexpr std::size_t kCounts = 8, kFigures = 4;
  const std::string where = detail::concat("checkpoint of ", who_);
  const auto position = in.get<std::int64_t>(prefix + "position");
  require_dim(where, "'position'", position.size(), kCounts + counts);
  const auto figure = in.get<double>(prefix + "figures");
  require_dim(where, "'figures'", figure.size(), kFigures + figures);
  buffer_.load(in, prefix + "buffer.");
  model_.load(in, prefix + "model.");
  metrics_.load(in, prefix + "metrics");
  collector_.load(in, prefix, position[0],
                  {.t = static_cast<int>(position[3]), .total = figure[0], .running = position[2] != 0});
  episodes_ = position[1];
  rounds_ = static_cast<std::uint32_t>(position[4]);
  phase_ = static_cast<int>(position[5]);
  collected_ = position[6];
  real_episodes_ = static_cast<int>(position[7]);
  clock_.load(in, prefix + "clock");
  real_total_ = figure[1];
  model_loss_ = figure[2];
  kl_ = figure[3];
  return {{position.begin() + kCounts, position.end()}, {figure.begin() + kFigures, figure.end()}};
}

}  // namespace mbrl
