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

#include "mbrl/algorithms/learned_evaluator.hpp"
#include "mbrl/algorithms/model_report.hpp"
#include "mbrl/algorithms/pets_settings.hpp"
#include "mbrl/algorithms/trial_metrics.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

// The loop. It owns the data and its place in the run; environment, model, trainer, evaluator and planner are
// the caller's and must outlive it. `save` holds everything, so that a loaded run continues with the numbers
// of a run that was never stopped.
//
// The paper's model is an MlpEnsemble under NativeTrainer and EnsembleRollout. Any other will do that a
// trainer fits and an evaluator plans in: a ProbabilisticModel or EnsembleModel by ParticleRollout, a
// deterministic one by ModelRollout, the true dynamics with NoTraining. What can be saved of them is saved.
template <Resettable Env, class Model, ModelTrainer<Model> Trainer, LearnedEvaluator<Model> Evaluator,
          Planner P>
class Pets {
 public:
  // `seed` fixes start states and random actions.
  Pets(Env& env, Model& model, Trainer& trainer, Evaluator& evaluator, Mpc<P>& controller, ThreadPool& pool,
       const PetsSettings& settings, std::uint64_t seed)
      : env_(env),
        model_(model),
        trainer_(trainer),
        evaluator_(evaluator),
        controller_(controller),
        pool_(pool),
        settings_(settings),
        seed_(seed),
        buffer_(env.spec().obs_dim, env.spec().action_dim(), most_transitions(settings, env.spec())) {
    require_dim("pets", "the evaluator's action", evaluator.action_dim(), env.spec().action_dim());
  }

