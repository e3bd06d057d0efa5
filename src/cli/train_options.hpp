// What 'mbrl train NAME' can be asked for on its command line, and the configuration that comes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "episode_video.hpp"
#include "mbrl/run/checkpoint.hpp"
#include "mbrl/run/configuration.hpp"
#include "mbrl/run/run_folder.hpp"

namespace mbrl::cli {

struct TrainOptions {
  std::string algorithm;
  std::string environment;
  std::optional<std::uint64_t> seed;
  std::optional<int> trials;
  std::optional<std::int64_t> steps;
  std::optional<std::int64_t> eval_every;
  std::optional<int> eval_episodes;
  int threads = 0;
  std::string out;
  bool resume = false;
  std::string preset;  // empty: the default one
  std::string device;  // see AlgorithmDescription::choose_device
  std::vector<std::string> assignments;
  std::string settings_file;
  double checkpoint_every_s = 60;
  bool video = false;
  VideoOptions video_options;
};

// The settings known to work for the environment, which may be named in the settings file only, then the
// user's: command line over settings file, --set over --settings, the flags with names of their own over
// both.
RunConfiguration chosen_configuration(const TrainOptions& options);
// The same, after the algorithm has looked whether it makes sense.
RunConfiguration configure(const TrainOptions& options);

// What `configure` starts from, for the environment that it comes to.
RunConfiguration default_configuration(const std::string& algorithm, const std::string& environment);

// The settings of the run in the folder. Only the budget may be changed, and not to less than is done, and
// how often it is evaluated.
RunConfiguration configuration_to_resume(const TrainOptions& options, const RunFolder& folder);

// What a process says before it begins to work on a run, of options that are no settings.
void check_session(const TrainOptions& options, const EnvSpec& spec);
// Throws where a run that is resumed has done more already than it is wanted to.
void require_budget_for(const RunPosition& done, const RunConfiguration& wanted, const RunFolder& folder,
                        const std::string& round_name);

// Settings given by the user that nothing reads, as sentences.
std::vector<std::string> settings_without_effect(const TrainOptions& options,
                                                 const RunConfiguration& configuration);

}  // namespace mbrl::cli
