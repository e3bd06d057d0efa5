// What a run leaves behind, and the rules for starting, resuming and reading one.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "mbrl/core/atomic_file.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

// runs/<name>/: settings.json, metrics.csv, plans/, events.*, checkpoint/, learning_curve.png, episode.mp4,
// log.txt.
class RunFolder {
 public:
  // Makes a new folder with its settings. Throws if the folder holds a run already, or anything else.
  static RunFolder create(const std::filesystem::path& path, const std::string& settings_json) {
    std::error_code error;
    require(!std::filesystem::exists(path / "settings.json"), "run folder ", path,
            " already holds a run; continue it with --resume, or choose another folder with --out");
    require(!std::filesystem::exists(path) || std::filesystem::is_directory(path), "run folder ", path,
            " is a file, expected a folder or a new path");
    require(!std::filesystem::exists(path) || std::filesystem::is_empty(path), "run folder ", path,
            " is not empty and holds no run; choose another folder with --out");
    std::filesystem::create_directories(path / "checkpoint", error);
    require(!error, "run folder ", path, " cannot be made: ", error.message());
    write_file_atomically((path / "settings.json").string(), settings_json);
    return RunFolder(path);
  }

  // Opens a run that exists. Throws if the folder is no run.
  static RunFolder open(const std::filesystem::path& path) {
    require(std::filesystem::is_directory(path), path, " is no run folder: no such folder");
    require(std::filesystem::exists(path / "settings.json"), path,
            " is no run folder: it has no settings.json (runs are made by 'mbrl train')");
    return RunFolder(path);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path settings() const { return path_ / "settings.json"; }
  std::filesystem::path metrics() const { return path_ / "metrics.csv"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint" / "state.safetensors"; }
  std::filesystem::path learning_curve() const { return path_ / "learning_curve.png"; }
  std::filesystem::path video() const { return path_ / "episode.mp4"; }
  std::filesystem::path log() const { return path_ / "log.txt"; }
  std::filesystem::path plans(int trial) const {
    return path_ / "plans" / ("trial_" + std::to_string(10000 + trial).substr(1) + ".csv");
  }
  bool has_checkpoint() const { return std::filesystem::exists(checkpoint()); }

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace mbrl
