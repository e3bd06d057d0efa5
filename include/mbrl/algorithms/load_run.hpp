// Run folders read back: their configuration, what acts, or the whole algorithm.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/planning/registry/own_planners.hpp"
#include "mbrl/run/checkpoint.hpp"
#include "mbrl/run/configuration.hpp"
#include "mbrl/run/run_folder.hpp"

namespace mbrl {

/// What can be named in a run's settings. It must outlive what is made from it.
struct Registries {
  EnvRegistry environments;
  AlgorithmRegistry algorithms;
  OwnPlanners planners;  // beside the library's, for algorithms that plan
};

/// The algorithm of folders whose settings name none: before 0.1.0 there was only this one.
inline constexpr const char* kUnnamedAlgorithm = "pets";

/// The settings of the run in a folder.
/// Throws mbrl::Error for an algorithm or a key that is not known.
RunConfiguration read_configuration(const RunFolder& folder, const AlgorithmRegistry& algorithms);

struct LoadOptions {
  int threads = 0;       // 0: all cores
  std::string device{};  // empty: as in training; else see AlgorithmDescription::choose_device
};

/// What acts in a run's environment with what the run has learned, without its data and its training.
struct RunController {
  RunConfiguration configuration;
  std::unique_ptr<ThreadPool> pool;  // the actor's
  AnyEnvironment environment;
  AnyActor actor;
};

/// Throws mbrl::Error if the folder is not a run's, or if nothing was learned yet.
///   RunController run = load_controller("runs/cheetah", registries);
///   run.actor.begin(1);
///   run.environment.step(run.actor.act(run.environment.reset(1), 0));
RunController load_controller(const std::filesystem::path& folder, const Registries& registries,
                              const LoadOptions& options = {});

/// A run with everything it has learned from, for looking at.
struct LoadedRun {
  RunConfiguration configuration;
  std::unique_ptr<ThreadPool> pool;  // the algorithm's
  AnyAlgorithm algorithm;
};

LoadedRun load_run(const std::filesystem::path& folder, const Registries& registries,
                   const LoadOptions& options = {});

/// The algorithm of a configuration, as it is before its first step. The pool must outlive it.
AnyAlgorithm make_algorithm(const RunConfiguration& configuration, const Registries& registries,
                            ThreadPool& pool);

}  // namespace mbrl
