#include "mbrl/algorithms/planning/pets_algorithm.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "algorithms/fit_model.hpp"
#include "algorithms/planning/pets_models.hpp"
#include "mbrl/algorithms/planning/ensemble_planning.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {
namespace {

constexpr const char* kChoices = "native, torch-cpu, torch-cuda or torch-cuda:<index>";

// Makes a run's parts from its configuration.
struct Parts {
  PetsConfiguration configuration;
  EnsembleBackendSource backend;

  EnsembleBackend& opened() const {
    require(static_cast<bool>(backend.open),
            "this program has no LibTorch; expected trainer and evaluator 'native' (--device cpu)");
    return backend.open();
  }
  // The device of "torch-cuda:1", checked; empty for "native".
  std::string device_of(const std::string& what, const std::string& choice) const {
    if (choice == "native") return "";
    require(choice.starts_with("torch-"), what, " is '", choice, "', expected ", kChoices);
    std::string device = choice.substr(6);
    opened().check_device(device);
    return device;
  }

  MlpEnsembleSettings model_settings(const EnvSpec& spec) const {
    return ensemble_settings(configuration.model, spec);
  }
  MlpEnsemble model(const EnvSpec& spec, std::uint64_t seed) const {
    return MlpEnsemble::create(model_settings(spec), spec.encoding, spec.action_dim(), seed);
  }
  AnyEnsembleTrainer trainer(ThreadPool& pool, std::uint64_t seed) const {
    const std::string device = device_of("trainer", configuration.trainer);
    if (device.empty()) return AnyEnsembleTrainer(NativeTrainer(configuration.training, pool, seed));
    return opened().trainer(configuration.training, device, seed);
  }
  EnsembleRollout native_rollout(const EnsembleRolloutSettings& rollout, const MlpEnsemble& model,
                                 const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed) const {
    return {model, given_reward(model, spec), given_termination(model, spec), rollout, pool, seed};
  }
  AnyEnsembleEvaluator evaluator(const EnsembleRolloutSettings& rollout, const MlpEnsemble& model,
                                 const EnvSpec& spec, ThreadPool& pool, std::uint64_t seed) const {
    const std::string device = device_of("evaluator", configuration.evaluator);
    if (device.empty()) {
      AnyEnsembleEvaluator native(native_rollout(rollout, model, spec, pool, seed));
      if (descends()) native.keep_model(model);
      return native;
    }
    require(!descends(), "evaluator is '", configuration.evaluator, "', expected native for planner.name ",
            "gradient");
    require(!given_termination(model, spec), "evaluator is '", configuration.evaluator, "', but ", spec.name,
            " ends episodes early, which LibTorch's evaluator is not told; expected native");
    return opened().evaluator(model, spec.name, rollout, device, seed);
  }
  bool descends() const { return configuration.planner.name == "gradient"; }
  AnyPlanner<Vecf, float> planner(AnyEnsembleEvaluator& evaluator, const EnvSpec& spec, ThreadPool& pool,
                                  std::uint64_t seed) const {
    if (descends())
      return AnyPlanner<Vecf, float>(
          EnsembleGradient(evaluator, spec, configuration.descending.gradient, seed, pool));
    return configuration.own_planners.make(evaluator, action_bounds(spec), configuration.planner, seed);
  }
};

// Plans in the model as it is, without exploring.
class ModelController {
 public:
  ModelController(const Parts& parts, const MlpEnsemble& model, const EnvSpec& spec, ThreadPool& pool,
                  std::uint64_t seed)
      : self_(std::make_unique<Self>(parts, model, spec, pool, seed)) {}
  void begin(std::uint64_t /*seed*/) { self_->controller.reset(); }
  const Vecd& act(ConstVecRef<double> obs, int /*t*/) { return self_->controller.act(obs); }

