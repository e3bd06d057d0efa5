// An actor that does not know of episodes.
// expect: Actor
// expect: actor.begin(seed)
#include <cstdint>

#include "mbrl/policy/actor.hpp"

struct Still {
#ifndef MBRL_BREAK
  void begin(std::uint64_t) {}
#endif
  mbrl::Vecd act(mbrl::ConstVecRef<double>, int) { return mbrl::Vecd::Zero(1); }
};

static_assert(mbrl::Actor<Still>);
