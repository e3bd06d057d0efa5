#include "mbrl/algorithms/imitation/mbmf.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/fit_model.hpp"
#include "algorithms/model_free/on_policy_run.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imitation/imitation.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/gaussian_around.hpp"

namespace mbrl {

MbmfConfiguration::MbmfConfiguration() {
  planning.trials = 10;
  planning.random_trials = 5;
  training.epochs = 60;
  training.bootstrap = false;
  planner.rs.population = 1000;
}

namespace {

ImitationConfiguration imitation_of(const MbmfConfiguration& c) {
  const MbmfImitation& i = c.imitation;
  ImitationConfiguration all;
  all.rounds = i.rounds;
  all.episodes = i.episodes;
  all.episode_steps = c.planning.trial_steps;
  all.check_episodes = i.check_episodes;
  all.cloning.policy = c.tuning.trpo.policy;
  all.cloning.adam = i.adam;
  all.cloning.batch_size = i.batch_size;
  all.cloning.epochs = i.epochs;
  all.cloning.patience = i.patience;
  all.cloning.validation = i.validation;
  return all;
}

OnPolicySettings tuning_of(const MbmfConfiguration& c, std::int64_t steps_before) {
  return {.steps = c.steps - steps_before,
          .environments = c.tuning.environments,
          .horizon = c.tuning.horizon,
          .normalise_obs = true,
          .normalise_reward = c.tuning.normalise_reward};
}

// The planner in what has been learned, which it keeps; it adds no noise of its own.
class ModelPlanner {
 public:
  ModelPlanner(const MbmfConfiguration& c, const MlpEnsemble& model, const EnvSpec& spec, ThreadPool& pool,
               std::uint64_t seed)
      : rollouts_(model, given_reward(model, spec), given_termination(model, spec), c.rollout, pool, seed),
        controller_(c.own_planners.make(rollouts_, action_bounds(spec), c.planner, seed), action_bounds(spec),
                    without_exploration(c.mpc), seed) {}
  Vecd act(ConstVecRef<double> obs) { return controller_.act(obs); }

 private:
  EnsembleRollout rollouts_;
  Mpc<AnyPlanner<Vecf, float>> controller_;
};

struct PlannerActor {
  std::function<std::unique_ptr<ModelPlanner>(std::uint64_t seed)> make;
  std::unique_ptr<ModelPlanner> teacher{};
  void begin(std::uint64_t seed) { teacher = make(seed); }
  Vecd act(ConstVecRef<double> obs, int) { return teacher->act(obs); }
};

// A part's reports as the whole run's: steps and rounds of the parts before it come on top.
class PartObserver final : public RunObserver {
 public:
  using Row = std::function<void(const MetricTable& of_part)>;
  PartObserver(RunObserver& outer, const MetricTable& whole, std::int64_t steps_before, Row add_row)
      : outer_(outer), whole_(whole), steps_(steps_before), add_row_(std::move(add_row)) {}
  void on_progress(const RunProgress& progress) override {
    RunProgress p = progress;
    p.round = static_cast<int>(whole_.rows()) + 1;
    p.rounds = 0;
    p.steps += steps_;
    outer_.on_progress(p);
  }
  void on_round(const MetricTable& metrics, const RoundReport& report) override {
    add_row_(metrics);
    outer_.on_round(whole_, report);
  }
  bool on_safe_point(bool round_over) override { return outer_.on_safe_point(round_over); }
  void on_failure() override { outer_.on_failure(); }
  bool stop_requested() override { return outer_.stop_requested(); }