 private:
  struct Self {  // stays where it is: the planner refers to the evaluator
    Self(const Parts& parts, const MlpEnsemble& model, const EnvSpec& spec, ThreadPool& pool,
         std::uint64_t seed)
        : evaluator(parts.evaluator(parts.configuration.rollout, model, spec, pool, seed)),
          controller(parts.planner(evaluator, spec, pool, seed), action_bounds(spec),
                     without_exploration(parts.configuration.mpc), seed) {}
    AnyEnsembleEvaluator evaluator;
    Mpc<AnyPlanner<Vecf, float>> controller;
  };
  std::unique_ptr<Self> self_;
};

class PetsAlgorithm final : public EnsemblePlanning {
 public:
  PetsAlgorithm(Parts parts, const AlgorithmContext& context)
      : parts_(std::move(parts)),
        pool_(context.pool),
        seed_(context.seed),
        env_(context.make_environment()),
        model_(parts_.model(env_.spec(), seed_)),
        trainer_(parts_.trainer(pool_, seed_)),
        evaluator_(parts_.evaluator(parts_.configuration.rollout, model_, env_.spec(), pool_, seed_)),
        controller_(parts_.planner(evaluator_, env_.spec(), pool_, seed_), action_bounds(env_.spec()),
                    parts_.configuration.mpc, seed_),
        pets_(env_, model_, trainer_, evaluator_, controller_, pool_, parts_.configuration.pets, seed_) {}

