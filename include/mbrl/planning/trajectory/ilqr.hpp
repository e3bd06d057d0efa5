// Trajectory optimisation by iLQR and DDP, with limits on the actions.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/planning/trajectory/ilqr_settings.hpp"
#include "mbrl/planning/trajectory/riccati_step.hpp"
#include "mbrl/planning/trajectory/trajectory_derivatives.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// Minimises a TrajectoryCost over the actions of N steps of a DifferentiableModel. Every iteration linearises
/// along the trajectory, solves the linear-quadratic model backwards (RiccatiStep) and rolls out
///   u_t = u_t + alpha k_t + K_t (x_t - x_t old)
/// for falling alpha until J falls by at least `accept` of -(alpha sum k'Qu + alpha^2/2 sum k'Quu k).
/// Regularisation schedule and line search: Tassa, Erez, Todorov, "Synthesis and stabilization of complex
/// behaviors through online trajectory optimization", IROS 2012, section II; limits: the same with Mansard,
/// ICRA 2014; DDP: Mayne, International Journal of Control 1966. Rejected steps, diverged rollouts and
/// indefinite Hessians are recorded in the report, never thrown; the trajectory kept is always the best seen.
/// Under a deadline no linearisation, backward pass or rollout is begun that would not be ready in time should
/// it take as long as those before it; the first rollout is always made. Memory is allocated by the
/// constructor and the first solve. With a pool the step lengths are tried in parallel, with the same result.
/// The pool must outlive the solver.
template <DifferentiableModel Model, TrajectoryCost Cost>
  requires std::same_as<typename Model::Scalar, double>
class Ilqr : public Anytime {
 public:
  static constexpr int Nx = kStaticObsDim<Model>;
  static constexpr int Nu = kStaticActionDim<Model>;

  Ilqr(Model model, Cost cost, int horizon, const IlqrSettings& settings = {},
       std::optional<ActionBounds> bounds = {}, ThreadPool* pool = nullptr)
      : model_(std::move(model)),
        cost_(std::move(cost)),
        settings_(settings),
        horizon_(horizon),
        nx_(static_cast<int>(model_.obs_dim())),
        nu_(static_cast<int>(model_.action_dim())),
        step_(nx_, nu_, settings.box),
        pool_(pool) {
    settings.validate();
    require(horizon >= 1, "ilqr: the horizon is ", horizon, ", expected at least 1");
    if (settings.second_order && !TwiceDifferentiableModel<Model>)
      fail("ilqr: second_order needs a model with weighted_hessian; wrap this one in HessianByDifferences");
    if (bounds) {
      bounds->validate("ilqr", nu_);
      low_ = Eigen::Map<const Vecd>(bounds->low.data(), nu_);
      high_ = Eigen::Map<const Vecd>(bounds->high.data(), nu_);
      limited_ = true;
    }
    const Index n = horizon, nz = nx_ + nu_;
    states_.setZero(nx_, n + 1);
    actions_.setZero(nu_, n);
    along_.resize(nx_, nu_, n);
    value_hessian_ = {StateMatrix::Zero(nx_, nx_), StateMatrix::Zero(nx_, nx_)};
    value_gradient_ = {StateVector::Zero(nx_), StateVector::Zero(nx_)};
    stage_hessian_.setZero(nz, nz);
    gains_t_.setZero(nx_, n * nu_);
    feedforward_.setZero(nu_, n);
    change_low_.setZero(nu_);
    change_high_.setZero(nu_);
    candidates_.resize(static_cast<std::size_t>(pool && pool->size() > 1 ? settings.line_search : 1));
    for (Candidate& c : candidates_) {
      c.states.setZero(nx_, n + 1);
      c.actions.setZero(nu_, n);
      c.change.setZero(nx_);
    }
    trace_.reserve(static_cast<std::size_t>(settings.iterations));
  }

