// When a plan must be ready. A planner that is told stops in time and returns the best plan it has.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// Seconds since some fixed moment, never going back. Several threads may ask at once. Whoever reads one throws
/// mbrl::Error where it gives no number.
using SecondsClock = std::function<double()>;

inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double read_clock(const SecondsClock& clock) {
  const double now = clock();
  require(std::isfinite(now), "clock: it gave ", now, ", expected seconds");
  return now;
}

/// A moment on a clock, or no moment at all: then no clock is ever read. An infinite one is none.
class Deadline {
 public:
  Deadline() = default;  // none
  Deadline(std::shared_ptr<const SecondsClock> clock, double at) : at_(at) {
    require(!std::isnan(at), "deadline: the moment is NaN, expected seconds on the clock");
    if (at < std::numeric_limits<double>::infinity()) clock_ = std::move(clock);
  }

  bool given() const { return clock_ != nullptr; }
  bool passed() const { return clock_ && now() >= at_; }
  double now() const { return read_clock(*clock_); }
  double at() const { return at_; }
  /// Another moment on the same clock.
  Deadline at_time(double at) const { return Deadline(clock_, at); }
  /// A little earlier, by this share of the time that is left: what is aimed at to be ready in time.
  Deadline earlier(double share) const {
    if (!given()) return {};
    return at_time(at_ - share * std::max(0.0, at_ - now()));
  }

 private:
  std::shared_ptr<const SecondsClock> clock_;
  double at_ = 0;
};

/// How long work takes by its size (rollouts, iterations), learned from what has been done, with a margin. An
/// estimate rises to the longest duration seen and forgets it slowly, so that it is an upper quantile rather
/// than a mean; one duration at most doubles it, since a single one may be the operating system's doing.
/// Between sizes it takes the cost to grow with the size, and at most in proportion to it:
///   cost(n) <= cost(m) for m >= n,   cost(n) <= n / m cost(m) for m <= n,
/// which holds for batches and threads, whose small calls are the dear ones. Sizes are kept by powers of two.
class WorkCost {
 public:
  void add(double size, double seconds) {
    Entry& e = entries_[slot(size)];
    const double expected = e.of(size);
    if (e.size == 0) {
      e = {size, seconds};
    } else if (seconds >= expected) {
      e = {size, std::min(seconds, kRise * expected)};
    } else {
      e.seconds *= 1 - kForget * (1 - seconds / expected);
      return;
    }
    // What other sizes once took must not promise much less of this one: they may not come again to be corrected.
    const double least = std::min(e.seconds, seconds) / kApart;
    for (Entry& other : entries_)
      if (other.size > 0) other.seconds = std::max(other.seconds, least / std::max(1.0, size / other.size));
  }

  /// Said after a plan that no work was begun for: an estimate that forbids all work is never corrected by
  /// any, so it falls by itself until some is tried.
  void doubt() {
    for (Entry& e : entries_) e.seconds *= 1 - kDoubt;
  }

  /// How long work of this size may take; infinite before anything was added.
  double seconds(double size) const {
    double least = std::numeric_limits<double>::infinity();
    for (const Entry& e : entries_)
      if (e.size > 0) least = std::min(least, e.of(size));
    return kMargin * least;
  }

  /// The largest whole number of pieces of work, at most `count`, each of this size, that take no longer.
  std::ptrdiff_t pieces(double limit, std::ptrdiff_t count, double size) const {
    std::ptrdiff_t low = 0, high = count + 1;  // `low` pieces fit, `high` do not
    while (high - low > 1) {
      const std::ptrdiff_t middle = low + (high - low) / 2;
      (seconds(static_cast<double>(middle) * size) <= limit ? low : high) = middle;
    }
    return low;
  }

 private:
  static constexpr double kMargin = 1.15, kForget = 0.05, kRise = 2.0, kDoubt = 0.02, kApart = 1.5;
  struct Entry {
    double size = 0, seconds = 0;
    double of(double n) const { return seconds * std::max(1.0, n / size); }
  };
  static std::size_t slot(double size) {
    return static_cast<std::size_t>(std::clamp(std::ilogb(std::max(size, 1.0)), 0, 39));
  }
  std::array<Entry, 40> entries_;
};

/// Asked in the course of one plan whether there is time for more. It aims a little before the deadline.
/// Without a deadline there is always time, and no clock is read.
class Pacer {
 public:
  explicit Pacer(const Deadline& deadline) : deadline_(&deadline) {  // which must outlive it
    if (deadline.given()) aim_ = deadline.earlier(kSlack).at();
  }
  explicit Pacer(Deadline&&) = delete;
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  bool limited() const { return deadline_->given(); }
  bool stopped() const { return stopped_; }  // whether a question was answered with no
  // Seconds until the moment aimed at, less what `reserve` keeps for the end; infinite without a deadline.
  double left() const {
    return limited() ? aim_ - reserve_ - deadline_->now() : std::numeric_limits<double>::infinity();
  }
  /// Time (s) that the plan needs after its last iteration.
  void reserve(double seconds) { reserve_ = seconds; }

