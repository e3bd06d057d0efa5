// Planning by gradient descent through a differentiable model: L-BFGS or Adam on the actions, from several starts.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/math/lbfgs.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/trajectory/multi_start.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

enum class Descent : int {
  kLbfgs = 0,  // learns the curvature on its way; for exact derivatives
  kAdam = 1    // for derivatives that are noisy, or of a function with kinks
};

constexpr auto enum_names(Descent) {
  return std::array{std::pair{Descent::kLbfgs, "lbfgs"}, std::pair{Descent::kAdam, "adam"}};
}

struct GradientPlannerSettings {
  int horizon = 30;                          // steps a plan looks ahead
  Descent method = Descent::kLbfgs;          // of descent
  int iterations = 50;                       // gradients from every start at most
  double learning_rate = 0.05;               // of Adam, in half action ranges
  double beta1 = 0.9;                        // decay of Adam's first moment
  double beta2 = 0.999;                      // of its second moment
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted plan ends with
  MultiStartSettings starts = {};            // the last plan and the best of sampled action sequences

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps a plan looks ahead");
    field("method", s.method, "of descent: lbfgs or adam");
    field("iterations", s.iterations, "gradients from every start at most");
    field("learning_rate", s.learning_rate, "of Adam, in half action ranges");
    field("beta1", s.beta1, "decay of Adam's first moment");
    field("beta2", s.beta2, "decay of Adam's second moment");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
    field("starts", s.starts, "descent from the last plan and from the best of sampled action sequences");
  }
};

/// With the costate l_N = dJ_f/dx, l_t = dc_t/dx + (df/dx)' l_{t+1}, the gradient is dJ/du_t = dc_t/du +
/// (df/du)' l_{t+1} (back-propagation through the rollout). L-BFGS (math/lbfgs.hpp) and Adam (Kingma, Ba, ICLR
/// 2015) step on actions scaled to [-1, 1]. Adam's are clipped to the bounds after every step; L-BFGS descends
/// the cost of the clipped actions, which no longer changes with one beyond its bound. Starts are the last plan, shifted, and
/// the best of sampled action sequences (MultiStart); the plan is the cheapest iterate of all. A start whose
/// rollout leaves the finite numbers ends there, and is counted. Starts run in parallel on the pool, with the
/// same result for any number of threads. Under a deadline no step is made and no start begun that would not
/// be ready in time should it take as long as those before it; the last plan is rolled out in any case. The
/// pool must outlive the planner.
template <DifferentiableModel Model, TrajectoryCost Cost>
  requires std::same_as<typename Model::Scalar, double>
class GradientPlanner : public Anytime {
 public:
  using Scalar = double;
  using State = Vecd;

  GradientPlanner(Model model, Cost cost, const ActionBounds& bounds, const GradientPlannerSettings& settings,
                  std::uint64_t seed, ThreadPool& pool)
      : model_(std::move(model)),
        cost_(std::move(cost)),
        settings_(checked(settings)),
        multi_start_("gradient", bounds, static_cast<int>(model_.action_dim()), settings.horizon,
                     settings.starts, seed),
        box_(multi_start_.box()),
        pool_(&pool),
        half_range_(0.5 * (box_.high() - box_.low())),
        middle_(box_.low() + half_range_),
        mean_(box_.mid()) {
    const Index nx = model_.obs_dim(), nu = model_.action_dim(), n = settings.horizon;
    starts_.resize(static_cast<std::size_t>(settings.starts.starts) + 1);  // one for a suggestion
    for (Start& s : starts_) {
      s.states.setZero(nx, n + 1);
      s.jacobian.setZero(nx, n * (nx + nu));
      s.stage_hessian.setZero(nx + nu, nx + nu);
      s.final_hessian.setZero(nx, nx);
      s.stage_gradient.setZero(nx + nu);
      s.costate.setZero(nx);
      if (settings.method == Descent::kLbfgs)
        s.search = LbfgsSearch(box_.size(), {.iterations = std::numeric_limits<int>::max(), .trials = 12});
      for (Vecd* v : {&s.actions, &s.best, &s.gradient, &s.first, &s.second}) v->setZero(box_.size());
    }
    suggestion_.setZero(box_.size());
  }

