// PETS: probabilistic ensembles with trajectory sampling. Alternate between learning a model from all data so
// far and one episode of model-predictive control in it. Chua, Calandra, McAllister, Levine, "Deep
// reinforcement learning in a handful of trials using probabilistic dynamics models", NeurIPS 2018,
// algorithm 1.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "mbrl/algorithms/planning/model_report.hpp"
#include "mbrl/algorithms/planning/pets_settings.hpp"
#include "mbrl/algorithms/planning/trial_metrics.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

/// The loop. It owns the data and its place in the run; environment, model, trainer, evaluator and planner are
/// the caller's and must outlive it. `save` holds everything, so that a loaded run continues with the numbers
/// of a run that was never stopped.
///
/// The paper's model is an MlpEnsemble under NativeTrainer and EnsembleRollout. Any other will do that a
/// trainer fits and an evaluator plans in: a ProbabilisticModel or EnsembleModel by ParticleRollout, a
/// deterministic one by ModelRollout, the true dynamics with NoTraining. What can be saved of them is saved.
template <Resettable Env, class Model, ModelTrainer<Model> Trainer, LearnedEvaluator<Model> Evaluator,
          Planner P>
class Pets {
 public:
  /// `seed` fixes start states and random actions.
  Pets(Env& env, Model& model, Trainer& trainer, Evaluator& evaluator, Mpc<P>& controller, ThreadPool& pool,
       const PetsSettings& settings, std::uint64_t seed)
      : env_(env),
        model_(model),
        trainer_(trainer),
        evaluator_(evaluator),
        controller_(controller),
        pool_(pool),
        settings_(settings),
        buffer_(env.spec().obs_dim, env.spec().action_dim(), most_transitions(settings, env.spec())),
        collector_(env, buffer_, seed, settings.trial_steps) {
    require_dim("pets", "the evaluator's action", evaluator.action_dim(), env.spec().action_dim());
  }