 private:
  RunObserver& outer_;
  const MetricTable& whole_;
  std::int64_t steps_;
  Row add_row_;
};

std::vector<MetricColumn> mbmf_columns() {
  return {{.name = "part", .title = "part", .decimals = 0},
          {.name = "model_loss", .title = "model", .decimals = 4},
          {.name = "planner_return", .title = "planner", .decimals = 1},
          {.name = "score", .title = "score", .decimals = 3},
          {.name = "imitation_loss", .title = "imitation", .decimals = 4},
          {.name = "kl", .title = "KL", .decimals = 4},
          {.name = "value_loss", .title = "value", .decimals = 3},
          {.name = "entropy", .title = "entropy", .decimals = 2},
          {.name = "planner_us", .wall_clock = true, .decimals = 0},
          {.name = "policy_us", .wall_clock = true, .decimals = 2},
          {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 0}};
}

// Pets, Imitation and OnPolicyRun in turn, each with what the one before has learned.
class Mbmf final : public PolicyOwner, public DataOwner {
 public:
  Mbmf(const MbmfConfiguration& c, const AlgorithmContext& context)
      : c_(c),
        context_(context),
        env_(context.make_environment()),
        model_(MlpEnsemble::create(ensemble_settings(c.model, env_.spec()), env_.spec().encoding,
                                   env_.spec().action_dim(), context.seed)),
        trainer_(c.training, context.pool, context.seed),
        rollouts_(model_, given_reward(model_, env_.spec()), given_termination(model_, env_.spec()),
                  c.rollout, context.pool, context.seed),
        controller_(c.own_planners.make(rollouts_, action_bounds(env_.spec()), c.planner, context.seed),
                    action_bounds(env_.spec()), c.mpc, context.seed),
        planning_(env_, model_, trainer_, rollouts_, controller_, context.pool, c.planning, context.seed),
        imitation_(imitation_of(c), context, expert()),
        metrics_(MetricTable::with(mbmf_columns())) {}

