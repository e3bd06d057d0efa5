// A run of 'mbrl train' taken up again for looking at: its configuration and everything it has learned.
#pragma once

#include <memory>
#include <string>

#include "mbrl/io/settings_file.hpp"
#include "pets_session.hpp"
#include "run_reporter.hpp"

namespace mbrl::cli {

struct TrainedRun {
  PetsConfiguration configuration;
  std::unique_ptr<PetsSession> session;
};

// Throws if the folder is no run, or if the run has not finished a trial yet.
// `device`: see choose_device.
inline TrainedRun load_trained_run(const std::string& path, int threads, const std::string& device = "") {
  const RunFolder folder = RunFolder::open(path);
  require(folder.has_checkpoint(), folder.path().string(),
          " has no checkpoint yet; let 'mbrl train' finish a trial first");
  TrainedRun run;
  load_settings_file(run.configuration, folder.settings());
  run.configuration.mpc.exploration.std = 0;  // noise is for gathering data
  choose_device(run.configuration, device, all_environments().spec(run.configuration.environment));
  run.session = std::make_unique<PetsSession>(run.configuration, threads);
  run.session->pets.load(load_pets_checkpoint(folder), "pets.");
  require(!run.session->pets.metrics().empty(), folder.path().string(), " has not finished a trial yet");
  return run;
}

}  // namespace mbrl::cli
