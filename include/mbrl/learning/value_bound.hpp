// Notices critics that diverge: their values are beyond everything that rewards can sum to.
#pragma once

#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// Of rewards r and what else a step is worth (an entropy's share), values are at most max |r| / (1 - discount) in
/// magnitude. Critics err on their way, so it takes ten times as much, and `kSlack` besides, to be called divergence.
class ValueBound {
 public:
  static constexpr double kFactor = 10, kSlack = 100;

  /// Takes note of a batch's rewards, each with a bonus of at most this magnitude.
  void see(const Transitions& batch, double bonus);
  /// Infinite for a discount of 1.
  double limit(double discount) const;
  /// Of values beyond the limit, what they are and what they could be; empty for credible ones.
  std::string trouble(double value, double discount) const;

  void save(StateDict& out, const std::string& name) const { out.put_scalar(name, largest_); }
  /// A checkpoint of before there was a bound has none: it is found again.
  void load(const StateDict& in, const std::string& name) {
    largest_ = in.contains(name) ? in.get_scalar<double>(name) : 0;
  }

 private:
  double largest_ = 0;  // |r| + bonus
};

}  // namespace mbrl
