// Replays a recorded trajectory in an environment and says by how much the two differ.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"
#include "mbrl/io/csv.hpp"

namespace mbrl {

/// One compared number; its error is |recorded - simulated| / (1 + |recorded|), infinite if just one of them
/// is finite, 0 if both are NaN.
struct Deviation {
  double error = 0.0;
  std::size_t step = 0;
  std::string column;
  double recorded = 0.0, simulated = 0.0;
};

struct VerifyReport {
  struct Group {
    std::string name;          // state, observation, reward, terminated, model input
    std::size_t compared = 0;  // numbers
    Deviation largest;
  };
  std::string env, file;
  std::size_t steps = 0;                   // replayed
  std::vector<Group> groups;               // those that the recording has columns for
  std::optional<double> tolerance;         // as asked for; empty: the default one
  std::optional<Deviation> first_outside;  // the first number outside tolerance
  std::string fault;                       // why the simulation broke down, if it did

  bool within() const { return !first_outside && fault.empty(); }
};

/// What two builds of the same simulator may differ by: rounding errors grow with the step.
/// 1e-9 up to step 20, 1e-8 to 50, 1e-7 to 100, 1e-6 after that.
double default_verify_tolerance(std::size_t step);

/// The recording's row 0 is the start state, in the columns that env.physics_names() lists (qpos0, qvel0, ...
/// or state0, ...). Row t holds the controls u0, u1, ... of step t and what came of it: the state in the same
/// columns, and where they exist the observation obs0, ..., reward, terminated and model_in0, ... (the
/// encoded observation). Variants are told apart by the environment's version: HalfCheetah-v5 also accepts
/// reward_v5 and obs_v50, ..., mbpo/AntTruncatedObs reward_mbpo; reward_env is the reward where the recording
/// has a planner's beside it. Empty cells are not compared. Throws on columns that are missing or do not fit
/// the environment, on a recording with nothing to compare, and on a tolerance that is not positive.
VerifyReport verify_recording(AnyEnvironment& env, const CsvTable& recording,
                              std::optional<double> tolerance = {});
VerifyReport verify_recording(AnyEnvironment& env, const std::filesystem::path& file,
                              std::optional<double> tolerance = {});

/// The report in a few lines for a terminal.
std::string to_string(const VerifyReport& report);

}  // namespace mbrl