  bool run(RunObserver& observer) { return pets_.run(observer); }
  const MetricTable& metrics() const { return pets_.metrics(); }
  AnyActor actor() { return AnyActor(ModelController(parts_, model_, env_.spec(), pool_, seed_)); }
  AnyEnvironment& environment() { return env_; }
  void save(StateDict& out, const std::string& prefix) const { pets_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { pets_.load(in, prefix); }

  EnsemblePlanningSettings planning() const override {
    return {parts_.configuration.rollout, parts_.configuration.planner, parts_.configuration.own_planners};
  }
  MpcSettings execution() const override { return parts_.configuration.mpc; }
  std::uint64_t seed() const override { return seed_; }
  ThreadPool& pool() override { return pool_; }
  const TransitionBuffer& buffer() const override { return pets_.buffer(); }
  AnyEnsembleEvaluator evaluator(const EnsembleRolloutSettings& settings, std::uint64_t seed) override {
    return parts_.evaluator(settings, model_, env_.spec(), pool_, seed);
  }
  EnsembleRollout native_rollout() override {
    return parts_.native_rollout(parts_.configuration.rollout, model_, env_.spec(), pool_, seed_);
  }

 private:
  using Planner = AnyPlanner<Vecf, float>;
  Parts parts_;
  ThreadPool& pool_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  MlpEnsemble model_;
  AnyEnsembleTrainer trainer_;
  AnyEnsembleEvaluator evaluator_;
  Mpc<Planner> controller_;
  Pets<AnyEnvironment, MlpEnsemble, AnyEnsembleTrainer, AnyEnsembleEvaluator, Planner> pets_;
};

AnyActor load_controller(const Parts& parts, const AlgorithmContext& context, const StateDict& in,
                         const std::string& prefix) {
  const EnvSpec spec = context.make_environment().spec();
  MlpEnsemble model = parts.model(spec, context.seed);
  model.load(in, prefix + "model.");
  return AnyActor(ModelController(parts, model, spec, context.pool, context.seed));
}

// "cpu" chooses our own trainer and evaluator, "cuda" (or "cuda:<index>") LibTorch's on a GPU, "auto" the GPU
// if there is one. The evaluator stays on the CPU where the environment has no reward on tensors, and that is
// logged.
void choose_device(Parts& parts, const std::string& device, const EnvSpec& spec) {
  PetsConfiguration& c = parts.configuration;
  const bool automatic = device == "auto";
  require(automatic || device == "cpu" || device == "cuda" || device.starts_with("cuda:"), "--device is '",
          device, "', expected cpu, cuda, cuda:<index> or auto");
  c.trainer = c.evaluator = "native";
  if (device == "cpu") return;
  if (!c.model.is_ensemble()) {
    require(automatic, "--device is '", device, "', but model.name is ", c.model.name,
            ", which is learned on the CPU; expected cpu or auto");
    return;
  }
  const bool there = parts.backend.there && parts.backend.there();
  if (automatic && !(there && parts.opened().cuda_available())) {
    spdlog::info("--device auto: no GPU that LibTorch can use, so the CPU it is");
    return;
  }
  const std::string chosen = automatic ? "cuda" : device;
  parts.opened().check_device(chosen);
  c.trainer = "torch-" + chosen;
  const std::vector<std::string> known = parts.opened().tensor_tasks();
  const MlpEnsembleSettings model = parts.model_settings(spec);
  const bool has_reward =
      model.learned_reward || std::find(known.begin(), known.end(), spec.name) != known.end();
  if (has_reward && (model.learned_termination || !spec.termination))
    c.evaluator = "torch-" + chosen;
  else
    spdlog::warn(
        "--device {}: {} has no reward and termination on tensors, so its plans are evaluated on the CPU",
        device, spec.name);
}

// Settings given by the user that nothing reads.
std::vector<std::string> remarks(const PetsConfiguration& c, const std::vector<std::string>& given) {
  std::vector<std::string> sentences;
  const auto known = list_keys(c);
  const auto has = [&](const std::string& prefix) {
    return std::any_of(known.begin(), known.end(),
                       [&](const SettingInfo& k) { return k.key.starts_with(prefix); });
  };
  for (const std::string& key : given) {
    // planner.NAME.x belongs to the planner of that name.
    constexpr std::string_view kPlanner = "planner.";
    if (!key.starts_with(kPlanner)) continue;
    const std::string name = key.substr(kPlanner.size(), key.find('.', kPlanner.size()) - kPlanner.size());
    if (has("planner." + name + ".") && has("planner." + c.planner.name + ".") && name != c.planner.name)
      sentences.push_back(key + " has no effect: planner.name is " + c.planner.name);
  }
  if (c.model.is_ensemble() && c.model.hidden.empty())
    sentences.push_back("model.hidden is []: the models are linear");
  return sentences;
}

}  // namespace

void register_pets(AlgorithmRegistry& registry, const EnsembleBackendSource& backend,
                   const OwnPlanners& planners) {
  using Configuration = PetsConfiguration;
  const auto with = [planners](Configuration c) {
    c.own_planners = planners;
    return c;
  };
  Configuration blank;
  blank.own_planners = planners;
  registry.add<Configuration>(
      {.name = "pets",
       .summary = "PETS (Chua et al. 2018): learn an ensemble of dynamics models, plan in it, repeat.",
       .details =
           "  mbrl train pets --env pets/CartPole --seed 1 --out runs/cartpole\n"
           "  mbrl train pets --env pets/HalfCheetah --trials 20 --set rollout.particles=10 --out "
           "runs/cheetah\n"
           "  mbrl train pets --out runs/cheetah --resume            continue after Ctrl-C, a crash, or for "
           "more --trials\n"
           "  mbrl train pets --env pets/CartPole --seed 1..5 --set planner.name=icem,cem --out runs/sweep\n"
           "                                                         a run for each combination, one table, "
           "one plot\n"
           "  mbrl train pets --env pets/CartPole --set model.name=linear,forest,gp --out "
           "runs/models\n"
           "                                                         the same loop over other models",
       .steps_key = "pets.steps",
       .rounds_key = "pets.trials",
       .blank = std::move(blank),
       .defaults = [with](const EnvSpec& spec) { return with(default_pets(spec.name)); },
       .presets = {{"quick", "small networks, for a first look",
                    [with](const EnvSpec& spec) { return with(quick_pets(spec.name)); }},
                   {"published", "the paper's",
                    [with](const EnvSpec& spec) { return with(published_pets(spec.name)); }}},
       .check =
           [](const Configuration& c, const EnvSpec& spec) {
             most_transitions(c.pets, spec);
             check_pets_model(c, spec);
             if (c.model.is_ensemble()) c.training.validate(c.model.members);
             require(c.rollout.horizon >= 1, "pets: rollout.horizon is ", c.rollout.horizon,
                     ", expected at least 1");
             c.mpc.require_within(c.rollout.horizon);
           },
       .make =
           [backend](const Configuration& c, const AlgorithmContext& context) {
             if (!c.model.is_ensemble()) return make_pets_over_model(c, context);
             return AnyAlgorithm(std::make_unique<PetsAlgorithm>(Parts{c, backend}, context));
           },
       .load_actor =
           [backend](const Configuration& c, const AlgorithmContext& context, const StateDict& in,
                     const std::string& prefix) {
             require(!in.get<double>(prefix + "metrics").empty(), "this run has not finished a trial yet");
             if (!c.model.is_ensemble()) return load_pets_over_model(c, context, in, prefix);
             return load_controller(Parts{c, backend}, context, in, prefix);
           },
       .choose_device =
           [backend](Configuration& c, const std::string& device, const EnvSpec& spec) {
             Parts parts{c, backend};
             choose_device(parts, device, spec);
             c = parts.configuration;
           },
       .remarks = remarks});
}

}  // namespace mbrl
