#include "algorithms/planning/pets_models.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "algorithms/planning/functions_in_double.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/models/model_view.hpp"
#include "mbrl/rollout/particle_rollout.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {
namespace {

ParticleRolloutSettings particle_settings(const EnsembleRolloutSettings& s) {
  return {s.horizon, s.particles, s.propagation, s.common_noise, s.discount, s.risk};
}

// A model and who plans in it; they stay where they are.
template <class Kind>
struct Planning {
  using Model = typename Kind::Model;
  using Scalar = typename Model::Scalar;
  using Evaluator = ParticleRollout<ModelView<Model>>;
  using Planner = AnyPlanner<Vec<Scalar>, Scalar>;

  Planning(const PetsConfiguration& c, const MpcSettings& mpc, const EnvSpec& spec, ThreadPool& pool,
           std::uint64_t seed)
      : model(Kind::model(spec, c.model.kinds.of<Kind>(), seed)),
        evaluator(ModelView<Model>(model), for_scalar<Scalar>(spec.reward),
                  for_scalar<Scalar>(spec.termination), particle_settings(c.rollout), pool, seed),
        controller(c.own_planners.make(evaluator, action_bounds(spec), c.planner, seed), action_bounds(spec),
                   mpc, seed) {}
  Planning(const Planning&) = delete;
  Planning& operator=(const Planning&) = delete;

  Model model;
  Evaluator evaluator;
  Mpc<Planner> controller;
};

// Plans in the model as it was, without exploring.
template <class Kind>
class ModelActor {
 public:
  ModelActor(const PetsConfiguration& c, const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed,
             const StateDict& in, const std::string& model_prefix) {
    self_ = std::make_unique<Planning<Kind>>(c, without_exploration(c.mpc), spec, pool, seed);
    self_->model.load(in, model_prefix);
    self_->evaluator.set_model(self_->model);
  }
  void begin(std::uint64_t /*seed*/) { self_->controller.reset(); }
  Vecd act(ConstVecRef<double> obs, int /*t*/) {
    using Scalar = typename Planning<Kind>::Scalar;
    return self_->controller.act(obs.template cast<Scalar>()).template cast<double>();
  }

 private:
  std::unique_ptr<Planning<Kind>> self_;
};

template <class Kind>
class PetsOverModel final : public DataOwner {
 public:
  PetsOverModel(const PetsConfiguration& c, const AlgorithmContext& context)
      : c_(c),
        pool_(context.pool),
        seed_(context.seed),
        env_(context.make_environment()),
        trainer_(Kind::trainer(c.model.kinds.of<Kind>(), pool_, seed_)),
        planning_(c, c.mpc, env_.spec(), pool_, seed_),
        pets_(env_, planning_.model, trainer_, planning_.evaluator, planning_.controller, pool_, c.pets,
              seed_) {}

  bool run(RunObserver& observer) { return pets_.run(observer); }
  const MetricTable& metrics() const { return pets_.metrics(); }
  AnyActor actor() {
    StateDict state;
    planning_.model.save(state, "model.");
    return AnyActor(ModelActor<Kind>(c_, env_.spec(), pool_, seed_, state, "model."));
  }
  AnyEnvironment& environment() { return env_; }
  void save(StateDict& out, const std::string& prefix) const { pets_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { pets_.load(in, prefix); }
  const TransitionBuffer& buffer() const override { return pets_.buffer(); }

 private:
  PetsConfiguration c_;
  ThreadPool& pool_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  typename Kind::Trainer trainer_;
  Planning<Kind> planning_;
  Pets<AnyEnvironment, typename Kind::Model, typename Kind::Trainer, typename Planning<Kind>::Evaluator,
       typename Planning<Kind>::Planner>
      pets_;
};

// Whether a model of this name reads the setting.
bool reads(const PetsModelSettings& model, const std::string& key) {
  const auto of_kind = [&](const std::string& name) { return key.starts_with("model." + name + "."); };
  const std::vector<std::string> kinds = model_kind_names();
  if (std::any_of(kinds.begin(), kinds.end(), of_kind)) return of_kind(model.name);
  const bool ensembles = (key.starts_with("model.") && key != "model.name") || key.starts_with("training.") ||
                         key == "rollout.data_margin" || key == "trainer" || key == "evaluator";
  return !ensembles || model.is_ensemble();
}

}  // namespace

void check_pets_model(const PetsConfiguration& c, const EnvSpec& spec) {
  std::vector<std::string> known = model_kind_names();
  known.insert(known.begin(), PetsModelSettings::kEnsemble);
  require_model_kind("pets: model.name", c.model.name, known);
  require(c.model.is_ensemble() || c.planner.name != "gradient",
          "pets: planner.name is gradient, which descends in the ensemble alone, but model.name is ",
          c.model.name, "; expected a planner that samples, or model.name=ensemble");
  // Presets change settings of all models; a value that none of them has is somebody's wish.
  std::vector<std::vector<SettingInfo>> presets;
  for (const PetsConfiguration& preset :
       {PetsConfiguration(), default_pets(spec.name), quick_pets(spec.name), published_pets(spec.name)}) {
    presets.emplace_back();
    for (SettingInfo& setting : list_keys(preset)) presets.back().push_back(std::move(setting));
  }
  for (const SettingInfo& setting : list_keys(c)) {
    if (reads(c.model, setting.key)) continue;
    const bool chosen =
        std::none_of(presets.begin(), presets.end(), [&](const std::vector<SettingInfo>& preset) {
          return std::any_of(preset.begin(), preset.end(), [&](const SettingInfo& s) {
            return s.key == setting.key && s.value == setting.value;
          });
        });
    require(!chosen, "pets: ", setting.key, " is ", setting.value, ", which has no effect: model.name is ",
            c.model.name);
  }
  if (c.model.is_ensemble()) return;
  require(static_cast<bool>(spec.reward), "pets: ", spec.name,
          " has no reward that a planner can compute, which only model.name 'ensemble' learns, but "
          "model.name is ",
          c.model.name);
  with_model_kind(c.model.name, [&]<class Kind>(Kind) {
    const int members = Kind::members(c.model.kinds.of<Kind>());
    require(c.rollout.propagation != Propagation::kTSinf || members < 1 || c.rollout.particles % members == 0,
            "pets: rollout.particles is ", c.rollout.particles, ", expected a multiple of the ", members,
            " members of the ", Kind::kName, " (or another rollout.propagation than TSinf)");
    return true;
  });
}

AnyAlgorithm make_pets_over_model(const PetsConfiguration& c, const AlgorithmContext& context) {
  return *with_model_kind(c.model.name, [&]<class Kind>(Kind) {
    return AnyAlgorithm(std::make_unique<PetsOverModel<Kind>>(c, context));
  });
}

AnyActor load_pets_over_model(const PetsConfiguration& c, const AlgorithmContext& context,
                              const StateDict& in, const std::string& prefix) {
  const EnvSpec spec = context.make_environment().spec();
  return *with_model_kind(c.model.name, [&]<class Kind>(Kind) {
    return AnyActor(ModelActor<Kind>(c, spec, context.pool, context.seed, in, prefix + "model."));
  });
}

}  // namespace mbrl
