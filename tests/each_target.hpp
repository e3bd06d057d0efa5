// Runs a test's body once for each instruction set that was compiled in and that this processor has.
#pragma once

#include "simd/highway_targets.hpp"
// first
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <set>
#include <string>

#include "models/neural/ensemble_kernels.hpp"

namespace mbrl::testing {

template <class F>
void for_each_target(F&& body) {
  std::set<std::string> seen;  // sets left out of the kernels fall back to another one
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    const std::string name = simd::ensemble_kernels().target;
    if (seen.insert(name).second) {
      try {
        body(name);
      } catch (...) {
        hwy::SetSupportedTargetsForTest(0);
        throw;
      }
    }
    hwy::SetSupportedTargetsForTest(0);
  }
}

}  // namespace mbrl::testing
