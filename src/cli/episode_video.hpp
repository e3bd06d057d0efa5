// An episode kept as its physical states, and made into a film afterwards: acting never waits for drawing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"

namespace mbrl::cli {

struct VideoOptions {
  std::string camera = "default";
  std::string size = "640x480";
};

// What the film shows: every step's state and reward, and the start where `begin` was called.
struct Episode {
  std::vector<std::vector<double>> physics;
  std::vector<double> rewards;
  std::string fault;  // of the last step, see StepResult

  void begin(const AnyEnvironment& env) {
    physics = {env.physics_state()};
    rewards.clear();
    fault.clear();
  }
  void add(const AnyEnvironment& env, double reward) {
    physics.push_back(env.physics_state());
    rewards.push_back(reward);
  }
  double total() const {
    double sum = 0;
    for (double reward : rewards) sum += reward;
    return sum;
  }
};

// "640x480" to numbers. Throws on anything else, and on odd ones: codecs take colours by 2 x 2 pixels.
void parse_size(const std::string& text, int& width, int& height);

// "3.14", for what is written into pictures.
std::string number(double value);

// How long a step is shown: as long as it takes, or a fifteenth of a second where it has no length in seconds
// or a long one.
double shown_seconds(const EnvSpec& spec);

// "; the simulation broke down: ...", to end a line on an episode with; empty if it did not.
std::string breakdown(const std::string& fault);

// Whether this program can draw the environment.
bool has_picture(const EnvSpec& spec);

// Throw, before any work is done, if no video (or still) of this environment can be made with these options
// by this program, or not in this file.
void check_video(const EnvSpec& spec, const VideoOptions& options);
void check_video(const std::filesystem::path& path, const EnvSpec& spec, const VideoOptions& options);
void check_still(const EnvSpec& spec, const VideoOptions& options);

// Writes an MP4 that plays as fast as the environment's time goes (see shown_seconds), at 50 pictures a
// second or fewer. Progress goes to standard error.
void write_video(const std::filesystem::path& path, const EnvSpec& spec, const Episode& episode,
                 const VideoOptions& options);

// Writes a PNG with six moments of the episode side by side, from the first to the last: what the motion is,
// at a glance. Each is a third of the size that the options give.
void write_still(const std::filesystem::path& path, const EnvSpec& spec, const Episode& episode,
                 const VideoOptions& options);

}  // namespace mbrl::cli
