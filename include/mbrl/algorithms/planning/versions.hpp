// The first three versions of model-based RL, in the order in which each cures its predecessor's trouble: fit
// a model once and plan in it; fit and plan again and again; and look where one has come out. Levine, CS 285
// (2019), lecture 11, whose numbers they bear.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/run/collector.hpp"

namespace mbrl {

enum class Version : int {
  kFitOnce = 0,    // 0.5: random data, a model, and plans that are executed blindly
  kOpenLoop = 1,   // 1.0: what that brings joins the data, and the model is fitted anew
  kReplanning = 2  // 1.5: the same, but the controller looks after every action and plans again (MPC)
};

constexpr auto enum_names(Version) {
  return std::array{std::pair{Version::kFitOnce, "0.5"}, std::pair{Version::kOpenLoop, "1.0"},
                    std::pair{Version::kReplanning, "1.5"}};
}

struct VersionSettings {
  Version version = Version::kReplanning;
  int random_steps = 200;  // environment steps of random actions before the first model
  int trials = 10;         // episodes under the controller
  int trial_steps = 0;     // control steps that end an episode; 0: the environment's own limit

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("version", s.version, "0.5, 1.0 or 1.5");
    field("random_steps", s.random_steps, "environment steps of random actions before the first model");
    field("trials", s.trials, "episodes under the controller");
    field("trial_steps", s.trial_steps,
          "control steps that end an episode; 0: the environment's own limit decides");
  }
};

struct VersionTrial {
  std::int64_t step = 0;  // environment steps so far, the random ones among them
  double episode_return = 0.0;
  double train_loss = 0.0;  // of the model it was planned in; mean over its members
};

/// Any model, whoever fits it, any planner in it. Rollouts plan in what the trainer writes through a
/// ModelView; `fitted` is called after every fit for those that take a copy (EnsembleRollout::set_model). The
/// controller must execute its plans blindly (MpcSettings::open_loop) for versions 0.5 and 1.0, with the
/// length of an episode as its horizon if it is to plan once, and must not for 1.5.
///
/// Environment, model, trainer and controller are the caller's and must outlive the loop. Everything is a
/// function of the seeds: a run saved after a trial, and loaded, continues as if it had not been stopped.
template <Environment Env, class Model, ModelTrainer<Model> Trainer, Planner P>
class VersionOfModelBasedRl {
 public:
  /// Throws for settings that make no sense, or a controller of the other kind.
  VersionOfModelBasedRl(Env& env, Model& model, Trainer& trainer, Mpc<P>& controller,
                        const VersionSettings& settings, std::uint64_t seed,
                        std::function<void()> fitted = {})
      : env_(env),
        model_(model),
        trainer_(trainer),
        controller_(controller),
        settings_(settings),
        fitted_(std::move(fitted)),
        buffer_(env.spec().obs_dim, env.spec().action_dim(),
                capacity(settings, settings.trial_steps > 0 ? settings.trial_steps : env.spec().max_steps)),
        collector_(env, buffer_, seed, settings.trial_steps) {
    const bool blind = settings.version != Version::kReplanning;
    require(controller.settings().open_loop == blind, "versions: version ", blind ? "0.5 or 1.0" : "1.5",
            blind ? " executes its plans blindly" : " plans again after every action",
            ", but the controller's open_loop is ", !blind ? "true" : "false");
  }

  /// Until the trials are done (true), or on_trial gives false after one of them: run again to go on.
  bool run(const std::function<bool(const VersionTrial&)>& on_trial = {}) {
    if (buffer_.empty()) act_at_random();  // D <- data of a random policy
    while (static_cast<int>(trials_.size()) < settings_.trials) {
      const bool first = trials_.empty();
      if (first || settings_.version != Version::kFitOnce) fit();  // f <- argmin of the error on D
      VersionTrial trial;
      trial.episode_return = act();  // plan in f, execute; D <- D + (s, a, s')
      trial.step = collector_.steps();
      trial.train_loss = train_loss_;
      trials_.push_back(trial);
      if (on_trial && !on_trial(trial)) return false;
    }
    return true;
  }