  /// From state x0 with initial actions (nu x N; outside of the limits they are moved to them); t0: control
  /// step of the episode at which the trajectory starts. Throws on wrong dimensions and numbers that are not
  /// finite.
  const IlqrReport& solve(ConstVecRef<double> x0, ConstBatchRef<double> initial_actions, int t0 = 0) {
    require_dim("ilqr", "the state", x0.size(), nx_);
    require_dim("ilqr", "the initial actions", initial_actions.rows(), nu_);
    require_dim("ilqr", "the initial actions' columns", initial_actions.cols(), horizon_);
    require(x0.allFinite(), "ilqr: the state holds a number that is not finite");
    require(initial_actions.allFinite(), "ilqr: the initial actions hold a number that is not finite");
    report_ = {};
    trace_.clear();
    t0_ = t0;
    actions_ = initial_actions;
    if (limited_)
      for (Index t = 0; t < horizon_; ++t) actions_.col(t) = actions_.col(t).cwiseMax(low_).cwiseMin(high_);
    states_.col(0) = x0;
    feedforward_.setZero();
    gains_t_.setZero();
    Candidate& first = candidates_[0];
    states_.rightCols(horizon_).colwise() = states_.col(0);  // replaced at once: the gains are zero
    rollout_time_.timed(deadline_, [&] { roll_out(first, 0.0); });
    ++report_.forward_passes;
    counted_ = 1;
    report_.initial_cost = report_.cost = first.cost;
    if (!std::isfinite(first.cost)) {
      ++report_.diverged;
      report_.status = IlqrStatus::kDivergedStart;
      return report_;
    }
    take(first);
    report_.status = iterate();
    if (report_.status == IlqrStatus::kOutOfTime && report_.iterations + report_.rejected == 0)
      for (WorkPiece* piece : {&rollout_time_, &derivative_time_, &backward_time_}) piece->doubt();
    return report_;
  }

  /// What a solve leaves behind, to be kept while another one runs.
  struct Solution {
    Eigen::Matrix<double, Nx, Eigen::Dynamic> states, gains_t;
    Eigen::Matrix<double, Nu, Eigen::Dynamic> actions;
    std::vector<IlqrIteration> trace;
    IlqrReport report;
  };
  /// Swaps the solution with another one of this solver, or with an empty one, which is given its size.
  void exchange(Solution& other) {
    if (other.actions.cols() != horizon_) {
      other.states.setZero(nx_, horizon_ + 1);
      other.actions.setZero(nu_, horizon_);
      other.gains_t.setZero(nx_, static_cast<Index>(horizon_) * nu_);
      other.trace.reserve(static_cast<std::size_t>(settings_.iterations));
    }
    states_.swap(other.states);
    actions_.swap(other.actions);
    gains_t_.swap(other.gains_t);
    trace_.swap(other.trace);
    std::swap(report_, other.report);
  }

  /// A solve ends once it has made this many rollouts, the first included (kIterationLimit); 0: no limit. With
  /// a pool only those count that would have been made without it.
  void limit_rollouts(std::int64_t most) { most_rollouts_ = most; }

  /// Whether another solve would be ready by the deadline, with at least one iteration.
  bool has_time() const {
    return time_for(deadline_,
                    2 * rollout_time_.seconds() + derivative_time_.seconds() + backward_time_.seconds());
  }

  /// Costs of action sequences, columns [u_0; u_1; ...; u_{N-1}] within the limits, from x0; NaN where a
  /// rollout leaves the finite numbers, or would not have been ready by the deadline. The number of rollouts.
  /// Leaves the solution as it is.
  std::int64_t costs_of(ConstVecRef<double> x0, ConstBatchRef<double> sequences, int t0,
                        VecRef<double> costs) {
    require_dim("ilqr", "an action sequence", sequences.rows(), static_cast<Index>(horizon_) * nu_);
    const auto lanes = static_cast<Index>(candidates_.size());
    std::fill(costs.begin(), costs.end(), std::numeric_limits<double>::quiet_NaN());
    std::atomic<std::int64_t> rollouts = 0;
    const auto work = [&](int lane) {
      Candidate& c = candidates_[static_cast<std::size_t>(lane)];
      const Index n = sequences.cols(), begin = n * lane / lanes, end = n * (lane + 1) / lanes;
      const auto one_more = [&] {
        return time_for(deadline_, std::max(c.rollout_time.seconds(), rollout_time_.seconds()));
      };
      if (begin < end && !one_more()) c.rollout_time.doubt();
      for (Index k = begin; k < end && one_more(); ++k) {
        c.actions = Eigen::Map<const Batchd>(sequences.col(k).data(), nu_, horizon_);
        c.states.col(0) = x0;
        c.rollout_time.timed(deadline_, [&] { roll_out(c, t0, [](Index) {}); });
        costs(k) = c.cost;
        ++rollouts;
      }
    };
    if (lanes > 1)
      pool_->run(static_cast<int>(lanes), std::cref(work));
    else
      work(0);
    return rollouts;
  }

  const IlqrReport& report() const { return report_; }
  const std::vector<IlqrIteration>& trace() const { return trace_; }
  int horizon() const { return horizon_; }
  const auto& states() const { return states_; }    // nx x (N + 1)
  const auto& actions() const { return actions_; }  // nu x N
  // K_t of the last backward pass. Around the trajectory above it tracks: u = u_t + K_t (x - x_t).
  auto gain(int t) const {
    return gains_t_.middleCols(static_cast<Index>(t) * nu_, nu_).transpose();
  }  // nu x nx
  const Model& model() const { return model_; }
  const Cost& cost() const { return cost_; }
  Cost& cost() { return cost_; }  // the cost may be changed between two solves
  const IlqrSettings& settings() const { return settings_; }

