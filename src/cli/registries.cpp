#include "registries.hpp"

#include "control_tasks.hpp"
#include "experts.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/cli.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "torch_plugin.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/environments.hpp"
#endif

namespace mbrl {
namespace {

// LibTorch's part of the program, opened where it is used.
AlgorithmRegistry built_in_algorithms(const OwnPlanners& planners) {
  AlgorithmRegistry all;
  register_built_in_algorithms(all,
                               {.there = [] { return cli::find_torch_plugin().has_value(); },
                                .open = []() -> EnsembleBackend& { return cli::torch_plugin(); }},
                               planners, cli::expert_source(planners));
  return all;
}

}  // namespace

Registries built_in_registries(const OwnPlanners& planners) {
  Registries all{{}, built_in_algorithms(planners), planners};
  register_analytic_environments(all.environments);
  cli::register_control_tasks(all.environments);
#if MBRL_HAS_MUJOCO
  mujoco::register_environments(all.environments);
#endif
  return all;
}

namespace cli {
namespace {

const Registries*& users_registries() {
  static const Registries* users = nullptr;
  return users;
}
OwnPlanners users_planners() {
  return users_registries() == nullptr ? OwnPlanners() : users_registries()->planners;
}

}  // namespace

void use_registries(const Registries& users) {
  require(users_registries() == nullptr,
          "cli_main: it was called before; a process is one run of the program");
  users_registries() = &users;
}

const AlgorithmRegistry& algorithms() {
  static const AlgorithmRegistry all = [] {
    AlgorithmRegistry registry = built_in_algorithms(users_planners());
    if (users_registries() != nullptr) registry.add_all(users_registries()->algorithms);
    return registry;
  }();
  return all;
}

const Registries& registries() {
  static const Registries all = [] {
    Registries both = built_in_registries(users_planners());
    if (users_registries() != nullptr) both.environments.add_all(users_registries()->environments);
    both.algorithms = algorithms();
    return both;
  }();
  return all;
}

}  // namespace cli
}  // namespace mbrl
