// Wall-clock durations and their percentiles. Nothing else may depend on them: they differ from run to run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

class LatencyRecorder {
 public:
  using Clock = std::chrono::steady_clock;

  // Runs the callable and records how long it took.
  template <class F>
  decltype(auto) time(F&& work) {
    const Recording recording{*this, Clock::now()};
    return work();
  }

  void add(double seconds) { seconds_.push_back(seconds); }
  void clear() { seconds_.clear(); }
  std::size_t count() const { return seconds_.size(); }

  // The smallest duration that at least a share q of all durations do not exceed (nearest rank), in seconds;
  // 0 without any. q in [0, 1].
  double percentile(double q) const {
    require(q >= 0 && q <= 1, "latency: percentile ", q, ", expected 0 to 1");
    if (seconds_.empty()) return 0.0;
    std::vector<double> sorted = seconds_;
    const double rank = std::ceil(q * static_cast<double>(sorted.size()));
    const auto nth = sorted.begin() + (rank < 1 ? 0 : static_cast<std::ptrdiff_t>(rank) - 1);
    std::nth_element(sorted.begin(), nth, sorted.end());
    return *nth;
  }
  double p50() const { return percentile(0.50); }
  double p99() const { return percentile(0.99); }

 private:
  struct Recording {
    LatencyRecorder& recorder;
    Clock::time_point start;
    ~Recording() { recorder.add(std::chrono::duration<double>(Clock::now() - start).count()); }
  };
  std::vector<double> seconds_;
};

}  // namespace mbrl