 private:
  using StateMatrix = Eigen::Matrix<double, Nx, Nx>;
  using StateVector = Eigen::Matrix<double, Nx, 1>;
  using ActionVector = Eigen::Matrix<double, Nu, 1>;
  static constexpr int Nz = RiccatiStep<Nx, Nu>::Nz;

  struct Candidate {
    Eigen::Matrix<double, Nx, Eigen::Dynamic> states;
    Eigen::Matrix<double, Nu, Eigen::Dynamic> actions;
    StateVector change;
    double cost = 0;
    typename Model::Workspace model;
    WorkPiece rollout_time;  // of those made on this candidate's thread
  };

  IlqrStatus iterate() {
    regularization_.start(settings_);
    bool changed = true;
    for (int iteration = 0; iteration < settings_.iterations; ++iteration) {
      if (!within_budget()) break;
      const double back = backward_time_.seconds() + rollout_time_.seconds();
      if (!time_for(deadline_, back + (changed ? derivative_time_.seconds() : 0.0)))
        return IlqrStatus::kOutOfTime;
      bool fine = true;
      if (changed)
        derivative_time_.timed(deadline_, [&] {
          fine = along_.compute(model_, cost_, states_, actions_, t0_, candidates_[0].model);
        });
      if (!fine) return IlqrStatus::kNotFinite;
      changed = false;
      while (true) {
        backward_time_.timed(deadline_, [&] { fine = backward(); });
        if (fine) break;
        ++report_.indefinite;
        if (!regularization_.increase(settings_)) return IlqrStatus::kIndefinite;
        if (!time_for(deadline_, back)) return IlqrStatus::kOutOfTime;
      }
      const double expected = -(first_order_ + second_order_);
      const double scale = std::abs(report_.cost) + 1e-6 * std::abs(report_.initial_cost);
      const bool settled = regularization_.settled(settings_);
      if (settled && expected <= settings_.tolerance * scale) return IlqrStatus::kConverged;
      const double used_mu = regularization_.mu();
      double alpha = 0;
      Candidate* best = search(alpha);
      if (!best) {
        trace_.push_back({report_.cost, expected, 0.0, used_mu});
        ++report_.rejected;
        if (!within_budget()) break;
        if (settled && expected <= 1e-12 * scale) return IlqrStatus::kConverged;  // below the cost's rounding
        if (cut_short_) return IlqrStatus::kOutOfTime;
        if (!regularization_.increase(settings_)) return IlqrStatus::kNoDescent;
        continue;
      }
      const double decrease = report_.cost - best->cost;
      take(*best);
      report_.cost = best->cost;
      ++report_.iterations;
      trace_.push_back({report_.cost, expected, alpha, used_mu});
      regularization_.decrease(settings_);
      changed = true;
      if (settled && decrease <= settings_.tolerance * scale) return IlqrStatus::kConverged;
    }
    return IlqrStatus::kIterationLimit;
  }

  bool backward() {
    const Index nx = nx_, nu = nu_, nz = nx + nu;
    std::size_t next = 0;
    value_hessian_[0] = along_.final_hessian;
    value_gradient_[0] = along_.final_gradient;
    first_order_ = second_order_ = 0;
    for (Index t = horizon_; t-- > 0; next = 1 - next) {
      RiccatiStage s;
      s.jacobian = along_.jacobian.data() + t * nx * nz;
      s.cost = along_.hessian.data() + t * nz * nz;
      s.cost_gradient = along_.gradient.data() + t * nz;
      if (t > 0) {
        s.jacobian_after = s.jacobian - nx * nz;
        s.cost_after = s.cost - nz * nz;
      }
      s.next_hessian = value_hessian_[next].data();
      s.next_gradient = value_gradient_[next].data();
      s.hessian = value_hessian_[1 - next].data();
      s.gradient = value_gradient_[1 - next].data();
      s.gain_t = gains_t_.data() + t * nx * nu;
      s.feedforward = feedforward_.data() + t * nu;
      if constexpr (TwiceDifferentiableModel<Model>) {
        if (settings_.second_order) {
          model_.weighted_hessian(states_.col(t), actions_.col(t), value_gradient_[next], stage_hessian_,
                                  candidates_[0].model);
          stage_hessian_ += along_.hessian.middleCols(t * nz, nz);
          s.cost = stage_hessian_.data();
        }
      }
      if (limited_) {
        change_low_ = low_ - actions_.col(t);
        change_high_ = high_ - actions_.col(t);
        s.low = change_low_.data();
        s.high = change_high_.data();
      }
      if (!step_.run(s, regularization_.mu())) return false;
      first_order_ += step_.first_order();
      second_order_ += step_.second_order();
    }
    return std::isfinite(first_order_) && std::isfinite(second_order_);
  }

