// mbrl verify: compare an environment with a recorded trajectory.
#include <iostream>
#include <optional>

#include "command_line.hpp"
#include "commands.hpp"
#include "mbrl/env/verify.hpp"
#include "registries.hpp"

namespace mbrl::cli {

void add_verify(CLI::App& app) {
  auto* command = add_command(
      app, "verify", "Replay a recorded trajectory and print the largest deviations",
      "  mbrl verify pets/HalfCheetah recording.csv\n\n"
      "Row 0 of the CSV holds the start state (qpos0.., qvel0.. or state0..), "
      "row t the controls u0.. of step t and\n"
      "what came of them: the state, and where given obs0.., reward, "
      "terminated. Exit status 0 within tolerance, 1\n"
      "outside, 2 if the recording does not fit the environment.\n\n"
      "Record with float64 actions: a policy's float32 actions, converted on the way, differ from "
      "the recorded ones\nin the eighth digit, of which a contact makes far more than the tolerance.");
  struct Options {
    std::string environment, file;
    std::optional<double> tolerance;
  };
  auto options = std::make_shared<Options>();
  command->add_option("env", options->environment, "Environment, a name of 'mbrl envs'")->required();
  command->add_option("recording", options->file, "CSV file")->required();
  command->add_option(
      "--tolerance", options->tolerance,
      "Largest |recorded - simulated| / (1 + |recorded|); default 1e-9 to step 20, then growing to 1e-6");
  command->callback([options] {
    AnyEnvironment env = registries().environments.make(options->environment);
    const VerifyReport report =
        verify_recording(env, std::filesystem::path(options->file), options->tolerance);
    std::cout << to_string(report);
    if (!report.within()) throw CLI::RuntimeError(1);
  });
}

}  // namespace mbrl::cli