  // Runs until the budget is spent (true) or the observer asks to stop (false: run again later, or load and
  // run).
  bool run() {
    RunObserver silent;
    return run(silent);
  }
  bool run(RunObserver& observer) {
    // D <- data of a random controller
    while (random_trials_done_ < settings_.random_trials || steps_ < settings_.random_steps ||
           (running_ && !acting_))
      if (!random_trial(observer)) return false;
    while (acting_ || trial_ == 0 ||
           (settings_.steps > 0 ? steps_ < settings_.steps : trial_ < settings_.trials)) {
      if (!acting_) {
        if (!train_model(observer)) return false;  // fit the ensemble to D
        begin_trial();
      }
      while (acting_) {
        if (settings_.train_every > 0 && t_ - trained_at_ >= settings_.train_every)
          if (!train_within_episode(observer)) return false;
        control_step();  // plan, act, D <- D + (s, a, s')
        observer.on_progress(where(RunPhase::kActing, t_, episode_limit(), record_.total()));
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
  // The plans of the last trial, until the next one begins.
  std::vector<PlanOutcome> outcomes() const {
    return record_.outcomes(evaluator_.horizon(), nothing_follows());
  }
  // The random episodes as trial 0: their mean return, what acting without a model brings. Nothing before the
  // first is over.
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
    out.put(prefix + "position", std::vector<std::int64_t>{random_trials_done_, trial_, running_, acting_, t_,
                                                           terminated_, train_epochs_, stored_});
    out.put(prefix + "env", env_.state());
    out.put(prefix + "obs", std::vector<double>(obs_.data(), obs_.data() + obs_.size()));
    const RolloutCounts counts = total_counts();
    out.put(prefix + "counts", std::vector<std::uint64_t>{counts.rows, counts.particles, counts.out_of_data,
                                                          counts.not_finite, counts.held});
    out.put(prefix + "figures", std::vector<double>{train_loss_, train_seconds_, act_seconds_});
    out.put(prefix + "steps", std::vector<std::int64_t>{steps_, rounds_, trained_at_});
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
    running_ = position[2] != 0;
    acting_ = position[3] != 0;
    t_ = static_cast<int>(position[4]);
    terminated_ = position[5] != 0;
    train_epochs_ = static_cast<int>(position[6]);
    stored_ = position.size() > 7 ? position[7] : t_;
    env_.set_state(in.get<double>(prefix + "env"));
    const auto obs = take<double>(in, prefix + "obs", static_cast<std::size_t>(env_.spec().obs_dim));
    obs_ = Eigen::Map<const Vecd>(obs.data(), static_cast<Index>(obs.size()));
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
    steps_ = steps[0];
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
            steps_,
            phase == RunPhase::kTraining ? std::string() : fault_};
  }

  // Control steps that end an episode; 0: the budget does.
  int episode_limit() const {
    const int own = env_.spec().max_steps, set = settings_.trial_steps;
    return own == 0 || set == 0 ? std::max(own, set) : std::min(own, set);
  }
  // Nothing can be earned after the last step: the task ended, and not because its simulation failed.
  bool nothing_follows() const { return terminated_ && fault_.empty(); }

  RolloutCounts total_counts() const {
    RolloutCounts c = evaluator_.counts();
    c += earlier_counts_;
    return c;
  }

  void reset_environment(int episode) {
    obs_ = env_.reset(episode_seed(seed_, static_cast<std::uint32_t>(episode)));
    record_ = {};
    t_ = 0;
    stored_ = 0;
    running_ = true;
  }

  // One environment step into the buffer and the record; clears running_ at the end of the episode. An
  // endless one ends at `last`, a number of environment steps.
  void step_environment(const Vecd& action, std::int64_t last) {
    const Vecd executed = env_.spec().executed(action);
    StepResult result = env_.step(executed);
    ++steps_;
    const int limit = episode_limit();
    if (limit > 0 ? t_ + 1 >= limit : steps_ >= last) result.truncated |= !result.terminated;
    // The outcome of a failed simulation must not be used for training.
    if (result.fault.empty()) {
      buffer_.add(obs_, executed, result.obs, result.reward, result.terminated, result.truncated);
      ++stored_;
    } else {
      buffer_.begin_episode();  // the next transition does not continue the last one
    }
    fault_ = result.fault;
    record_.rewards.push_back(result.reward);
    obs_ = result.obs;
    ++t_;
    terminated_ = result.terminated;
    running_ = !result.terminated && !result.truncated;
  }

  bool random_trial(RunObserver& observer) {
    const EnvSpec& spec = env_.spec();
    const RandomStream random(seed_, Stream::kRandomAction);
    if (!running_) reset_environment(random_trials_done_);
    while (running_) {
      const Vecd action = spec.random_action([&](double low, double high, std::uint32_t i) {
        return random.uniform(low, high, static_cast<std::uint32_t>(random_trials_done_),
                              static_cast<std::uint32_t>(t_), i);
      });
      step_environment(action, settings_.random_steps);
      observer.on_progress(where(RunPhase::kRandom, t_, episode_limit(), record_.total()));
      if (!running_) {
        ++random_trials_done_;
        random_ = {random_[0] + 1, random_[1] + record_.total(), static_cast<double>(steps_)};
        note_baseline();
      }
      if (!observer.on_safe_point(!running_)) return false;
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
    trained_at_ = acting_ ? t_ : 0;
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
    reset_environment(random_trials_done_ + trial_);
    act_seconds_ = 0;
    acting_ = true;
  }

  void control_step() {
    const auto start = Clock::now();
    const Vec<Scalar> action = controller_.act(obs_.template cast<Scalar>());
    if (controller_.planned_now()) {
      const ActionPlan<Scalar>& plan = controller_.last_plan();
      record_.plan_t.push_back(t_);
      record_.plan_predicted.push_back(static_cast<double>(plan.predicted_return));
      record_.plan_seconds.push_back(seconds_since(start));
      record_.rollouts += static_cast<double>(plan.report.rollouts);
      const bool replay = record_.plan_t.size() % kReplayEvery == 1 && std::isfinite(plan.predicted_return);
      record_.plan_replayed.push_back(replay ? replay_plan(plan) : TrialMetrics::kNone);
    }
    step_environment(action.template cast<double>(), settings_.steps);
    acting_ = running_;
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
    m.step = static_cast<double>(steps_);
    m.episode_return = record_.total();
    m.best_return =
        trials_.empty() ? m.episode_return : std::max(trials_.back().best_return, m.episode_return);
    report_model(model_, buffer_, static_cast<std::size_t>(stored_), pool_, m);
    report_plans(record_, evaluator_.horizon(), nothing_follows(), total_counts(), m);
    m.train_loss = train_loss_;
    m.train_epochs = train_epochs_;
    m.terminated = terminated_ ? 1.0 : 0.0;
    m.train_s = train_seconds_;
    m.act_s = act_seconds_;
    m.steps_per_s = t_ / (train_seconds_ + act_seconds_);
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
  std::uint64_t seed_;
  TransitionBuffer buffer_;

  int random_trials_done_ = 0;
  int trial_ = 0;             // trials finished
  bool running_ = false;      // an episode is under way
  bool acting_ = false;       // ... and the planner acts in it
  bool terminated_ = false;   // the last step ended the episode before its time limit
  int t_ = 0;                 // control steps of the episode
  std::int64_t stored_ = 0;   // ... since the last training, of which the buffer holds the transition
  std::int64_t steps_ = 0;    // environment steps of the run
  std::uint32_t rounds_ = 0;  // trainings
  int trained_at_ = 0;        // control step of the episode before which the model was trained last
  std::vector<double> random_ = std::vector<double>(3, 0.0);  // random episodes, their return, steps
  int train_epochs_ = 0;
  double train_loss_ = 0, train_seconds_ = 0, act_seconds_ = 0;
  Vecd obs_;
  std::string fault_;             // of the last step
  RolloutCounts earlier_counts_;  // of this trial, before the run was resumed
  TrialRecord record_;
  std::vector<TrialMetrics> trials_;
  MetricTable table_ = MetricTable(TrialMetrics::metric_columns());  // the same
};

}  // namespace mbrl
