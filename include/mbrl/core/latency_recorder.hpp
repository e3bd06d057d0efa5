// Wall-clock durations, their percentiles and how many were too long. Nothing else may depend on them: they
// differ from run to run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// Percentiles are those of the last kKept durations. Memory is allocated by the constructor; adding allocates
/// nothing.
class LatencyRecorder {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kKept = 16384;

  LatencyRecorder() { seconds_.reserve(kKept); }
  LatencyRecorder(const LatencyRecorder& other) : LatencyRecorder() { *this = other; }
  LatencyRecorder(LatencyRecorder&&) = default;
  LatencyRecorder& operator=(const LatencyRecorder&) = default;
  LatencyRecorder& operator=(LatencyRecorder&&) = default;

  /// Runs the callable and records how long it took.
  template <class F>
  decltype(auto) time(F&& work) {
    const Recording recording{*this, Clock::now()};
    return work();
  }

  /// A duration beyond `limit` is counted as missed.
  void add(double seconds, double limit = std::numeric_limits<double>::infinity()) {
    if (seconds_.size() < kKept)
      seconds_.push_back(seconds);
    else
      seconds_[count_ % kKept] = seconds;
    ++count_;
    total_ += seconds;
    missed_ += seconds > limit;
  }
  /// Takes over another recorder's durations and counts.
  void add_all(const LatencyRecorder& other) {
    const std::size_t count = count_ + other.count_, missed = missed_ + other.missed_;
    const double total = total_ + other.total_;
    for (const double seconds : other.seconds_) add(seconds);
    count_ = count;
    missed_ = missed;
    total_ = total;
  }
  void clear() {
    seconds_.clear();
    count_ = missed_ = 0;
    total_ = 0;
  }
  std::size_t count() const { return count_; }    // of all durations
  std::size_t missed() const { return missed_; }  // of those longer than their limit
  double total() const { return total_; }         // s

  /// The smallest duration that at least a share q of all durations do not exceed (nearest rank), in seconds;
  /// 0 without any. q in [0, 1].
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
  std::size_t count_ = 0, missed_ = 0;
  double total_ = 0;
};

}  // namespace mbrl
