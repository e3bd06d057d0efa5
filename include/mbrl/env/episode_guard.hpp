// Whether an episode is under way, so that a step outside one is an error instead of numbers without meaning.
#pragma once

#include <string>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// An environment holds one of these and calls `begin` in reset, set_state and set_physics_state,
/// `require_running` before a step and `after` behind it. Looking ahead with `advance` (Simulator) is not
/// bound to episodes: planners roll out beyond time limits.
class EpisodeGuard {
 public:
  void begin() { where_ = kRunning; }
  void forget() { where_ = kBeforeReset; }  // for constructors that reset

  template <class Result>  // StepResult
  void after(const Result& result) {
    if (!result.fault.empty())
      where_ = kFault;
    else if (result.terminated)
      where_ = kTerminated;
    else if (result.truncated)
      where_ = kTruncated;
  }

  /// Throws mbrl::Error unless a step may follow.
  void require_running(const std::string& environment) const {
    if (where_ != kRunning) [[unlikely]]
      refuse(environment);
  }

 private:
  enum Where { kBeforeReset, kRunning, kTerminated, kTruncated, kFault };

  [[noreturn]] void refuse(const std::string& environment) const {
    if (where_ == kBeforeReset)
      fail(environment, ": step before the first reset; call reset(seed), which gives the first observation");
    fail(environment, ": step after the ",
         where_ == kTerminated  ? "episode terminated"
         : where_ == kTruncated ? "episode reached its time limit"
                                : "simulation broke down",
         "; call reset(seed) for the next episode, or set_state");
  }

  Where where_ = kBeforeReset;
};

}  // namespace mbrl
