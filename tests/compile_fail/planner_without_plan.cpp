// A planner that forgets plan(): refused by the MPC loop.
// expect: Planner
// expect: planner.plan(state, t)
#include "mbrl/planning/mpc.hpp"

struct MyPlanner {
  using Scalar = double;
  using State = mbrl::Vecd;
#ifndef MBRL_BREAK
  mbrl::ActionPlan<double> plan(const State&, int) { return {}; }
#endif
  void advance(int) {}
  void reset() {}
};

mbrl::Mpc<MyPlanner>* controller = nullptr;