  bool time_for(double seconds) {
    const bool enough = !limited() || seconds <= left();
    stopped_ = stopped_ || !enough;
    return enough;
  }

  /// Asked before every iteration. The first is always made, a further one only if it will be ready in time
  /// should it take as long as the longest before it.
  bool another() {
    if (!limited()) return true;
    const double now = deadline_->now();
    const bool first = !std::exchange(begun_, true);
    if (!first) iteration_.add(1, now - last_);
    last_ = now;
    return first || time_for(iteration_.seconds(1));
  }

  /// Does `count` pieces of work, each of `size`, by calls of work(first, number), which are timed; returns
  /// how many were done. Without a deadline that is one call. Under one a call is made only if it will be
  /// ready in time, and takes at most half of the time left, so that a wrong estimate is found out before it
  /// is too late; where nothing is known of the cost, the first call does one piece.
  template <class Work>
  std::ptrdiff_t in_parts(std::ptrdiff_t count, double size, WorkCost& cost, Work&& work) {
    if (!limited()) {
      work(std::ptrdiff_t{0}, count);
      return count;
    }
    std::ptrdiff_t done = 0;
    while (done < count) {
      const double time = left(), one = cost.seconds(size);
      std::ptrdiff_t next = 1;
      if (std::isfinite(one)) {
        if (!time_for(one)) break;
        next = std::max(next, cost.pieces(std::max(time / 2, std::min(time, one)), count - done, size));
      }
      timed(static_cast<double>(next) * size, cost, [&] { work(done, next); });
      done += next;
    }
    return done;
  }

  /// Does the work and adds what it took to the cost.
  template <class Work>
  void timed(double size, WorkCost& cost, Work&& work) {
    if (!limited()) return work();
    const double start = deadline_->now();
    work();
    const double seconds = deadline_->now() - start;
    cost.add(size, seconds);
    worked_ += seconds;
  }
  /// Does the work and adds what it took to the cost, less what was timed within.
  template <class Work>
  void timed_rest(WorkCost& cost, Work&& work) {
    if (!limited()) return work();
    const double start = deadline_->now(), before = worked_;
    work();
    cost.add(1, std::max(0.0, deadline_->now() - start - (worked_ - before)));
  }

 private:
  static constexpr double kSlack = 0.02;  // of the time given
  const Deadline* deadline_;
  double aim_ = 0, reserve_ = 0, last_ = 0;
  double worked_ = 0;
  WorkCost iteration_;
  bool begun_ = false, stopped_ = false;
};

/// Work that cannot be cut, by what it took before: between two pieces a planner asks whether the next will be
/// ready in time. A piece of which nothing is known yet is taken to be; without a deadline everything is, and
/// no clock is read. Not to be used by several threads at once.
class WorkPiece {
 public:
  /// What it may take (s): an upper estimate, 0 before it was done once.
  double seconds() const {
    const double known = cost_.seconds(1);
    return std::isfinite(known) ? known : 0.0;
  }
  template <class Work>
  void timed(const Deadline& deadline, Work&& work) {
    if (!deadline.given()) return work();
    const double start = deadline.now();
    work();
    cost_.add(1, deadline.now() - start);
  }
  void doubt() { cost_.doubt(); }  // see WorkCost

 private:
  WorkCost cost_;
};
inline bool time_for(const Deadline& deadline, double seconds) {
  return !deadline.given() || deadline.now() + seconds <= deadline.at();
}

/// Time kept free before a deadline for what no estimate of work foresees: a busy machine's pauses. It follows
/// the quantile of the plans' lateness that leaves kLate of them late, by steps of fixed size (Robbins & Monro
/// 1951): a late plan adds kRise of the time given, each one in time takes so much off that the two balance at
/// that share. On a quiet machine it is 0; at most it is half of the time.
class PauseReserve {
 public:
  /// After a plan that took `seconds` of the `given` ones.
  void add(double seconds, double given) {
    const double step = seconds > given ? kRise : -kRise * kLate / (1 - kLate);
    share_ = std::clamp(share_ + step, 0.0, kMost);
  }
  double seconds(double given) const { return share_ * given; }

 private:
  static constexpr double kLate = 0.008, kRise = 0.04, kMost = 0.5;
  double share_ = 0;
};

/// What a planner inherits to be told of a deadline. It holds until another is given.
class Anytime {
 public:
  void set_deadline(Deadline deadline) { deadline_ = std::move(deadline); }

 protected:
  // What planners whose work cannot be cut aim at: 3 % of the time given before the deadline.
  Deadline aim() const { return deadline_.earlier(0.03); }

  Deadline deadline_;
};

}  // namespace mbrl
