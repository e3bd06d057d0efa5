// Seconds since something began, for columns of metrics that say how long it took.
#pragma once

#include <chrono>

namespace mbrl {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace mbrl