  /// Runs until the budget is spent (true) or the observer asks to stop (false: run again later, or load and
  /// run).
  bool run() {
    RunObserver silent;
    return run(silent);
  }
  bool run(RunObserver& observer) {
    // D <- data of a random controller
    while (random_trials_done_ < settings_.random_trials || collector_.steps() < settings_.random_steps ||
           (collector_.running() && !acting_))
      if (!random_trial(observer)) return false;
    while (acting_ || trial_ == 0 ||
           (settings_.steps > 0 ? collector_.steps() < settings_.steps : trial_ < settings_.trials)) {
      if (!acting_) {
        if (!train_model(observer)) return false;  // fit the ensemble to D
        begin_trial();
      }
      while (acting_) {
        if (settings_.train_every > 0 && collector_.t() - trained_at_ >= settings_.train_every)
          if (!train_within_episode(observer)) return false;
        control_step();  // plan, act, D <- D + (s, a, s')
        observer.on_progress(
            where(RunPhase::kActing, collector_.t(), collector_.limit(), collector_.total()));
        if (acting_ && !observer.on_safe_point(false)) return false;
      }
      finish_trial();
      observer.on_round(table_, report_trial(trials_.back(), outcomes()));
      if (!observer.on_safe_point(true)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return table_; }
  const std::vector<TrialMetrics>& trials() const { return trials_; }
  /// The plans of the last trial, until the next one begins.
  std::vector<PlanOutcome> outcomes() const {
    return record_.outcomes(evaluator_.horizon(), nothing_follows());
  }
  /// The random episodes as trial 0: their mean return, what acting without a model brings. Nothing before the
  /// first is over.
  std::optional<TrialMetrics> baseline() const {
    if (!(random_[0] > 0)) return std::nullopt;
    TrialMetrics m;
    m.step = random_[2];
    m.episode_return = random_[1] / random_[0];
    m.best_return = TrialMetrics::kNone;
    return m;
  }
  const TransitionBuffer& buffer() const { return buffer_; }

  void save(StateDict& out, const std::string& prefix) const {
    save_learned(out, prefix);
    controller_.save(out, prefix + "controller.");
    buffer_.save(out, prefix + "buffer.");
    record_.save(out, prefix + "record.");
    const EpisodePosition& at = collector_.position();
    out.put(prefix + "position", std::vector<std::int64_t>{random_trials_done_, trial_, at.running, acting_,
                                                           at.t, at.terminated, train_epochs_, stored_});
    collector_.save(out, prefix);
    const RolloutCounts counts = total_counts();
    out.put(prefix + "counts", std::vector<std::uint64_t>{counts.rows, counts.particles, counts.out_of_data,
                                                          counts.not_finite, counts.held});
    out.put(prefix + "figures", std::vector<double>{train_loss_, train_seconds_, act_seconds_});
    out.put(prefix + "steps", std::vector<std::int64_t>{collector_.steps(), rounds_, trained_at_});
    out.put(prefix + "random", random_);
    TrialMetrics::save(trials_, out, prefix + "metrics");
  }

  void load(const StateDict& in, const std::string& prefix) {
    load_learned(in, prefix);
    evaluator_.set_model(model_);
    evaluator_.reset_counts();
    controller_.load(in, prefix + "controller.");
    buffer_.load(in, prefix + "buffer.");
    record_.load(in, prefix + "record.");
    const auto position = take<std::int64_t>(in, prefix + "position", 8, 7);
    random_trials_done_ = static_cast<int>(position[0]);
    trial_ = static_cast<int>(position[1]);
    acting_ = position[3] != 0;
    train_epochs_ = static_cast<int>(position[6]);
    stored_ = position.size() > 7 ? position[7] : position[4];
    const auto counts = take<std::uint64_t>(in, prefix + "counts", 5, 4);
    earlier_counts_ = {counts[0], counts[1], counts[2], counts[3], counts.size() > 4 ? counts[4] : 0};
    const auto figures = take<double>(in, prefix + "figures", 3);
    train_loss_ = figures[0];
    train_seconds_ = figures[1];
    act_seconds_ = figures[2];
    // Checkpoints before 0.1.0: the model was trained before episodes only.
    std::vector<std::int64_t> steps = {static_cast<std::int64_t>(buffer_.size()), trial_ + (acting_ ? 1 : 0),
                                       0};
    if (in.contains(prefix + "steps")) steps = take<std::int64_t>(in, prefix + "steps", 3);
    collector_.load(in, prefix, steps[0],
                    {.t = static_cast<int>(position[4]),
                     .total = record_.total(),
                     .running = position[2] != 0,
                     .terminated = position[5] != 0});
    rounds_ = static_cast<std::uint32_t>(steps[1]);
    trained_at_ = static_cast<int>(steps[2]);
    random_.assign(3, 0.0);
    if (in.contains(prefix + "random")) random_ = take<double>(in, prefix + "random", 3);
    trials_ = TrialMetrics::load(in, prefix + "metrics");
    table_.clear();
    for (const TrialMetrics& m : trials_) table_.add_row(m.values());
    note_baseline();
  }

 private:
  using Scalar = typename P::Scalar;
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kReplayEvery = 10;  // plans; the environment is far cheaper than a plan

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  // `before`: how many there were in checkpoints before 0.1.0.
  template <class T>
  static std::vector<T> take(const StateDict& in, const std::string& name, std::size_t count,
                             std::size_t before = 0) {
    std::vector<T> v = in.get<T>(name);
    require(v.size() == count || (before > 0 && v.size() == before), "checkpoint: '", name, "' has ",
            v.size(), " values, expected ", count);
    return v;
  }

  // A trainer without memory has nothing to save, nor has a model that is not fitted.
  void save_learned(StateDict& out, const std::string& prefix) const {
    if constexpr (Checkpointable<Model>) model_.save(out, prefix + "model.");
    if constexpr (Checkpointable<Trainer>) trainer_.save(out, prefix + "trainer.");
  }
  void load_learned(const StateDict& in, const std::string& prefix) {
    if constexpr (Checkpointable<Model>) model_.load(in, prefix + "model.");
    if constexpr (Checkpointable<Trainer>) trainer_.load(in, prefix + "trainer.");
  }

  RunProgress where(RunPhase phase, int done, int total, double value) const {
    const bool random = phase == RunPhase::kRandom;
    return {phase,
            1 + (random ? random_trials_done_ : trial_),
            random                ? std::max(settings_.random_trials, random_trials_done_ + 1)
            : settings_.steps > 0 ? 0
                                  : settings_.trials,
            done,
            total,
            value,
            collector_.steps(),
            phase == RunPhase::kTraining ? std::string() : collector_.fault()};
  }

  // Nothing can be earned after the last step: the task ended, and not because its simulation failed.
  bool nothing_follows() const { return collector_.position().terminated && collector_.fault().empty(); }

  RolloutCounts total_counts() const {
    RolloutCounts c = evaluator_.counts();
    c += earlier_counts_;
    return c;
  }

  void begin_episode(int number) {
    collector_.begin(static_cast<std::uint32_t>(number));
    record_ = {};
    stored_ = 0;
  }

  // What a step brought, for buffer and record.
  void note_step(bool stored) {
    stored_ += stored ? 1 : 0;
    record_.rewards.push_back(collector_.reward());
  }

  bool random_trial(RunObserver& observer) {
    if (!collector_.running()) begin_episode(random_trials_done_);
    while (collector_.running()) {
      note_step(collector_.random_step(static_cast<std::uint32_t>(random_trials_done_),
                                       static_cast<std::uint32_t>(collector_.t()),
                                       collector_.steps() + 1 >= settings_.random_steps));
      observer.on_progress(where(RunPhase::kRandom, collector_.t(), collector_.limit(), collector_.total()));
      const bool over = !collector_.running();
      if (over) {
        ++random_trials_done_;
        random_ = {random_[0] + 1, random_[1] + record_.total(), static_cast<double>(collector_.steps())};
        note_baseline();
      }
      if (!observer.on_safe_point(over)) return false;
    }
    return true;
  }

  bool train_model(RunObserver& observer) {
    const auto start = Clock::now();
    bool stopped = false;
    const TrainingReport report =
        trainer_.train(buffer_.batch(), model_, rounds_, [&](int epoch, int epochs, double loss) {
          observer.on_progress(where(RunPhase::kTraining, epoch, epochs, loss));
          stopped = observer.stop_requested();
          return !stopped;
        });
    if (stopped) return false;
    ++rounds_;
    trained_at_ = acting_ ? collector_.t() : 0;
    train_seconds_ = (acting_ ? train_seconds_ : 0) + seconds_since(start);
    train_epochs_ = (acting_ ? train_epochs_ : 0) + report.epochs;
    train_loss_ = 0;
    for (const double loss : report.train_loss)
      train_loss_ += loss / static_cast<double>(report.train_loss.size());
    return true;
  }

  // A training that is stopped is undone, so that the control steps before it can be kept.
  bool train_within_episode(RunObserver& observer) {
    StateDict before;
    save_learned(before, "");
    if (train_model(observer)) {
      evaluator_.set_model(model_);
      stored_ = 0;
      return true;
    }
    load_learned(before, "");
    observer.on_safe_point(false);
    return false;
  }

  void begin_trial() {
    evaluator_.set_model(model_);
    evaluator_.reset_counts();
    earlier_counts_ = {};
    controller_.reset();
    begin_episode(random_trials_done_ + trial_);
    act_seconds_ = 0;
    acting_ = true;
  }

  void control_step() {
    const auto start = Clock::now();
    const Vec<Scalar> action = controller_.act(collector_.obs().template cast<Scalar>());
    if (controller_.planned_now()) {
      const ActionPlan<Scalar>& plan = controller_.last_plan();
      record_.add_plan(collector_.t(), static_cast<double>(plan.predicted_return), seconds_since(start),
                       static_cast<double>(plan.report.rollouts));
      if (record_.plan_t.size() % kReplayEvery == 1 && std::isfinite(plan.predicted_return))
        record_.plan_replayed.back() = replay_plan(plan);
    }
    note_step(collector_.step(action.template cast<double>(), collector_.steps() + 1 >= settings_.steps));
    acting_ = collector_.running();
    act_seconds_ += seconds_since(start);
  }

  // What the plan's own actions bring from here; the environment is then put back. NaN where a time limit or
  // a failed simulation cuts it off.
  double replay_plan(const ActionPlan<Scalar>& plan) {
    const std::vector<double> here = env_.state();
    double total = 0;
    for (Index k = 0; k < plan.actions.cols(); ++k) {
      const StepResult result = env_.step(plan.actions.col(k).template cast<double>());
      total += result.reward;
      const bool more = k + 1 < plan.actions.cols();
      if (!result.fault.empty() || (result.truncated && more)) total = TrialMetrics::kNone;
      if (result.terminated || result.truncated || !result.fault.empty()) break;
    }
    env_.set_state(here);
    return total;
  }

  void finish_trial() {
    ++trial_;
    TrialMetrics m;
    m.trial = trial_;
    m.step = static_cast<double>(collector_.steps());
    m.episode_return = record_.total();
    m.best_return =
        trials_.empty() ? m.episode_return : std::max(trials_.back().best_return, m.episode_return);
    report_model(model_, buffer_, static_cast<std::size_t>(stored_), pool_, m);
    report_plans(record_, evaluator_.horizon(), nothing_follows(), total_counts(), m);
    m.train_loss = train_loss_;
    m.train_epochs = train_epochs_;
    m.terminated = collector_.position().terminated ? 1.0 : 0.0;
    m.train_s = train_seconds_;
    m.act_s = act_seconds_;
    m.steps_per_s = collector_.t() / (train_seconds_ + act_seconds_);
    trials_.push_back(m);
    table_.add_row(m.values());
  }

  void note_baseline() {
    const std::optional<TrialMetrics> random = baseline();
    table_.set_baseline(random ? std::optional(random->values()) : std::nullopt);
  }

  Env& env_;
  Model& model_;
  Trainer& trainer_;
  Evaluator& evaluator_;
  Mpc<P>& controller_;
  ThreadPool& pool_;
  PetsSettings settings_;
  TransitionBuffer buffer_;
  Collector<Env> collector_;

  int random_trials_done_ = 0;
  int trial_ = 0;             // trials finished
  bool acting_ = false;       // an episode is under way in which the planner acts
  std::int64_t stored_ = 0;   // transitions of the episode in the buffer, since the last training
  std::uint32_t rounds_ = 0;  // trainings
  int trained_at_ = 0;        // control step of the episode before which the model was trained last
  std::vector<double> random_ = std::vector<double>(3, 0.0);  // random episodes, their return, steps
  int train_epochs_ = 0;
  double train_loss_ = 0, train_seconds_ = 0, act_seconds_ = 0;
  RolloutCounts earlier_counts_;  // of this trial, before the run was resumed
  TrialRecord record_;
  std::vector<TrialMetrics> trials_;
  MetricTable table_ = MetricTable(TrialMetrics::metric_columns());  // the same
};

}  // namespace mbrl
