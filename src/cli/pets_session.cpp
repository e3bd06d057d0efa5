#include "pets_session.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "mbrl/algorithms/environment_bounds.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "torch_plugin.hpp"

namespace mbrl::cli {
namespace {

constexpr const char* kChoices = "native, torch-cpu, torch-cuda or torch-cuda:<index>";

// The device of "torch-cuda:1", checked; empty for "native".
std::string device_of(const std::string& what, const std::string& choice) {
  if (choice == "native") return "";
  require(choice.starts_with("torch-"), what, " is '", choice, "', expected ", kChoices);
  std::string device = choice.substr(6);
  torch_plugin().check_device(device);
  return device;
}

}  // namespace

MlpEnsembleSettings model_settings(const PetsConfiguration& configuration, const EnvSpec& spec) {
  MlpEnsembleSettings settings = configuration.model;
  settings.learned_reward = settings.learned_reward || !spec.reward;
  return settings;
}

AnyTrainer make_trainer(const PetsConfiguration& c, ThreadPool& pool) {
  const std::string device = device_of("trainer", c.trainer);
  if (device.empty()) return AnyTrainer(NativeTrainer(c.training, pool, c.seed));
  return torch_plugin().trainer(c.training, device, c.seed);
}

EnsembleRollout native_evaluator(const PetsConfiguration& c, const MlpEnsemble& model, const EnvSpec& spec,
                                 ThreadPool& pool, std::uint64_t seed) {
  return {model,
          model.settings.learned_reward ? RewardFunction<float>{} : spec.reward,
          spec.termination,
          c.rollout,
          pool,
          seed};
}

AnyEvaluator make_evaluator(const PetsConfiguration& c, const MlpEnsemble& model, const EnvSpec& spec,
                            ThreadPool& pool, std::uint64_t seed) {
  const std::string device = device_of("evaluator", c.evaluator);
  if (device.empty()) return AnyEvaluator(native_evaluator(c, model, spec, pool, seed));
  require(!spec.termination, "evaluator is '", c.evaluator, "', but ", spec.name,
          " ends episodes early, which LibTorch's evaluator is not told; expected native");
  return torch_plugin().evaluator(model, spec.name, c.rollout, device, seed);
}

AnyPlanner<Vecf, float> make_run_planner(AnyEvaluator& evaluator, const EnvSpec& spec,
                                         const PlannerSettings& settings, std::uint64_t seed) {
  return make_planner(evaluator, action_bounds(spec), settings, seed);
}

void choose_device(PetsConfiguration& c, const std::string& device, const EnvSpec& spec) {
  if (device.empty()) return;
  const bool automatic = device == "auto";
  require(automatic || device == "cpu" || device == "cuda" || device.starts_with("cuda:"), "--device is '",
          device, "', expected cpu, cuda, cuda:<index> or auto");
  c.trainer = c.evaluator = "native";
  if (device == "cpu") return;
  if (automatic && (!find_torch_plugin() || !torch_plugin().cuda_available())) {
    spdlog::info("--device auto: no GPU that LibTorch can use, so the CPU it is");
    return;
  }
  const std::string chosen = automatic ? "cuda" : device;
  torch_plugin().check_device(chosen);
  c.trainer = "torch-" + chosen;
  const std::vector<std::string> known = torch_plugin().tensor_tasks();
  const bool has_reward = model_settings(c, spec).learned_reward ||
                          std::find(known.begin(), known.end(), spec.name) != known.end();
  if (has_reward && !spec.termination)
    c.evaluator = "torch-" + chosen;
  else
    spdlog::warn(
        "--device {}: {} has no reward and termination on tensors, so its plans are evaluated on the CPU",
        device, spec.name);
}

PetsSession::PetsSession(const PetsConfiguration& c, int threads)
    : pool(threads),
      env(all_environments().make(c.environment)),
      model(MlpEnsemble::create(model_settings(c, env.spec()), env.spec().encoding, env.spec().action_dim(),
                                c.seed)),
      trainer(make_trainer(c, pool)),
      evaluator(make_evaluator(c, model, env.spec(), pool, c.seed)),
      controller(make_run_planner(evaluator, env.spec(), c.planner, c.seed), action_bounds(env.spec()), c.mpc,
                 c.seed),
      pets(env, model, trainer, evaluator, controller, pool, c.pets, c.seed) {}

}  // namespace mbrl::cli
