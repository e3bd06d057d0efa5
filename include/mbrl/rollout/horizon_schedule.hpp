// How long imagined trajectories are as training goes on. Janner et al., "When to trust your model:
// model-based policy optimization", NeurIPS 2019, section 5 and appendix C.
#pragma once

#include <algorithm>
#include <cmath>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// Linear from `first` steps at `begin` to `last` steps at `end`, constant before and behind, rounded towards
/// `first`:
///   first + trunc(clamp((now - begin) / (end - begin), 0, 1) (last - first)).
/// `now` is counted as begin and end are: epochs in the paper, environment steps here.
struct HorizonSchedule {
  int first = 1, last = 1;
  double begin = 20e3, end = 100e3;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("first", s.first, "steps of an imagined trajectory at first");
    field("last", s.last, "steps of an imagined trajectory in the end");
    field("begin", s.begin, "environment steps at which it begins to change");
    field("end", s.end, "environment steps from which on it is the last");
  }

  /// Throws mbrl::Error for horizons below 1 and unless begin < end, both finite.
  void validate(const char* where) const {
    require(first >= 1 && last >= 1, where, ": the horizon goes from ", first, " to ", last,
            ", expected at least 1");
    require(std::isfinite(begin) && std::isfinite(end) && begin < end, where,
            ": the horizon changes from step ", begin, " to step ", end,
            ", expected finite steps with begin < end");
  }

  int at(double now) const {
    const double share = std::clamp((now - begin) / (end - begin), 0.0, 1.0);
    return first + static_cast<int>(share * (last - first));
  }
};

}  // namespace mbrl