  bool run(RunObserver& observer) {
    if (!tuning_) {
      PartObserver first(observer, metrics_, 0, [&](const MetricTable& m) { add_planning(m); });
      if (!planning_.run(first)) return false;
      PartObserver second(observer, metrics_, planned(), [&](const MetricTable& m) { add_imitation(m); });
      if (!imitation_.run(second)) return false;
      begin_tuning();
      Normalizer seen(env_.spec().obs_dim);
      seen.fit(ConstBatchRef<float>(imitation_.data().obs));
      tuning_->start_from(gaussian_around(*std::get<const MlpPolicy*>(imitation_.policy()),
                                          action_bounds(env_.spec()), c_.tuning.std),
                          seen);
    }
    PartObserver third(observer, metrics_, imitated(), [&](const MetricTable& m) { add_tuning(m); });
    return tuning_->run(third);
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() {
    if (tuning_) return tuning_->actor();
    if (imitation_.metrics().rows() > 0) return imitation_.actor();
    require(metrics_.rows() > 0, "mbmf: this run has not finished a trial yet");
    return AnyActor(
        PlannerActor{[c = c_, model = model_, spec = env_.spec(), &pool = context_.pool](std::uint64_t seed) {
          return std::make_unique<ModelPlanner>(c, model, spec, pool, seed);
        }});
  }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override {
    if (tuning_) return tuning_->policy();
    require(imitation_.metrics().rows() > 0, "mbmf: this run has not fitted a policy yet");
    return imitation_.policy();
  }
  const TransitionBuffer& buffer() const override { return planning_.buffer(); }

  void save(StateDict& out, const std::string& prefix) const {
    planning_.save(out, prefix + "planning.");
    imitation_.save(out, prefix + "imitation.");
    out.put_scalar(prefix + "tuning", std::int64_t{tuning_ ? 1 : 0});
    if (tuning_) tuning_->save(out, prefix + "tuning.");
    metrics_.save(out, prefix + "metrics");
  }
  void load(const StateDict& in, const std::string& prefix) {
    planning_.load(in, prefix + "planning.");
    imitation_.load(in, prefix + "imitation.");
    tuning_.reset();
    if (in.get_scalar<std::int64_t>(prefix + "tuning") != 0) {
      begin_tuning();
      tuning_->load(in, prefix + "tuning.");
    }
    metrics_.load(in, prefix + "metrics");
  }

 private:
  using Planner = AnyPlanner<Vecf, float>;

  // What the planner would do in the model as it stands when an episode begins.
  Expert expert() {
    return [this](std::uint64_t seed) -> Adviser {
      auto teacher = std::make_shared<ModelPlanner>(c_, model_, env_.spec(), context_.pool, seed);
      return [teacher](const AnyEnvironment&, ConstVecRef<double> obs, int) {
        return Advice{teacher->act(obs), {}};
      };
    };
  }

  void begin_tuning() {
    const EnvSpec& spec = env_.spec();
    tuning_.emplace("mbmf", tuning_of(c_, imitated()), context_,
                    Trpo(spec.obs_dim, action_bounds(spec), c_.tuning.trpo, context_.seed, context_.pool),
                    true);
  }

  // Environment steps after the first and the second part.
  std::int64_t planned() const { return static_cast<std::int64_t>(planning_.metrics().last("step")); }
  std::int64_t imitated() const {
    return planned() + static_cast<std::int64_t>(imitation_.metrics().last("step"));
  }

  void add_planning(const MetricTable& m) {
    metrics_.add({{"part", 1},
                  {"step", m.last("step")},
                  {"return", m.last("return")},
                  {"model_loss", m.last("train_loss")},
                  {"steps_per_s", m.last("steps_per_s")}});
  }
  void add_imitation(const MetricTable& m) {
    metrics_.add({{"part", 2},
                  {"step", static_cast<double>(planned()) + m.last("step")},
                  {"return", m.last("return")},
                  {"planner_return", m.last("expert_return")},
                  {"score", m.last("score")},
                  {"imitation_loss", m.last("validation_loss")},
                  {"planner_us", m.last("expert_us")},
                  {"policy_us", m.last("policy_us")}});
  }
  void add_tuning(const MetricTable& m) {
    metrics_.add({{"part", 3},
                  {"step", static_cast<double>(imitated()) + m.last("step")},
                  {"return", m.last("return")},
                  {"planner_return", imitation_.metrics().last("expert_return")},
                  {"kl", m.last("kl")},
                  {"value_loss", m.last("value_loss")},
                  {"entropy", m.last("entropy")},
                  {"steps_per_s", m.last("steps_per_s")}});
  }

  MbmfConfiguration c_;
  AlgorithmContext context_;
  AnyEnvironment env_;
  MlpEnsemble model_;
  NativeTrainer trainer_;
  EnsembleRollout rollouts_;
  Mpc<Planner> controller_;
  Pets<AnyEnvironment, MlpEnsemble, NativeTrainer, EnsembleRollout, Planner> planning_;
  Imitation<MlpPolicy> imitation_;
  std::optional<OnPolicyRun<Trpo>> tuning_;  // once there is a policy
  MetricTable metrics_;
};

MbmfConfiguration quick_mbmf() {
  MbmfConfiguration c;
  c.steps = 60'000;
  c.model.hidden = {64, 64};
  c.training.epochs = 30;
  c.planner.rs.population = 500;
  c.tuning.trpo.discount = 0.95;
  return c;
}

}  // namespace

void MbmfConfiguration::validate(const EnvSpec& spec) const {
  require(steps >= 1, "mbmf: steps is ", steps, ", expected at least 1");
  require_real_actions("mbmf", spec);
  require_time_limit("mbmf", spec);
  most_transitions(planning, spec);
  training.validate(model.members);
  require(rollout.horizon >= 1, "mbmf: rollout.horizon is ", rollout.horizon, ", expected at least 1");
  mpc.require_within(rollout.horizon);
  imitation_of(*this).validate("mbmf", spec);
  tuning_of(*this, 0).validate("mbmf", spec);
  tuning.trpo.validate();
  require(tuning.std > 0, "mbmf: tuning.std is ", tuning.std, ", expected more than 0");
}

void register_mbmf(AlgorithmRegistry& registry, const OwnPlanners& planners) {
  const auto with = [planners](MbmfConfiguration c) {
    c.own_planners = planners;
    return c;
  };
  AlgorithmDescription<MbmfConfiguration> d;
  d.name = "mbmf";
  d.summary =
      "MBMF (Nagabandi et al. 2018): plan in a learned model, imitate the planner, learn on without the "
      "model.";
  d.details =
      "  mbrl train mbmf --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train mbmf --env mbbl/Swimmer --steps 500000 --out runs/swimmer";
  d.steps_key = "steps";
  d.blank = with({});
  d.presets.push_back({"quick", "small networks and 60,000 steps, for a first look",
                       [with](const EnvSpec&) { return with(quick_mbmf()); }});
  d.check = [](const MbmfConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  d.make = [](const MbmfConfiguration& c, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Mbmf>(c, context));
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
