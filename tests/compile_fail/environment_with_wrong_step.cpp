// An environment whose step() gives an observation where the library wants a StepResult.
// expect: Environment
// expect: same_as<StepResult>
#include <cstdint>

#include "mbrl/env/environment.hpp"

struct Task {
  mbrl::EnvSpec description;
  const mbrl::EnvSpec& spec() const { return description; }
  mbrl::Vecd reset(std::uint64_t) { return mbrl::Vecd::Zero(2); }
#ifdef MBRL_BREAK
  mbrl::Vecd step(mbrl::ConstVecRef<double>) { return mbrl::Vecd::Zero(2); }
#else
  mbrl::StepResult step(mbrl::ConstVecRef<double>) { return {}; }
#endif
};

static_assert(mbrl::Environment<Task>);