  bool within_budget() const { return most_rollouts_ == 0 || counted_ < most_rollouts_; }
  double alpha_of(int i) const { return std::pow(settings_.line_search_base, -static_cast<double>(i) * i); }

  // The largest step length that lowers the cost as much as it must; null: none.
  Candidate* search(double& alpha) {
    const bool parallel = candidates_.size() > 1;
    cut_short_ = !time_for(deadline_, rollout_time_.seconds());
    if (cut_short_) return nullptr;
    if (parallel) {
      const auto work = [&](int i) { roll_out(candidates_[static_cast<std::size_t>(i)], alpha_of(i)); };
      rollout_time_.timed(deadline_, [&] { pool_->run(settings_.line_search, std::cref(work)); });
      report_.forward_passes += settings_.line_search;
      for (const Candidate& c : candidates_) report_.diverged += !std::isfinite(c.cost);
    }
    for (int i = 0; i < settings_.line_search && within_budget(); ++i) {
      alpha = alpha_of(i);
      ++counted_;
      Candidate& c = candidates_[parallel ? static_cast<std::size_t>(i) : 0];
      if (!parallel) {
        rollout_time_.timed(deadline_, [&] { roll_out(c, alpha); });
        ++report_.forward_passes;
        report_.diverged += !std::isfinite(c.cost);
      }
      const double expected = -alpha * (first_order_ + alpha * second_order_);
      const double decrease = report_.cost - c.cost;  // NaN: not accepted
      if (decrease > 0 && decrease >= settings_.accept * expected) return &c;
      cut_short_ = !parallel && !time_for(deadline_, rollout_time_.seconds());
      if (cut_short_) break;
    }
    return nullptr;
  }

  // Fills c; its cost is NaN if the rollout leaves the finite numbers.
  void roll_out(Candidate& c, double alpha) const {
    c.states.col(0) = states_.col(0);
    roll_out(c, t0_, [&](Index t) {
      c.change = c.states.col(t) - states_.col(t);
      c.actions.col(t) = actions_.col(t) + alpha * feedforward_.col(t);
      c.actions.col(t).noalias() +=
          gains_t_.template block<Nx, Nu>(0, t * nu_, nx_, nu_).transpose().lazyProduct(c.change);
      if (limited_) c.actions.col(t) = c.actions.col(t).cwiseMax(low_).cwiseMin(high_);
    });
  }
  // From c's first state; `choose` writes the action of step t.
  template <class Choose>
  void roll_out(Candidate& c, int t0, const Choose& choose) const {
    c.cost = 0;
    for (Index t = 0; t < horizon_; ++t) {
      choose(t);
      c.cost += cost_.stage(c.states.col(t), c.actions.col(t), t0 + static_cast<int>(t));
      model_.step(c.states.col(t), c.actions.col(t), c.states.col(t + 1), c.model);
      if (!std::isfinite(c.cost) || !c.states.col(t + 1).allFinite()) {
        c.cost = std::numeric_limits<double>::quiet_NaN();
        return;
      }
    }
    c.cost += cost_.final_cost(c.states.col(horizon_), t0 + horizon_);
    if (!std::isfinite(c.cost)) c.cost = std::numeric_limits<double>::quiet_NaN();
  }

  void take(Candidate& c) {
    states_.swap(c.states);
    actions_.swap(c.actions);
  }

  Model model_;
  Cost cost_;
  IlqrSettings settings_;
  int horizon_, nx_, nu_;
  int t0_ = 0;
  RiccatiStep<Nx, Nu> step_;
  ThreadPool* pool_;
  std::int64_t most_rollouts_ = 0, counted_ = 0;  // of a solve
  bool limited_ = false;
  ActionVector low_, high_, change_low_, change_high_;
  Eigen::Matrix<double, Nx, Eigen::Dynamic> states_, gains_t_;
  Eigen::Matrix<double, Nu, Eigen::Dynamic> actions_, feedforward_;
  TrajectoryDerivatives<Nx, Nu> along_;
  std::array<StateMatrix, 2> value_hessian_;  // of the next stage and of this one, in turns
  std::array<StateVector, 2> value_gradient_;
  Eigen::Matrix<double, Nz, Nz> stage_hessian_;
  IlqrRegularization regularization_;
  double first_order_ = 0, second_order_ = 0;
  std::vector<Candidate> candidates_;
  WorkPiece rollout_time_, derivative_time_, backward_time_;  // under deadlines; kept from solve to solve
  bool cut_short_ = false;                                    // a line search, by the deadline
  std::vector<IlqrIteration> trace_;
  IlqrReport report_;
};

}  // namespace mbrl
