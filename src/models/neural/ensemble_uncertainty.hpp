// EnsembleUncertainty of a tile of columns, from what every network predicts for them.
#pragma once

#include <cstddef>
#include <vector>

#include "mbrl/models/neural/ensemble_uncertainty.hpp"

namespace mbrl {

// values: [member][means, then deviations][target][width]; deviations are not read for kDisagreement.
struct MemberPredictions {
  const float* values = nullptr;
  int members = 0, targets = 0, width = 0;
  const float* mean(int member, int target) const { return row(2 * member * targets + target); }
  const float* deviation(int member, int target) const { return row((2 * member + 1) * targets + target); }

 private:
  const float* row(int i) const {
    return values + static_cast<std::ptrdiff_t>(i) * static_cast<std::ptrdiff_t>(width);
  }
};

// Over the targets named, into `out`; scratch: 2 x width floats.
void measure_uncertainty(EnsembleUncertainty kind, const MemberPredictions& p,
                         const std::vector<int>& targets, float* scratch, float* out);

}  // namespace mbrl
