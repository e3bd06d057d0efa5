// When a plan must be ready. A planner that is told stops in time and returns the best plan it has.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace mbrl {

// Seconds since some fixed moment, never going back. Several threads may ask at once.
using SecondsClock = std::function<double()>;

inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A moment on a clock, or no moment at all: then no clock is ever read.
class Deadline {
 public:
  Deadline() = default;  // none
  Deadline(std::shared_ptr<const SecondsClock> clock, double at) : clock_(std::move(clock)), at_(at) {}

  bool given() const { return clock_ != nullptr; }
  bool passed() const { return clock_ && now() >= at_; }
  double now() const { return (*clock_)(); }
  double at() const { return at_; }

 private:
  std::shared_ptr<const SecondsClock> clock_;
  double at_ = 0;
};

// Asked before every iteration of a plan. The first is always made, a further one only if it will be ready in
// time should it take as long as the longest before it. Without a deadline there is always time.
class Pacer {
 public:
  explicit Pacer(const Deadline& deadline) : deadline_(&deadline) {}  // which must outlive it
  explicit Pacer(Deadline&&) = delete;

  bool another() {
    if (!deadline_->given()) return true;
    const double now = deadline_->now();
    if (!std::exchange(begun_, true)) {
      last_ = now;
      return true;
    }
    longest_ = std::max(longest_, now - last_);
    last_ = now;
    stopped_ = now + longest_ > deadline_->at();
    return !stopped_;
  }
  bool stopped() const { return stopped_; }  // whether `another` has said no

 private:
  const Deadline* deadline_;
  double last_ = 0, longest_ = 0;
  bool begun_ = false, stopped_ = false;
};

// What a planner inherits to be told of a deadline. It holds until another is given.
class Anytime {
 public:
  void set_deadline(Deadline deadline) { deadline_ = std::move(deadline); }

 protected:
  Deadline deadline_;
};

}  // namespace mbrl
