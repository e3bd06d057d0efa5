// The median of what a benchmark's iterations measured.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace mbrl {

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace mbrl
