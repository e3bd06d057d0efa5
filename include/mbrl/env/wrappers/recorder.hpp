// Writes every episode of an environment into a CSV file that `mbrl verify` replays.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "mbrl/env/wrappers/wrappers.hpp"
#include "mbrl/io/csv.hpp"

namespace mbrl {

/// Episode n since construction goes to FOLDER/episode_n.csv: row 0 the start, row t the action u0, ... of
/// step t, the physical state after it, observation, reward and terminated. A file of that name is replaced.
/// Steps after set_state belong to no recorded start and are not written; a step in which the simulation broke
/// down is not either.
class Recorder : public Wrapper {
 public:
  /// Makes the folder. Throws if the environment cannot begin at a physical state: nobody could replay it.
  Recorder(AnyEnvironment env, std::filesystem::path folder);
  Vecd reset(std::uint64_t seed) { return begin(env_.reset(seed)); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const { return env_.state(); }
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values) { return begin(env_.set_physics_state(values)); }

  int episodes() const { return episodes_; }
  std::filesystem::path file() const;  // the latest one

 private:
  Vecd begin(const Vecd& obs);
  void write(const Vecd& action, double reward, double terminated, const Vecd& obs);

  std::filesystem::path folder_;
  std::optional<CsvWriter> writer_;
  int episodes_ = 0;
};

}  // namespace mbrl
