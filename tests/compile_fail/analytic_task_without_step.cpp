// An analytic task that forgets step(): refused where the environment is made of it.
// expect: AnalyticTask
// expect: task.step(vector, action)
#include "mbrl/env/analytic_environment.hpp"

struct Task {
  mbrl::EnvSpec spec() const { return {}; }
  int state_dim() const { return 2; }
  void draw_start(const mbrl::RandomStream&, mbrl::Vecd&) const {}
#ifndef MBRL_BREAK
  mbrl::StepOutcome step(mbrl::Vecd&, mbrl::ConstVecRef<double>) const { return {}; }
#endif
};

mbrl::AnyEnvironment make() { return mbrl::AnyEnvironment(mbrl::AnalyticEnvironment<Task>()); }
