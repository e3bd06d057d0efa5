// Segments of time and the collocation points in them, with the polynomials that interpolate between.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/planning/trajectory/collocation_settings.hpp"

namespace mbrl {

/// N segments between N + 1 times from 0 to T. A segment adds its end to the points, and with Hermite-Simpson
/// its middle too; its first point is k * stride().
class CollocationMesh {
 public:
  /// L_i or I_i at one place, for the stride() + 1 points of a segment.
  using Weights = std::array<double, 3>;

  CollocationMesh() = default;
  CollocationMesh(Transcription method, std::vector<double> times)
      : stride_(method == Transcription::kTrapezoid ? 1 : 2), times_(std::move(times)) {}
  /// Equally long segments.
  CollocationMesh(Transcription method, int segments, double duration)
      : CollocationMesh(method, std::vector<double>(static_cast<std::size_t>(segments) + 1)) {
    for (std::size_t k = 0; k < times_.size(); ++k) times_[k] = duration * static_cast<double>(k) / segments;
  }

  const std::vector<double>& times() const { return times_; }
  int stride() const { return stride_; }
  Index segments() const { return static_cast<Index>(times_.size()) - 1; }
  Index points() const { return segments() * stride_ + 1; }
  double time(Index k) const { return times_[static_cast<std::size_t>(k)]; }
  double length(Index k) const { return time(k + 1) - time(k); }
  double point_time(Index i) const {
    const Index k = std::min(i / stride_, segments() - 1);
    return time(k) + length(k) * static_cast<double>(i - k * stride_) / stride_;
  }
  /// The segment that a time lies in, and the share of it that has passed.
  std::pair<Index, double> located(double at) const {
    const auto after = std::upper_bound(times_.begin() + 1, times_.end() - 1, at);
    const auto k = static_cast<Index>(after - times_.begin()) - 1;
    return {k, std::clamp((at - time(k)) / length(k), 0.0, 1.0)};
  }

  /// L_i(s) and I_i(s) = int_0^s L_i.
  Weights lagrange(double s) const {
    if (stride_ == 1) return {1 - s, s, 0};
    return {(1 - s) * (1 - 2 * s), 4 * s * (1 - s), s * (2 * s - 1)};
  }
  Weights integral(double s) const {
    if (stride_ == 1) return {s - s * s / 2, s * s / 2, 0};
    return {s + s * s * (2 * s / 3 - 1.5), s * s * (2 - 4 * s / 3), s * s * (2 * s / 3 - 0.5)};
  }

  /// Segments with errors above the tolerance split by how much the error, which falls as h to the order plus
  /// one, must fall; origin: of each new segment the old one, and into how many parts that was split.
  std::pair<CollocationMesh, std::vector<std::pair<Index, int>>> refined(
      const std::vector<double>& errors, const CollocationSettings& settings) const {
    const double power = 1.0 / (settings.method == Transcription::kTrapezoid ? 3.0 : 5.0);
    std::vector<double> times{0.0};
    std::vector<std::pair<Index, int>> origin;
    for (Index k = 0; k < segments(); ++k) {
      const double ratio = errors[static_cast<std::size_t>(k)] / settings.error_tolerance;
      const int parts = ratio > 1 ? std::clamp(static_cast<int>(std::ceil(1.1 * std::pow(ratio, power))), 2,
                                               settings.max_split)
                                  : 1;
      for (int i = 1; i <= parts; ++i) {
        times.push_back(time(k) + length(k) * i / parts);
        origin.emplace_back(k, parts);
      }
    }
    times.back() = times_.back();
    return {CollocationMesh(settings.method, std::move(times)), std::move(origin)};
  }

 private:
  int stride_ = 1;
  std::vector<double> times_;
};

}  // namespace mbrl
