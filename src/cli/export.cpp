// mbrl export: the policy of a run, for programs without this library.
#include <cstdio>
#include <filesystem>
#include <variant>

#include "command_line.hpp"
#include "commands.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/safetensors.hpp"
#include "mbrl/policy/policy_file.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

struct ExportOptions {
  std::string folder, out, name = "policy_act";
};

void export_policy(const ExportOptions& options) {
  const std::filesystem::path out = options.out;
  const bool source = out.extension() == ".h";
  require(source || out.extension() == ".safetensors", "--out is '", options.out,
          "', expected a file that ends in .h (C source) or .safetensors (arrays)");
  require_writable(out);
  LoadedRun run = load_run(options.folder, registries(), {.threads = 1});
  const auto* owner = run.algorithm.find<PolicyOwner>();
  require(
      owner != nullptr, options.folder, " is a run of ", run.configuration.algorithm,
      ", which acts by planning, from a table, by basis functions or with a memory: there is no network of "
      "observations alone to export; "
      "'mbrl eval' and load_controller (docs/your_own_algorithm.md) act with what it has learned");
  const MetricTable& metrics = run.algorithm.metrics();
  require(metrics.rows() > 0, options.folder, " has not finished an episode yet");
  const std::string about = "Policy of " + run.configuration.algorithm + " for " +
                            run.configuration.environment + ", seed " +
                            std::to_string(run.configuration.seed) + ", after " +
                            std::to_string(static_cast<long long>(metrics.last("step"))) +
                            " environment steps; written by mbrl export.";
  const auto write = [&](const auto* policy) {
    if (source) {
      write_file_atomically(out, policy_c_header(*policy, options.name, about));
      std::printf("%s: %s(observation[%d], action[%d]), C99\n", options.out.c_str(), options.name.c_str(),
                  policy->obs_dim(), policy->action_dim());
    } else {
      StateDict arrays = policy_arrays(*policy);
      arrays.metadata["about"] = about;
      save_safetensors(out, arrays);
      std::printf("%s: %zu arrays, observation %d, action %d\n", options.out.c_str(), arrays.arrays.size(),
                  policy->obs_dim(), policy->action_dim());
    }
  };
  std::visit(write, owner->policy());
}

}  // namespace

void add_export(CLI::App& app) {
  auto* command = add_command(
      app, "export", "Write a run's policy as C source or as arrays",
      "The policy acts without exploration, as in 'mbrl eval'. Runs that plan (pets, versions) have none.\n\n"
      "  mbrl export runs/pendulum --out policy.h                 one C99 header, no library\n"
      "  mbrl export runs/pendulum --out policy.safetensors       arrays, for numpy and others");
  auto options = std::make_shared<ExportOptions>();
  command->add_option("run", options->folder, "Run folder")->required();
  command->add_option("--out", options->out, "File that ends in .h or .safetensors")->required();
  command->add_option("--name", options->name, "The function in the header")->capture_default_str();
  command->callback([options] { export_policy(*options); });
}

}  // namespace mbrl::cli
