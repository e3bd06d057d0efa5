// The program mbrl as a function: a program of your own with everything that `mbrl` does, on your
// environments, algorithms and planners too (docs/your_own_algorithm.md). Link mbrl::cli.
//
//   int main(int argc, char** argv) {
//     mbrl::Registries mine;
//     mine.environments.add(MyTask().spec(), [] { return mbrl::AnyEnvironment(MyTask()); });
//     mine.algorithms.add<MySettings>({.name = "mine", .summary = "...", .steps_key = "steps", .make = ...});
//     return mbrl::cli_main(argc, argv, mine);
//   }
#pragma once

#include "mbrl/algorithms/load_run.hpp"

namespace mbrl {

/// Environments and algorithms of the components that this library was built with; the algorithms that plan
/// can name `planners` too.
Registries built_in_registries(const OwnPlanners& planners = {});

/// Runs the command line, with `users` beside what is built in; gives the exit status of the program.
/// Messages go to standard error, also where `users` holds a name that is taken.
int cli_main(int argc, char** argv, const Registries& users = {});

}  // namespace mbrl
