// Where the time of a round goes: into acting, the model or the policy.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/run/metrics.hpp"

namespace mbrl {

/// What a learner spends time on.
enum class WorkKind {
  kCollect,  // choosing actions and stepping the environment
  kModel,    // fitting a model of the dynamics, and imagining with it
  kLearn     // improving policy and values
};

constexpr auto enum_names(WorkKind) {
  return std::array{std::pair{WorkKind::kCollect, "collect"}, std::pair{WorkKind::kModel, "model"},
                    std::pair{WorkKind::kLearn, "learn"}};
}

/// Measures the wall-clock time of a round by what it was spent on, for the columns collect_s, model_s, learn_s and
/// other_s: the rest, such as evaluations, checkpoints and displays, from the end of the last round to that of this one.
class WorkClock {
 public:
  /// From its construction until it goes out of scope; spans do not lie within each other.
  class Span {
   public:
    explicit Span(double& spent) : spent_(spent) {}
    ~Span() { spent_ += since(begun_); }
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

   private:
    friend class WorkClock;
    using Clock = std::chrono::steady_clock;
    static double since(Clock::time_point begun) {
      return std::chrono::duration<double>(Clock::now() - begun).count();
    }
    double& spent_;
    Clock::time_point begun_ = Clock::now();
  };

  [[nodiscard]] Span time(WorkKind work) { return Span(spent_[static_cast<std::size_t>(work)]); }

  double seconds(WorkKind work) const { return spent_[static_cast<std::size_t>(work)]; }
  /// Work of all kinds.
  double seconds() const { return spent_[0] + spent_[1] + spent_[2]; }
  /// Since the round began, with what is no work.
  double elapsed() const { return before_ + Span::since(begun_); }

  /// `own` and the four columns behind them.
  static std::vector<MetricColumn> columns(std::vector<MetricColumn> own) {
    for (const char* name : kColumns) own.push_back({.name = name, .wall_clock = true, .decimals = 2});
    return own;
  }

  /// Adds `row` with the four times to the table and begins the next round.
  void end_round(MetricTable& metrics, MetricTable::Values row) {
    end_round(metrics, std::vector<std::pair<std::string_view, double>>(row));
  }
  void end_round(MetricTable& metrics, std::vector<std::pair<std::string_view, double>> row) {
    const double elapsed = this->elapsed();
    for (std::size_t i = 0; i < spent_.size(); ++i) row.emplace_back(kColumns[i], spent_[i]);
    row.emplace_back(kColumns.back(), elapsed - seconds());
    metrics.add(std::span<const std::pair<std::string_view, double>>(row));
    *this = {};
  }

  /// Of a round that has not ended; the time between save and load is not counted.
  void save(StateDict& out, const std::string& name) const {
    out.put(name, std::vector<double>{spent_[0], spent_[1], spent_[2], elapsed()});
  }
  void load(const StateDict& in, const std::string& name) {
    const auto times = in.get<double>(name);
    require_dim("checkpoint", "'" + name + "'", times.size(), 4);
    *this = {};
    spent_ = {times[0], times[1], times[2]};
    before_ = times[3];
  }

 private:
  static constexpr std::array kColumns{"collect_s", "model_s", "learn_s",
                                       "other_s"};  // by WorkKind, then the rest
  std::array<double, 3> spent_{};
  double before_ = 0;  // of the round, in a process before this one
  Span::Clock::time_point begun_ = Span::Clock::now();
};

}  // namespace mbrl
