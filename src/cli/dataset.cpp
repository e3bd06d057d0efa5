// mbrl dataset: what a run has experienced, or a data set of others, as one file; and what such a file holds.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>

#include "command_line.hpp"
#include "commands.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

struct DatasetOptions {
  std::string source, out, environment;
};

// Rows, episodes, and what those brought that are whole.
void describe(const TransitionBuffer& data, const std::string& name, const std::string& environment) {
  double sum = 0, least = std::numeric_limits<double>::infinity(), most = -least;
  int ended = 0, cut = 0;
  const std::vector<EpisodeRange> episodes = data.episodes();
  for (const EpisodeRange& episode : episodes) {
    const std::size_t last = episode.first + episode.length - 1;
    if (data.step(episode.first) != 0 || !(data.terminated(last) || data.truncated(last))) continue;
    (data.terminated(last) ? ended : cut) += 1;
    double total = 0;
    for (std::size_t row = episode.first; row <= last; ++row) total += static_cast<double>(data.reward(row));
    sum += total;
    least = std::min(least, total);
    most = std::max(most, total);
  }
  const int whole = ended + cut, parts = static_cast<int>(episodes.size()) - whole;
  std::printf("%s: transitions %zu, episodes %zu; observation %d, action %d%s%s\n", name.c_str(), data.size(),
              episodes.size(), data.obs_dim(), data.action_dim(), environment.empty() ? "" : "; of ",
              environment.c_str());
  std::printf("episodes: %d terminated, %d truncated, %d not whole", ended, cut, parts);
  if (whole > 0) std::printf("; returns %.1f to %.1f, mean %.1f", least, most, sum / whole);
  std::printf("\n");
}

// A run's own files are not to be written over.
void require_outside(const std::filesystem::path& out, const std::filesystem::path& run) {
  std::error_code ignored;
  const auto target = std::filesystem::weakly_canonical(out, ignored),
             folder = std::filesystem::weakly_canonical(run, ignored);
  const auto left = std::mismatch(folder.begin(), folder.end(), target.begin(), target.end()).first;
  require(left != folder.end(), "--out is '", out.string(),
          "', expected a file outside the run's own folder");
}

// --env says what a file does not: it may not contradict it, nor its arrays.
void require_fits(const DatasetOptions& options, const TransitionBuffer& data, const std::string& of) {
  const std::string& name = options.environment;
  require(of.empty() || of == name, "--env is '", name, "', but ", options.source, " says that it is of ", of,
          "; expected no --env");
  if (!registries().environments.contains(name)) return;  // of another program
  const EnvSpec& spec = registries().environments.spec(name);
  require(data.obs_dim() == spec.obs_dim && data.action_dim() == spec.action_dim(), "--env is '", name,
          "', which has ", spec.obs_dim, " observations and ", spec.action_dim(), " actions, but ",
          options.source, " has ", data.obs_dim(), " and ", data.action_dim());
}

void dataset(const DatasetOptions& options) {
  const std::filesystem::path source = options.source, out = options.out;
  require(std::filesystem::exists(source), options.source,
          " is not there; expected a data set or a run folder");
  const bool is_run = std::filesystem::is_directory(source);
  require(!is_run || !options.out.empty(), options.source,
          " is a folder, expected a run folder and --out, or a data set to describe");
  if (!options.out.empty()) {
    require(out.extension() == ".safetensors", "--out is '", options.out,
            "', expected a file that ends in .safetensors");
    require_outside(out, source);
    require_writable(out);
  }
  if (!is_run) {
    std::string environment;
    const TransitionBuffer data = TransitionBuffer::load_dataset(source, 0, &environment);
    require(!data.empty(), options.source, " holds no transition");
    if (!options.environment.empty()) {
      require_fits(options, data, environment);
      environment = options.environment;
    }
    if (!options.out.empty()) data.save_dataset(out, environment);
    return describe(data, options.out.empty() ? options.source : options.out, environment);
  }
  require(options.environment.empty(), options.source,
          " is a run, which names its environment itself, expected no --env");
  LoadedRun run = load_run(source, registries(), {.threads = 1});
  const auto* owner = run.algorithm.find<DataOwner>();
  require(owner != nullptr, options.source, " is a run of ", run.configuration.algorithm,
          ", which does not say what it has experienced (DataOwner, docs/your_own_algorithm.md)");
  require(!owner->buffer().empty(), options.source, " has not experienced anything yet");
  const std::string environment = run.algorithm.environment().spec().name;
  owner->buffer().save_dataset(out, environment);
  describe(TransitionBuffer::load_dataset(out), options.out, environment);  // in the order of the file
}

}  // namespace

void add_dataset(CLI::App& app) {
  auto* command =
      add_command(app, "dataset", "Make a data set of a run or of others' data, or describe one",
                  "A data set is a safetensors file of the arrays obs, action, next_obs, reward, terminated, "
                  "truncated, episode and "
                  "step (docs/files.md), which numpy reads and TransitionBuffer::load_dataset too.\n\n"
                  "  mbrl dataset runs/pendulum --out pendulum.safetensors\n"
                  "  mbrl dataset pendulum.safetensors                        what it holds\n"
                  "  mbrl dataset hopper_medium.hdf5 --out hopper.safetensors  D4RL's or Minari's layout");
  auto options = std::make_shared<DatasetOptions>();
  command->add_option("source", options->source, "Run folder, or a data set")->required();
  command->add_option("--env", options->environment,
                      "Environment that a data set of others is of; a run's says so itself");
  command->add_option("--out", options->out, "File that ends in .safetensors");
  command->callback([options] { dataset(*options); });
}

}  // namespace mbrl::cli
