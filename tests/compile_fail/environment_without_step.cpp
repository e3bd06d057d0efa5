// An environment that forgets step(): refused where an environment is stored.
// expect: Environment
// expect: env.step(action)
#include <cstdint>
#include <vector>

#include "mbrl/env/environment.hpp"

struct Task {
  mbrl::EnvSpec description;
  const mbrl::EnvSpec& spec() const { return description; }
  mbrl::Vecd reset(std::uint64_t) { return mbrl::Vecd::Zero(2); }
#ifndef MBRL_BREAK
  mbrl::StepResult step(mbrl::ConstVecRef<double>) { return {}; }
#endif
  std::vector<double> state() const { return {}; }
  void set_state(const std::vector<double>&) {}
};

mbrl::AnyEnvironment make() { return mbrl::AnyEnvironment(Task{}); }
