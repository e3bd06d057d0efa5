// Trajectories compared bit for bit, and where they end: shared by the tests of imagination.
#pragma once

#include "mbrl/rollout/imagination.hpp"

namespace mbrl::testing {

inline bool same(const Trajectories& a, const Trajectories& b) {
  return a.obs == b.obs && a.action == b.action && a.reward == b.reward && a.terminated == b.terminated &&
         a.length == b.length && a.diverged == b.diverged;
}

// Ends with a step wider than `width`.
inline TerminationFunction<float> wider_than(float width) {
  return [width](ConstBatchRef<float> obs, ConstBatchRef<float>, ConstBatchRef<float> next, int,
                 VecRef<float> done) {
    done = ((next - obs).colwise().norm().array() > width).cast<float>().transpose();
  };
}

}  // namespace mbrl::testing
