#include "mbrl/algorithms/load_run.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/settings_file.hpp"

namespace mbrl {
namespace {

AlgorithmContext context_of(const RunConfiguration& c, const Registries& registries, ThreadPool& pool) {
  return {[&environments = registries.environments, name = c.environment] { return environments.make(name); },
          pool, c.seed};
}

RunConfiguration configuration_for(const RunFolder& folder, const Registries& registries,
                                   const std::string& device) {
  RunConfiguration c = read_configuration(folder, registries.algorithms);
  if (device.empty()) return c;
  const AlgorithmEntry& entry = registries.algorithms.at(c.algorithm);
  require(static_cast<bool>(entry.choose_device), "--device is '", device, "', but ", c.algorithm,
          " has no choice of device; leave it out");
  entry.choose_device(c.own, device, registries.environments.spec(c.environment));
  return c;
}

}  // namespace

RunConfiguration read_configuration(const RunFolder& folder, const AlgorithmRegistry& algorithms) {
  const std::string where = folder.settings().string();
  RunConfiguration c;
  c.algorithm = json_text_at(read_file(folder.settings()), "algorithm", where);
  if (c.algorithm.empty()) c.algorithm = kUnnamedAlgorithm;
  const std::vector<std::string> known = algorithms.names();
  require(std::find(known.begin(), known.end(), c.algorithm) != known.end(), where, ": the run is of '",
          c.algorithm, "', which is no algorithm of this program", did_you_mean(c.algorithm, known),
          "; a run of an algorithm of your own is read by your own program");
  c.own = algorithms.at(c.algorithm).blank;
  load_settings_file(c, folder.settings());
  return c;
}

AnyAlgorithm make_algorithm(const RunConfiguration& c, const Registries& registries, ThreadPool& pool) {
  const AlgorithmEntry& entry = registries.algorithms.at(c.algorithm);
  entry.check(c.own, registries.environments.spec(c.environment));
  return entry.make(c.own, context_of(c, registries, pool));
}

RunController load_controller(const std::filesystem::path& path, const Registries& registries,
                              const LoadOptions& options) {
  const RunFolder folder = RunFolder::open(path);
  RunConfiguration c = configuration_for(folder, registries, options.device);
  const StateDict state = load_checkpoint(folder, c.algorithm);
  auto pool = std::make_unique<ThreadPool>(options.threads);
  AnyEnvironment env = registries.environments.make(c.environment);
  AnyActor actor =
      registries.algorithms.at(c.algorithm)
          .load_actor(c.own, context_of(c, registries, *pool), state, checkpoint_prefix(c.algorithm));
  return {std::move(c), std::move(pool), std::move(env), std::move(actor)};
}

LoadedRun load_run(const std::filesystem::path& path, const Registries& registries,
                   const LoadOptions& options) {
  const RunFolder folder = RunFolder::open(path);
  RunConfiguration c = configuration_for(folder, registries, options.device);
  const StateDict state = load_checkpoint(folder, c.algorithm);
  auto pool = std::make_unique<ThreadPool>(options.threads);
  AnyAlgorithm algorithm = make_algorithm(c, registries, *pool);
  algorithm.load(state, checkpoint_prefix(c.algorithm));
  require(algorithm.metrics().rows() > 0, folder.path().string(), " has not finished a ",
          algorithm.metrics().round_name(), " yet");
  return {std::move(c), std::move(pool), std::move(algorithm)};
}

}  // namespace mbrl
