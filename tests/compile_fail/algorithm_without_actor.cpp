// An algorithm that forgets what acts.
// expect: Algorithm
// expect: algorithm.actor()
#include <string>

#include "mbrl/algorithms/algorithm.hpp"

struct Learner {
  bool run(mbrl::RunObserver&) { return true; }
  const mbrl::MetricTable& metrics() const;
#ifndef MBRL_BREAK
  mbrl::AnyActor actor();
#endif
  mbrl::AnyEnvironment& environment();
  void save(mbrl::StateDict&, const std::string&) const {}
  void load(const mbrl::StateDict&, const std::string&) {}
};

static_assert(mbrl::Algorithm<Learner>);
