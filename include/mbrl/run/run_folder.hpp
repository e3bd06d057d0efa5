// What a run leaves behind, and the rules for starting, resuming and reading one.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/file_lock.hpp"

namespace mbrl {

/// runs/<name>/: settings.json, metrics.csv, tables of the algorithm's own (plans/), events.*, checkpoint/,
/// learning_curve.png, episode.mp4, log.txt, lock.
class RunFolder {
 public:
  /// Makes a new folder with its settings, and locks it. Throws if the folder holds a run already, or anything
  /// else, or if another process works in it.
  static RunFolder create(const std::filesystem::path& path, const std::string& settings_json) {
    namespace fs = std::filesystem;
    std::error_code error;
    require_no_run(path);
    require(!fs::exists(path) || fs::is_directory(path), "run folder ", path,
            " is a file, expected a folder or a new path");
    require(!fs::exists(path) || is_free(path), "run folder ", path,
            " is not empty and holds no run; choose another folder with --out");
    fs::create_directories(path / "checkpoint", error);
    require(!error, "run folder ", path, " cannot be made: ", error.message());
    RunFolder folder(path);
    folder.take_lock();
    require_no_run(path);  // another process may have been a moment faster
    write_file_atomically(folder.settings(), settings_json);
    return folder;
  }

  /// Opens a run that exists, for reading. Throws if the folder is not a run folder.
  static RunFolder open(const std::filesystem::path& path) {
    require(std::filesystem::is_directory(path), path, " is not a run folder: no such folder");
    if (std::filesystem::exists(path / "settings.json")) return RunFolder(path);
    const std::vector<std::filesystem::path> inside = runs_in(path);
    if (inside.empty())
      fail(path, " is not a run folder: it has no settings.json (runs are made by 'mbrl train')");
    fail(path, " is not a run folder but holds ", inside.size(),
         inside.size() == 1 ? " of them: " : " of them: name one, the first is ", inside.front());
  }

  /// Opens a run that exists and locks it, for going on with it. Throws if another process works in it.
  static RunFolder resume(const std::filesystem::path& path) {
    RunFolder folder = open(path);
    folder.take_lock();
    return folder;
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path settings() const { return path_ / "settings.json"; }
  std::filesystem::path metrics() const { return path_ / "metrics.csv"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint" / "state.safetensors"; }
  std::filesystem::path learning_curve() const { return path_ / "learning_curve.png"; }
  std::filesystem::path video() const { return path_ / "episode.mp4"; }
  std::filesystem::path log() const { return path_ / "log.txt"; }
  /// A round's table of its own, e.g. plans/trial_0001.csv.
  std::filesystem::path table(const std::string& name, const std::string& round_name, int round) const {
    const std::string number = std::to_string(round);
    return path_ / name /
           (round_name + "_" + std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number + ".csv");
  }
  bool has_checkpoint() const { return std::filesystem::exists(checkpoint()); }

  /// Renames metrics.csv to the first of metrics_1.csv, metrics_2.csv, ... that is not there, so that a run which begins
  /// again does not write over it. Returns the new path, or nothing where there is no metrics.csv.
  std::optional<std::filesystem::path> set_metrics_aside() const {
    namespace fs = std::filesystem;
    if (!fs::exists(metrics())) return std::nullopt;
    fs::path kept;
    for (int i = 1; kept.empty() || fs::exists(kept); ++i)
      kept = path_ / ("metrics_" + std::to_string(i) + ".csv");
    std::error_code error;
    fs::rename(metrics(), kept, error);
    require(!error, metrics(), " cannot be renamed to ", kept, ": ", error.message());
    return kept;
  }

 private:
  // The run folders right inside a folder, a sweep's for instance, in the order of their names.
  static std::vector<std::filesystem::path> runs_in(const std::filesystem::path& path) {
    std::vector<std::filesystem::path> runs;
    std::error_code error;  // a folder that cannot be listed holds none to name
    for (const auto& entry : std::filesystem::directory_iterator(path, error))
      if (std::filesystem::exists(entry.path() / "settings.json", error)) runs.push_back(entry.path());
    std::sort(runs.begin(), runs.end());
    return runs;
  }
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  static void require_no_run(const std::filesystem::path& path) {
    require(!std::filesystem::exists(path / "settings.json"), "run folder ", path,
            " already holds a run; continue it with --resume, or choose another folder with --out");
  }
  // Whether there is nothing in it but what a process leaves that was killed while it made the folder.
  static bool is_free(const std::filesystem::path& path) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      const bool started =
          name == "lock" ||
          (name == "checkpoint" && entry.is_directory() && std::filesystem::is_empty(entry)) ||
          name.find("settings.json") != std::string::npos;
      if (!started) return false;
    }
    return true;
  }
  void take_lock() {
    const auto file = path_ / "lock";
    std::optional<FileLock> lock = FileLock::try_take(file);
    require(lock.has_value(), "run folder ", path_, " is in use by ", FileLock::holder(file),
            "; wait for it to end, stop it, or choose another folder with --out");
    lock_ = std::make_shared<FileLock>(std::move(*lock));
  }

  std::filesystem::path path_;
  std::shared_ptr<FileLock> lock_;  // shared by copies; empty when only read
};

}  // namespace mbrl