  const std::vector<VersionTrial>& trials() const { return trials_; }
  const TransitionBuffer& buffer() const { return buffer_; }

  /// After a trial.
  void save(StateDict& out, const std::string& prefix) const
    requires Checkpointable<Model> && Checkpointable<P>
  {
    model_.save(out, prefix + "model.");
    if constexpr (Checkpointable<Trainer>) trainer_.save(out, prefix + "trainer.");
    controller_.save(out, prefix + "controller.");
    buffer_.save(out, prefix + "buffer.");
    out.put(prefix + "position", std::vector<std::int64_t>{collector_.steps(), rounds_});
    std::vector<double> trials = {train_loss_};
    for (const VersionTrial& t : trials_)
      trials.insert(trials.end(), {static_cast<double>(t.step), t.episode_return, t.train_loss});
    out.put(prefix + "trials", trials);
  }
  void load(const StateDict& in, const std::string& prefix)
    requires Checkpointable<Model> && Checkpointable<P>
  {
    const auto position = in.get<std::int64_t>(prefix + "position");
    const auto trials = in.get<double>(prefix + "trials");
    require(position.size() == 2 && trials.size() % 3 == 1, "checkpoint: '", prefix,
            "position' and 'trials' are none of a version of model-based RL");
    model_.load(in, prefix + "model.");
    if constexpr (Checkpointable<Trainer>) trainer_.load(in, prefix + "trainer.");
    controller_.load(in, prefix + "controller.");
    buffer_.load(in, prefix + "buffer.");
    collector_.resume_at(position[0]);
    rounds_ = static_cast<std::uint32_t>(position[1]);
    train_loss_ = trials[0];
    trials_.clear();
    for (std::size_t i = 1; i < trials.size(); i += 3)
      trials_.push_back({static_cast<std::int64_t>(trials[i]), trials[i + 1], trials[i + 2]});
    if (fitted_) fitted_();
  }

 private:
  static std::size_t capacity(const VersionSettings& s, int limit) {
    require(s.random_steps >= 1, "versions: random_steps is ", s.random_steps, ", expected at least 1");
    require(s.trials >= 1, "versions: trials is ", s.trials, ", expected at least 1");
    require(s.trial_steps >= 0, "versions: trial_steps is ", s.trial_steps, ", expected at least 0");
    require(limit >= 1, "versions: the environment has no time limit; set trial_steps");
    return static_cast<std::size_t>(s.random_steps) +
           static_cast<std::size_t>(s.trials) * static_cast<std::size_t>(limit);
  }

  void act_at_random() {
    for (std::uint32_t episode = 0; collector_.steps() < settings_.random_steps; ++episode) {
      collector_.begin(episode);
      while (collector_.running() && collector_.steps() < settings_.random_steps)
        collector_.random_step(episode, static_cast<std::uint32_t>(collector_.t()));
    }
    require(!buffer_.empty(), "versions: none of ", collector_.steps(), " random steps of ", env_.spec().name,
            " gave a transition to learn from");
  }

  void fit() {
    const TrainingReport report = trainer_.train(buffer_.batch(), model_, rounds_++, {});
    train_loss_ = 0.0;
    for (const double loss : report.train_loss)
      train_loss_ += loss / static_cast<double>(report.train_loss.size());
    if (fitted_) fitted_();
  }

  // One episode under the controller; its return.
  double act() {
    // Random episodes are at most as many as random steps.
    collector_.begin(static_cast<std::uint32_t>(settings_.random_steps) +
                     static_cast<std::uint32_t>(trials_.size()));
    controller_.reset();
    while (collector_.running())
      collector_.step(
          controller_.act(collector_.obs().template cast<typename P::Scalar>()).template cast<double>(),
          false, settings_.version != Version::kFitOnce);
    return collector_.total();
  }

  Env& env_;
  Model& model_;
  Trainer& trainer_;
  Mpc<P>& controller_;
  VersionSettings settings_;
  std::function<void()> fitted_;
  TransitionBuffer buffer_;
  Collector<Env> collector_;
  std::uint32_t rounds_ = 0;  // fits
  double train_loss_ = 0.0;   // of the last
  std::vector<VersionTrial> trials_;
};

}  // namespace mbrl
