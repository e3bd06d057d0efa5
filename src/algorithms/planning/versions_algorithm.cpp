#include "mbrl/algorithms/planning/versions_algorithm.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "algorithms/planning/functions_in_double.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/models/model_view.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {
namespace {

int episode_length(const VersionsConfiguration& c, const EnvSpec& spec) {
  return c.loop.trial_steps > 0 ? c.loop.trial_steps : spec.max_steps;
}

// A model, and a controller that plans in it.
template <class Kind>
struct Controller {
  using Model = typename Kind::Model;
  using Scalar = typename Model::Scalar;
  using Rollout = ModelRollout<ModelView<Model>, RewardFunction<Scalar>>;
  using Planner = ICem<Rollout>;

  Controller(const VersionsConfiguration& c, const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed)
      : model(Kind::model(spec, c.kinds.of<Kind>(), seed)),
        rollout(
            ModelView<Model>(model), for_scalar<Scalar>(spec.reward), for_scalar<Scalar>(spec.termination),
            {.horizon = c.loop.version == Version::kReplanning ? c.horizon : episode_length(c, spec)}, pool),
        mpc(Planner(rollout, action_bounds(spec), c.planner, seed),
            {.open_loop = c.loop.version != Version::kReplanning}) {}

  Model model;
  Rollout rollout;
  Mpc<Planner> mpc;
};

// Acts with a copy of the model.
template <class Kind>
struct VersionActor {
  std::unique_ptr<Controller<Kind>> controller;
  void begin(std::uint64_t) { controller->mpc.reset(); }
  Vecd act(ConstVecRef<double> obs, int) {
    using Scalar = typename Controller<Kind>::Scalar;
    return controller->mpc.act(obs.template cast<Scalar>()).template cast<double>();
  }
};

template <class Kind>
AnyActor acting(const VersionsConfiguration& c, const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed,
                const StateDict& in, const std::string& model_prefix) {
  auto controller = std::make_unique<Controller<Kind>>(c, spec, pool, seed);
  controller->model.load(in, model_prefix);
  return AnyActor(VersionActor<Kind>{std::move(controller)});
}

template <class Kind>
class VersionsAlgorithm final : public DataOwner {
 public:
  VersionsAlgorithm(const VersionsConfiguration& c, const AlgorithmContext& context)
      : c_(c),
        pool_(context.pool),
        seed_(context.seed),
        env_(context.make_environment()),
        controller_(c, env_.spec(), context.pool, context.seed),
        trainer_(Kind::trainer(c.kinds.of<Kind>(), context.pool, context.seed)),
        loop_(env_, controller_.model, trainer_, controller_.mpc, loop_settings(c, env_.spec()),
              context.seed) {}

  bool run(RunObserver& observer) {
    bool stopped = false;
    if (spent()) return true;
    loop_.run([&](const VersionTrial& trial) {
      metrics_.add({{"step", static_cast<double>(trial.step)},
                    {"return", trial.episode_return},
                    {"train_loss", trial.train_loss}});
      observer.on_progress({.phase = RunPhase::kActing,
                            .round = static_cast<int>(metrics_.rows()),
                            .rounds = c_.steps > 0 ? 0 : c_.loop.trials,
                            .value = trial.episode_return,
                            .steps = trial.step});
      observer.on_round(metrics_, {});
      stopped = !observer.on_safe_point(true);
      return !stopped && !spent();
    });
    return !stopped;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() {
    StateDict state;
    controller_.model.save(state, "model.");
    return acting<Kind>(c_, env_.spec(), pool_, seed_, state, "model.");
  }
  AnyEnvironment& environment() { return env_; }
  const TransitionBuffer& buffer() const override { return loop_.buffer(); }

  void save(StateDict& out, const std::string& prefix) const {
    loop_.save(out, prefix + "loop.");
    metrics_.save(out, prefix + "metrics");
  }
  void load(const StateDict& in, const std::string& prefix) {
    loop_.load(in, prefix + "loop.");
    metrics_.load(in, prefix + "metrics");
  }

 private:
  // A budget in steps is at most that many trials, as a trial has a step; so many rows fit into a buffer.
  static VersionSettings loop_settings(const VersionsConfiguration& c, const EnvSpec& spec) {
    constexpr std::int64_t kRows = 100'000'000;
    VersionSettings s = c.loop;
    if (c.steps > 0)
      s.trials = static_cast<int>(std::min(c.steps, (kRows + c.steps) / episode_length(c, spec) + 1));
    return s;
  }
  bool spent() const {
    return c_.steps > 0 && !loop_.trials().empty() && loop_.trials().back().step >= c_.steps;
  }

  VersionsConfiguration c_;
  ThreadPool& pool_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  Controller<Kind> controller_;
  typename Kind::Trainer trainer_;
  VersionOfModelBasedRl<AnyEnvironment, typename Kind::Model, typename Kind::Trainer,
                        typename Controller<Kind>::Planner>
      loop_;
  MetricTable metrics_ = MetricTable::with(
      {{.name = "train_loss", .wall_clock = false, .title = "loss", .width = 8, .decimals = 4}});
};

}  // namespace

void VersionsConfiguration::validate(const EnvSpec& spec) const {
  require(steps >= 0, "versions: steps is ", steps, ", expected at least 1, or 0 for a budget of trials");
  require(steps == 0 || steps > loop.random_steps, "versions: steps is ", steps,
          ", expected more than random_steps, ", loop.random_steps);
  require_model_kind("versions: model", model, model_kind_names());
  require(loop.trials >= 1, "versions: trials is ", loop.trials, ", expected at least 1");
  require(horizon >= 1, "versions: horizon is ", horizon, ", expected at least 1");
  require(static_cast<bool>(spec.reward), "versions: ", spec.name,
          " has no reward that a planner can compute, expected one in its specification");
  require(spec.choices == 0, "versions: ", spec.name, " has ", spec.choices,
          " choices, expected real actions");
  require(episode_length(*this, spec) > 0, "versions: ", spec.name,
          " has no time limit; set loop.trial_steps");
}

void register_versions(AlgorithmRegistry& registry) {
  AlgorithmDescription<VersionsConfiguration> d;
  d.name = "versions";
  d.summary =
      "Versions 0.5, 1.0 and 1.5 of model-based RL (Levine, CS 285): fit once, fit and plan again, MPC.";
  d.details =
      "  mbrl train versions --env Pendulum-v1 --set loop.version=1.5 --out runs/mpc\n"
      "  mbrl train versions --env Pendulum-v1 --set loop.version=0.5,1.0,1.5 --seed 1..5 --out "
      "runs/versions";
  d.steps_key = "steps";
  d.rounds_key = "loop.trials";
  d.check = [](const VersionsConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  d.make = [](const VersionsConfiguration& c, const AlgorithmContext& context) {
    return *with_model_kind(c.model, [&]<class Kind>(Kind) {
      return AnyAlgorithm(std::make_unique<VersionsAlgorithm<Kind>>(c, context));
    });
  };
  d.load_actor = [](const VersionsConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    const std::string model = prefix + "loop.model.";
    return *with_model_kind(c.model, [&]<class Kind>(Kind) {
      return acting<Kind>(c, spec, context.pool, context.seed, in, model);
    });
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
