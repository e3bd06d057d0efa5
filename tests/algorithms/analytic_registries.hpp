// The built-in algorithms over the environments that need no engine.
#pragma once

#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/environments.hpp"

namespace mbrl {

inline const Registries& analytic_registries() {
  static const Registries all = [] {
    Registries made;
    register_analytic_environments(made.environments);
    register_built_in_algorithms(made.algorithms);
    return made;
  }();
  return all;
}

}  // namespace mbrl