  ActionPlan<double> plan(const State& state, int t) {
    ActionPlan<double> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<double>& out) {
    require_dim("gradient", "the state", state.size(), model_.obs_dim());
    require(state.allFinite(), "gradient: the state holds a number that is not finite");
    out.report = {};
    aim_ = aim();
    // What one start has learned of times holds for those that have not been tried yet.
    longest_rollout_ = longest_gradient_ = 0;
    for (const Start& s : starts_) {
      longest_rollout_ = std::max(longest_rollout_, s.rollout_time.seconds());
      longest_gradient_ = std::max(longest_gradient_, s.gradient_time.seconds());
    }
    look_for_starts(state, t, out.report);
    const int own = suggested_ ? 2 : 1, count = own + multi_start_.count();
    starts_[0].actions = mean_;
    if (std::exchange(suggested_, false)) starts_[1].actions = suggestion_;
    for (int i = own; i < count; ++i)
      starts_[static_cast<std::size_t>(i)].actions = multi_start_.start(i - own);
    const std::int64_t steps = iterations(count, out.report.rollouts);
    const auto work = [&](int i) { descend(starts_[static_cast<std::size_t>(i)], i > 0, steps, state, t); };
    pool_->run(count, std::cref(work));
    if (starts_[0].late && starts_[0].rollouts <= 1)
      for (Start& s : starts_) {
        s.rollout_time.doubt();
        s.gradient_time.doubt();
      }
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < count; ++i) {
      const Start& s = starts_[static_cast<std::size_t>(i)];
      out.report.rollouts += s.rollouts;
      out.report.unusable += s.diverged;
      out.report.timed_out = out.report.timed_out || s.late;
      out.report.iterations = std::max(out.report.iterations, static_cast<int>(s.rollouts) - 1);
      if (s.best_cost < best) {
        best = s.best_cost;
        mean_ = s.best;
      }
    }
    out.actions = mean_.reshaped(box_.action_dim(), box_.horizon());
    out.predicted_return = std::isfinite(best) ? -best : std::numeric_limits<double>::quiet_NaN();
    out.report.best_return = out.report.mean_return = out.predicted_return;
  }

  /// An action sequence (nu x horizon) that the next plan starts from, too.
  void suggest(ConstBatchRef<double> actions) {
    require_dim("gradient", "the suggested actions", actions.size(), box_.size());
    suggestion_ = actions.reshaped().cwiseMax(box_.low()).cwiseMin(box_.high());
    suggested_ = suggestion_.allFinite();
  }

  void advance(int steps) { box_.shift(mean_, steps, settings_.pad); }
  void reset() { mean_ = box_.mid(); }

  void save(StateDict& out, const std::string& prefix) const {
    multi_start_.save(out, prefix);
    SequenceBox<double>::save(out, prefix + "mean", mean_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    Vecd mean = box_.load(in, prefix + "mean");
    multi_start_.load(in, prefix);
    mean_ = std::move(mean);
  }

  const GradientPlannerSettings& settings() const { return settings_; }
  Cost& cost() { return cost_; }  // may be changed between two plans

 private:
  struct Start {
    Batchd states, jacobian, stage_hessian, final_hessian;
    Vecd actions, best, gradient, first, second, stage_gradient, costate;
    double best_cost = 0;
    std::int64_t rollouts = 0, unusable = 0;
    bool diverged = false;
    bool late = false;  // stopped by the deadline
    LbfgsSearch search;
    typename Model::Workspace model;
    WorkPiece rollout_time, gradient_time;  // under deadlines; kept from plan to plan
  };

  static const GradientPlannerSettings& checked(const GradientPlannerSettings& s) {
    require(s.iterations >= 1, "gradient: iterations is ", s.iterations, ", expected at least 1");
    require(s.learning_rate > 0, "gradient: learning_rate is ", s.learning_rate, ", expected more than 0");
    require(s.beta1 >= 0 && s.beta1 < 1 && s.beta2 >= 0 && s.beta2 < 1, "gradient: beta1 and beta2 are ",
            s.beta1, " and ", s.beta2, ", expected 0 to less than 1");
    return s;
  }

  void look_for_starts(const State& state, int t, PlanReport& report) {
    const Deadline until = MultiStart::search_until(aim_);
    multi_start_.search(mean_, [&](ConstBatchRef<double> sequences, VecRef<double> costs) {
      const auto lanes = static_cast<Index>(starts_.size());
      costs.setConstant(std::numeric_limits<double>::quiet_NaN());
      const auto work = [&](int lane) {
        Start& s = starts_[static_cast<std::size_t>(lane)];
        s.rollouts = s.unusable = 0;
        const Index n = sequences.cols();
        const Index end = n * (lane + 1) / lanes;
        const auto one_more = [&] { return time_for(until, rollout_of(s)); };
        for (Index k = n * lane / lanes; k < end && one_more(); ++k) {
          s.actions = sequences.col(k);
          s.rollout_time.timed(aim_, [&] { costs(k) = roll_out(s, state, t); });
          ++s.rollouts;
          s.unusable += !std::isfinite(costs(k));
        }
      };
      pool_->run(static_cast<int>(lanes), std::cref(work));
      for (const Start& s : starts_) {
        report.rollouts += s.rollouts;
        report.unusable += s.unusable;
      }
    });
  }
  // Gradient steps from each of `count` starts after `made` rollouts.
  std::int64_t iterations(int count, std::int64_t made) const {
    const std::int64_t most = settings_.starts.rollouts;
    if (most == 0) return settings_.iterations;
    return std::clamp<std::int64_t>((most - made) / count - 1, 0, settings_.iterations);
  }

  // From s.actions on. One that `may_wait` is not begun where its rollout would be late.
  void descend(Start& s, bool may_wait, std::int64_t steps, const State& state, int t0) const {
    s.best = s.actions;
    s.best_cost = std::numeric_limits<double>::infinity();
    s.rollouts = 0;
    s.diverged = false;
    s.late = may_wait && !time_for(aim_, rollout_of(s));
    if (s.late) return;
    if (settings_.method == Descent::kAdam)
      descend_by_adam(s, steps, state, t0);
    else
      descend_by_lbfgs(s, steps, state, t0);
  }

  void descend_by_adam(Start& s, std::int64_t steps, const State& state, int t0) const {
    s.first.setZero();
    s.second.setZero();
    double decay1 = 1, decay2 = 1;
    for (std::int64_t i = 0; i <= steps; ++i) {
      if (s.diverged = !std::isfinite(tried(s, state, t0)); s.diverged) return;
      if (i == steps || !differentiated(s, t0)) return;
      if (s.diverged = !s.gradient.allFinite(); s.diverged) return;
      decay1 *= settings_.beta1;
      decay2 *= settings_.beta2;
      s.first = settings_.beta1 * s.first + (1 - settings_.beta1) * s.gradient;
      s.second.array() =
          settings_.beta2 * s.second.array() + (1 - settings_.beta2) * s.gradient.array().square();
      s.actions.array() -= settings_.learning_rate * half_range_.array() * (s.first.array() / (1 - decay1)) /
                           ((s.second.array() / (1 - decay2)).sqrt() + 1e-8);
      s.actions = s.actions.cwiseMax(box_.low()).cwiseMin(box_.high());
    }
  }

  void descend_by_lbfgs(Start& s, std::int64_t steps, const State& state, int t0) const {
    const auto half = half_range_.array();
    s.first = (half > 0).select((s.actions - middle_).array() / half, 0.0);
    s.search.begin(s.first);
    double cost = 0;
    for (std::int64_t i = 0; i == 0 || s.search.tell(cost, s.gradient); ++i) {
      const auto scaled = s.search.point().array();
      s.actions = (middle_.array() + half * scaled).matrix().cwiseMax(box_.low()).cwiseMin(box_.high());
      cost = tried(s, state, t0);
      s.diverged = i == 0 && !std::isfinite(cost);  // later a shorter step is tried
      if (s.diverged || i == steps) return;
      if (!std::isfinite(cost)) continue;
      if (!differentiated(s, t0)) return;
      s.gradient.array() *= (scaled.abs() <= 1).template cast<double>();
    }
  }

  // The cost of s.actions, which are kept if they are the best so far.
  double tried(Start& s, const State& state, int t0) const {
    double cost = 0;
    s.rollout_time.timed(aim_, [&] { cost = roll_out(s, state, t0); });
    ++s.rollouts;
    if (cost < s.best_cost) {
      s.best_cost = cost;
      s.best = s.actions;
    }
    return cost;
  }
  // The gradient at s.actions, in half ranges; false where it and one more rollout would be late.
  bool differentiated(Start& s, int t0) const {
    s.late = !time_for(aim_, std::max(longest_gradient_, s.gradient_time.seconds()) + rollout_of(s));
    if (s.late) return false;
    s.gradient_time.timed(aim_, [&] { back_propagate(s, t0); });
    s.gradient.array() *= half_range_.array();
    return true;
  }

  double rollout_of(const Start& s) const { return std::max(longest_rollout_, s.rollout_time.seconds()); }
  Eigen::Map<const Batchd> actions_of(const Start& s) const {
    return {s.actions.data(), box_.action_dim(), box_.horizon()};
  }

  double roll_out(Start& s, const State& state, int t0) const {
    const auto actions = actions_of(s);
    s.states.col(0) = state;
    double cost = 0;
    for (Index t = 0; t < actions.cols(); ++t) {
      cost += cost_.stage(s.states.col(t), actions.col(t), t0 + static_cast<int>(t));
      model_.step(s.states.col(t), actions.col(t), s.states.col(t + 1), s.model);
      if (!s.states.col(t + 1).allFinite()) return std::numeric_limits<double>::quiet_NaN();
    }
    return cost + cost_.final_cost(s.states.col(actions.cols()), t0 + static_cast<int>(actions.cols()));
  }

  void back_propagate(Start& s, int t0) const {
    const auto actions = actions_of(s);
    const Index n = actions.cols(), nx = s.states.rows(), nu = actions.rows(), nz = nx + nu;
    model_.linearize(s.states.leftCols(n), actions, s.jacobian, s.model);
    cost_.final_derivatives(s.states.col(n), t0 + static_cast<int>(n), s.costate, s.final_hessian);
    for (Index t = n; t-- > 0;) {
      cost_.stage_derivatives(s.states.col(t), actions.col(t), t0 + static_cast<int>(t), s.stage_gradient,
                              s.stage_hessian);
      s.stage_gradient.noalias() += s.jacobian.middleCols(t * nz, nz).transpose().lazyProduct(s.costate);
      s.gradient.segment(t * nu, nu) = s.stage_gradient.tail(nu);
      s.costate = s.stage_gradient.head(nx);
    }
  }

  Model model_;
  Cost cost_;
  GradientPlannerSettings settings_;
  MultiStart multi_start_;
  SequenceBox<double> box_;
  ThreadPool* pool_;
  Vecd half_range_, middle_;  // of the bounds
  Vecd mean_;                 // warm start of the next plan
  Vecd suggestion_;           // another start of the next plan, if suggested_
  bool suggested_ = false;
  std::vector<Start> starts_;
  Deadline aim_;                                       // of the plan being made
  double longest_rollout_ = 0, longest_gradient_ = 0;  // s, of any start before this plan
};

}  // namespace mbrl
