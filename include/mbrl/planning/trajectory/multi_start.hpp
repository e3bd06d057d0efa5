// Where planners that descend start from: the last plan, and the best of sampled action sequences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/candidate_noise.hpp"
#include "mbrl/math/coloured_noise.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

struct MultiStartSettings {
  int samples = 64;         // action sequences rolled out per plan in search of other starts; 0: none
  int starts = 4;           // descents per plan at most: from the last plan, and from the best samples
  int rollouts = 0;         // per plan at most, samples included; 0: any number
  double std = 1.0;         // of the samples around rest, in half action ranges
  double warm_std = 0.4;    // of the samples around the last plan, in half action ranges
  double noise_beta = 2.0;  // power of the samples' noise falls as f^-beta; 0: white

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("samples", s.samples, "action sequences rolled out per plan in search of other starts; 0: none");
    field("starts", s.starts, "descents per plan at most: from the last plan, and from the best samples");
    field("rollouts", s.rollouts, "rollouts per plan at most, samples included; 0: any number");
    field("std", s.std, "standard deviation of the samples around rest, in half action ranges");
    field("warm_std", s.warm_std,
          "standard deviation of the samples around the last plan, in half action ranges");
    field("noise_beta", s.noise_beta, "power of the samples' noise falls as f^-beta; 0: white noise");
  }
};

/// A descent ends in the local minimum that its start belongs to. Before each plan `search` draws `samples`
/// action sequences, in turns coloured noise around rest (zero, or mid-range where that is out of bounds),
/// coloured noise around the last plan, and actions held over the whole horizon, the first of which are rest
/// and the bounds themselves; has them rolled out; and keeps the cheapest that differ from each other and from
/// the last plan. Sequences are columns [a_0; a_1; ...; a_{H-1}]. Samples are functions of (seed, plan) alone.
/// Memory is allocated by the constructor.
class MultiStart {
 public:
  MultiStart(const char* where, const ActionBounds& bounds, int action_dim, int horizon,
             const MultiStartSettings& settings, std::uint64_t seed)
      : settings_(checked(where, settings)),
        box_(where, bounds, action_dim, horizon),
        noise_(seed),
        half_range_(0.5 * (box_.high() - box_.low())),
        mixing_(coloured_noise_mixing(horizon, settings.noise_beta)) {
    rest_ = box_.mid();
    box_.shift(rest_, horizon, WarmStartPad::kZero);
    const Index n = settings.starts > 1 ? settings.samples : 0;
    candidates_.setZero(box_.size(), n);
    white_.setZero(box_.size(), n);
    costs_.setZero(n);
    order_.reserve(static_cast<std::size_t>(n));
    chosen_.reserve(static_cast<std::size_t>(settings.starts));
  }

  /// Draws the samples and chooses among them: cost_of(sequences, costs) fills costs, one per column, NaN or
  /// infinite where a sequence is of no use.
  template <class CostOf>
  void search(const Vecd& last, const CostOf& cost_of) {
    chosen_.clear();
    const auto plan = static_cast<std::uint32_t>(plan_index_++);
    if (candidates_.cols() == 0) return;
    draw(plan, last);
    cost_of(ConstBatchRef<double>(candidates_), VecRef<double>(costs_));
    order_.clear();
    for (int k = 0; k < candidates_.cols(); ++k)
      if (std::isfinite(costs_(k))) order_.push_back(k);
    std::sort(order_.begin(), order_.end(),
              [this](int a, int b) { return costs_(a) != costs_(b) ? costs_(a) < costs_(b) : a < b; });
    for (const int k : order_) {
      if (count() + 1 >= settings_.starts) break;
      if (differs(k, last)) chosen_.push_back(k);
    }
  }

  /// When the search for a plan with this deadline ends: half of its time is the descents'.
  static Deadline search_until(const Deadline& deadline) { return deadline.earlier(0.5); }

  /// The chosen samples, the cheapest first.
  int count() const { return static_cast<int>(chosen_.size()); }
  auto start(int i) const { return candidates_.col(chosen_[static_cast<std::size_t>(i)]); }
  double cost(int i) const { return costs_(chosen_[static_cast<std::size_t>(i)]); }

  int samples() const { return static_cast<int>(candidates_.cols()); }
  const MultiStartSettings& settings() const { return settings_; }
  const SequenceBox<double>& box() const { return box_; }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_scalar(prefix + "seed", noise_.seed());
    out.put_scalar(prefix + "plan_index", plan_index_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    noise_ = CandidateNoise<double>(in.get_scalar<std::uint64_t>(prefix + "seed"));
    plan_index_ = in.get_scalar<std::int64_t>(prefix + "plan_index");
  }

  static const MultiStartSettings& checked(const char* where, const MultiStartSettings& s) {
    require(s.samples >= 0, where, ": starts.samples is ", s.samples, ", expected 0 or more");
    require(s.starts >= 1, where, ": starts.starts is ", s.starts, ", expected at least 1");
    require(s.rollouts >= 0, where, ": starts.rollouts is ", s.rollouts, ", expected 0 or more");
    require(s.std >= 0 && s.warm_std >= 0, where, ": starts.std and starts.warm_std are ", s.std, " and ",
            s.warm_std, ", expected 0 or more");
    return s;
  }

 private:
  void draw(std::uint32_t plan, const Vecd& last) {
    noise_.normal(plan, 0, white_);
    const Index a = box_.action_dim(), h = box_.horizon();
    for (Index k = 0; k < candidates_.cols(); ++k) {
      Eigen::Map<Batchd> sequence(candidates_.col(k).data(), a, h);
      const Eigen::Map<const Batchd> white(white_.col(k).data(), a, h);
      if (k % 3 == 2) {
        sequence.colwise() = white.col(0);
        if (k == 2) sequence.setZero();
        if (k == 5) sequence.setConstant(-1.0);
        if (k == 8) sequence.setConstant(1.0);
        candidates_.col(k) = rest_ + half_range_.cwiseProduct(candidates_.col(k));
      } else {
        sequence.noalias() = white.lazyProduct(mixing_.transpose());
        candidates_.col(k) = k % 3 == 0
                                 ? rest_ + settings_.std * half_range_.cwiseProduct(candidates_.col(k))
                                 : last + settings_.warm_std * half_range_.cwiseProduct(candidates_.col(k));
      }
      candidates_.col(k) = candidates_.col(k).cwiseMax(box_.low()).cwiseMin(box_.high());
    }
  }
  // Root mean square distance of two sequences, in half action ranges.
  template <class A, class B>
  double distance(const A& a, const B& b) const {
    return std::sqrt(((a - b).array() / half_range_.array()).square().mean());
  }
  bool differs(int k, const Vecd& last) const {
    constexpr double kApart = 0.1;
    if (distance(candidates_.col(k), last) < kApart) return false;
    for (const int other : chosen_)
      if (distance(candidates_.col(k), candidates_.col(other)) < kApart) return false;
    return true;
  }

  MultiStartSettings settings_;
  SequenceBox<double> box_;
  CandidateNoise<double> noise_;
  std::int64_t plan_index_ = 0;
  Vecd half_range_, rest_;
  Batchd mixing_;  // horizon x horizon
  Batchd candidates_, white_;
  Vecd costs_;
  std::vector<int> order_, chosen_;
};

}  // namespace mbrl
