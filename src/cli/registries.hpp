// What the program can be asked to learn, with what, and to plan on.
#pragma once

#include "mbrl/algorithms/load_run.hpp"

namespace mbrl::cli {

/// What comes with the components this program was built with, and what cli_main was given: made at the first
/// use, as the specifications of all environments take a while that --help does not need.
const Registries& registries();

/// The same algorithms alone.
const AlgorithmRegistry& algorithms();

/// Before the first use of the others, once a process; `users` stays where it is until the program ends.
void use_registries(const Registries& users);

}  // namespace mbrl::cli
