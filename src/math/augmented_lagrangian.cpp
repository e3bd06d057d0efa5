// The augmented Lagrangian around Newton steps in a box, on a sparse, symmetric system.
#include "mbrl/math/augmented_lagrangian.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "math/newton_system.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

double largest(const Vecd& v) { return v.size() > 0 ? v.cwiseAbs().maxCoeff() : 0.0; }

void check(const AugmentedLagrangianSettings& s) {
  const auto positive = [](const char* name, double value) {
    require(std::isfinite(value) && value > 0, "minimize: ", name, " is ", value, ", expected more than 0");
  };
  require(s.outer_iterations >= 1 && s.newton_iterations >= 1,
          "minimize: outer_iterations and newton_iterations are ", s.outer_iterations, " and ",
          s.newton_iterations, ", expected at least 1");
  positive("feasibility", s.feasibility);
  positive("optimality", s.optimality);
  positive("initial_penalty", s.initial_penalty);
  positive("max_penalty", s.max_penalty);
  positive("max_regularization", s.max_regularization);
  require(s.initial_regularization >= 0, "minimize: initial_regularization is ", s.initial_regularization,
          ", expected 0 or more");
  require(s.penalty_factor > 1, "minimize: penalty_factor is ", s.penalty_factor, ", expected more than 1");
  require(s.shrink > 0 && s.shrink < 1, "minimize: shrink is ", s.shrink, ", expected 0 < shrink < 1");
  require(s.armijo > 0 && s.armijo < 1, "minimize: armijo is ", s.armijo, ", expected 0 < armijo < 1");
}

class Solver {
 public:
  Solver(NonlinearProgram& program, const AugmentedLagrangianSettings& settings, const Deadline& deadline)
      : program_(program),
        settings_(settings),
        pace_(deadline),
        n_(program.variables()),
        m_(program.constraints()),
        system_(n_, m_),
        free_(static_cast<std::size_t>(n_)),
        side_(static_cast<std::size_t>(n_)),
        active_(static_cast<std::size_t>(m_)) {
    for (Vecd* v : {&x_, &x_low_, &x_high_, &gradient_, &lagrangian_, &step_, &trial_}) v->setZero(n_);
    model_gradient_.setZero(n_ + m_);
    for (Vecd* v : {&y_, &c_, &trial_c_, &c_low_, &c_high_, &estimate_}) v->setZero(m_);
    program.limits(x_low_, x_high_, c_low_, c_high_);
    for (Index i = 0; i < n_; ++i)
      require(x_low_(i) <= x_high_(i), "minimize: variable ", i, " has the limits ", x_low_(i), " and ",
              x_high_(i), ", expected low <= high");
    for (Index i = 0; i < m_; ++i)
      require(c_low_(i) <= c_high_(i), "minimize: constraint ", i, " has the limits ", c_low_(i), " and ",
              c_high_(i), ", expected low <= high");
  }

  ProgramResult run(const ConstVecRef<double>& start, const ConstVecRef<double>& multipliers) {
    x_ = start.cwiseMax(x_low_).cwiseMin(x_high_);
    if (multipliers.size() > 0) y_ = multipliers;
    rho_ = settings_.initial_penalty;
    delta_ = settings_.initial_regularization;
    result_.status = iterate();
    result_.regularization = delta_;
    result_.penalty = rho_;
    result_.solution.assign(x_.data(), x_.data() + n_);
    result_.multipliers.assign(y_.data(), y_.data() + m_);
    return std::move(result_);
  }

 private:
  bool penalized() const { return settings_.method == DualMethod::kAugmentedLagrangian; }
  double clamped(Index i, double c) const { return std::min(std::max(c, c_low_(i)), c_high_(i)); }
  double violation(const Vecd& c) const {
    double worst = 0;
    for (Index i = 0; i < m_; ++i) worst = std::max(worst, std::abs(c(i) - clamped(i, c(i))));
    return worst;
  }

  // What is minimised inside, up to a constant; NaN where a function is not finite.
  double merit(double f, const Vecd& c) const {
    if (!std::isfinite(f) || !c.allFinite()) return kNotANumber;
    if (!penalized()) return f + y_.dot(c);
    double sum = 0;
    for (Index i = 0; i < m_; ++i) {
      const double moved = c(i) + y_(i) / rho_, r = moved - clamped(i, moved);
      sum += r * r;
    }
    return f + 0.5 * rho_ * sum;
  }

  // The multipliers that the present point suggests, and the rows that count.
  void estimate() {
    for (Index i = 0; i < m_; ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (!penalized()) {
        estimate_(i) = y_(i);
        active_[k] = false;
        continue;
      }
      const double moved = c_(i) + y_(i) / rho_, r = moved - clamped(i, moved);
      estimate_(i) = rho_ * r;
      active_[k] = r != 0.0 || c_low_(i) == c_high_(i);
    }
  }

  // Gradient of what is minimised inside, and how far it is from the box's optimum.
  bool differentiate() {
    program_.derivatives(x_, gradient_, jacobian_);
    estimate();
    lagrangian_ = gradient_;
    bool finite = gradient_.allFinite();
    for (const SparseEntry& e : jacobian_) {
      finite = finite && std::isfinite(e.value);
      lagrangian_(e.col) += e.value * estimate_(e.row);
    }
    if (!finite) return false;
    optimality_ = 0;
    for (Index i = 0; i < n_; ++i) {
      const double moved = std::min(std::max(x_(i) - lagrangian_(i), x_low_(i)), x_high_(i));
      optimality_ = std::max(optimality_, std::abs(moved - x_(i)));
    }
    optimality_ /= std::max(1.0, largest(gradient_));
    return true;
  }

  enum class Inner { kSolved, kStalled, kLimit, kIndefinite, kNotFinite, kOutOfTime };

  Inner minimize_inside(double tolerance) {
    trusted_ = false;
    double last = 0;
    for (int iteration = 0;; ++iteration) {
      if (!differentiate()) return Inner::kNotFinite;
      if (optimality_ <= tolerance) return Inner::kSolved;
      if (trusted_ && optimality_ >= last) return Inner::kStalled;
      last = optimality_;
      if (iteration == settings_.newton_iterations) return Inner::kLimit;
      if (!pace_.another()) return Inner::kOutOfTime;

      program_.hessian(x_, estimate_, hessian_);
      for (const SparseEntry& e : hessian_)
        if (!std::isfinite(e.value)) return Inner::kNotFinite;
      if (!find_step()) return Inner::kIndefinite;
      if (!search()) return Inner::kStalled;
    }
  }

  // The minimum of the quadratic model in the box, by the primal-dual active set method: guess which
  // variables end on a limit, solve for the others, put those on a limit that went beyond it, release those
  // that push away from theirs (Hintermueller, Ito, Kunisch, SIAM J. Optimization 2002). The guess is the
  // last solution's.
  bool find_step() {
    constexpr int kSets = 25;
    double delta = 0;
    for (Index i = 0; i < n_; ++i) {
      auto& side = side_[static_cast<std::size_t>(i)];
      if (x_low_(i) == x_high_(i)) side = -1;
    }
    for (int set = 0; set < kSets; ++set) {
      for (Index i = 0; i < n_; ++i) {
        const int side = side_[static_cast<std::size_t>(i)];
        free_[static_cast<std::size_t>(i)] = side == 0;
        step_(i) = side == 0 ? 0.0 : (side < 0 ? x_low_(i) : x_high_(i)) - x_(i);
      }
      system_.assemble(hessian_, jacobian_, active_, free_, 1.0 / rho_);
      if (!factorize(delta)) return false;
      Vecd& rhs = system_.rhs();
      rhs.head(n_) = -lagrangian_;
      rhs.tail(m_).setZero();
      add_products(step_, rhs, true, delta);
      for (Index i = 0; i < n_; ++i)
        if (!free_[static_cast<std::size_t>(i)]) rhs(i) = 0;
      const Vecd& solution = system_.solve();
      for (Index i = 0; i < n_; ++i)
        if (free_[static_cast<std::size_t>(i)]) step_(i) = solution(i);
      model_gradient_.head(n_) = lagrangian_;
      model_gradient_.tail(m_) = solution.tail(m_);
      add_products(step_, model_gradient_, false, delta);
      if (!move_sides()) return true;
    }
    // The sets cycle: what goes beyond a limit is cut off.
    step_ = (x_ + step_).cwiseMax(x_low_).cwiseMin(x_high_) - x_;
    if (lagrangian_.dot(step_) < 0) return true;
    // The projected Newton step of Bertsekas: variables that stand on a limit and push against it are fixed.
    for (Index i = 0; i < n_; ++i) {
      const bool low = x_(i) <= x_low_(i) && lagrangian_(i) >= 0,
                 high = x_(i) >= x_high_(i) && lagrangian_(i) <= 0;
      side_[static_cast<std::size_t>(i)] = low ? -1 : high ? 1 : 0;
      free_[static_cast<std::size_t>(i)] = !low && !high;
    }
    system_.assemble(hessian_, jacobian_, active_, free_, 1.0 / rho_);
    if (!factorize(delta)) return false;
    Vecd& rhs = system_.rhs();
    rhs.setZero();
    for (Index i = 0; i < n_; ++i)
      if (free_[static_cast<std::size_t>(i)]) rhs(i) = -lagrangian_(i);
    step_ = system_.solve().head(n_);
    return true;
  }

  // Right-hand side: takes off what the fixed variables' steps contribute, [H; J] step. Else adds to the
  // first n entries (H + delta I) step + J'w, w the last m entries.
  void add_products(const Vecd& step, Vecd& out, bool right_hand_side, double delta) const {
    for (const SparseEntry& e : hessian_) {
      const double value = right_hand_side ? -e.value : e.value;
      out(e.row) += value * step(e.col);
      if (e.row != e.col) out(e.col) += value * step(e.row);
    }
    if (!right_hand_side) out.head(n_) += delta * step;
    for (const SparseEntry& e : jacobian_) {
      if (!active_[static_cast<std::size_t>(e.row)]) continue;
      if (right_hand_side)
        out(n_ + e.row) -= e.value * step(e.col);
      else
        out(e.col) += e.value * out(n_ + e.row);
    }
  }

  // Whether a variable changed its side.
  bool move_sides() {
    bool moved = false;
    for (Index i = 0; i < n_; ++i) {
      auto& side = side_[static_cast<std::size_t>(i)];
      if (x_low_(i) == x_high_(i)) continue;
      const double to = x_(i) + step_(i);
      if (side == 0) {
        if (to < x_low_(i)) side = -1;
        if (to > x_high_(i)) side = 1;
        moved = moved || side != 0;
      } else if (side * model_gradient_(i) > 1e-12 * (1 + std::abs(lagrangian_(i)))) {
        side = 0;
        moved = true;
      }
    }
    return moved;
  }

  // As little regularisation, from delta on, as makes the system one of a minimum (Waechter and Biegler,
  // Mathematical Programming 2006, section 3.1).
  bool factorize(double& delta) {
    ++result_.factorizations;
    if (system_.factorize(delta)) return true;
    const double growth = delta_ > 0 ? 8.0 : 100.0;
    delta = std::max(delta * growth, delta_ > 0 ? std::max(1e-10, delta_ / 3) : 1e-4);
    for (; delta <= settings_.max_regularization; delta *= growth) {
      ++result_.factorizations;
      if (system_.factorize(delta)) {
        delta_ = delta;
        return true;
      }
    }
    return false;
  }

  bool search() {
    const double before = merit(f_, c_);
    const double rounding = 1e-12 * (std::abs(before) + std::abs(f_));
    for (double alpha = 1.0; alpha > 1e-14; alpha *= 0.5) {
      trial_ = (x_ + alpha * step_).cwiseMax(x_low_).cwiseMin(x_high_);
      const double f = program_.evaluate(trial_, trial_c_);
      const double after = merit(f, trial_c_);
      const double slope = lagrangian_.dot(trial_ - x_);
      const bool lowers = after - before <= settings_.armijo * slope && slope < 0;
      // Below rounding the full Newton step is trusted, as long as the gradient falls.
      trusted_ = !lowers && alpha == 1.0 && -slope <= rounding && after - before <= rounding;
      if (lowers || trusted_) {
        if (trial_ == x_) return false;
        x_.swap(trial_);
        c_.swap(trial_c_);
        f_ = f;
        ++result_.newton_steps;
        return true;
      }
      ++result_.rejected;
      result_.not_finite += !std::isfinite(after);
      if (-slope <= 1e-3 * rounding && std::isfinite(after)) return false;
    }
    return false;
  }

  ProgramStatus iterate() {
    f_ = program_.evaluate(x_, c_);
    if (!std::isfinite(f_) || !c_.allFinite()) {
      result_.objective = f_;
      return ProgramStatus::kDivergedStart;
    }
    // Dual ascent measures the constraints where the Lagrangian is least: what is left there goes into y.
    const double least = penalized() ? settings_.optimality : 1e-3 * settings_.optimality;
    double tolerance = penalized() ? std::max(least, 1e-2) : least, last = violation(c_);
    for (int outer = 0; outer < settings_.outer_iterations; ++outer) {
      const int steps = result_.newton_steps;
      const Inner inside = minimize_inside(tolerance);
      // The distance of c + y / rho counts too: a multiplier above zero away from its limit is no solution.
      double worst = violation(c_), apart = worst;
      if (penalized())
        for (Index i = 0; i < m_; ++i)
          apart = std::max(apart, std::abs(c_(i) - clamped(i, c_(i) + y_(i) / rho_)));
      result_.objective = f_;
      result_.violation = worst;
      result_.optimality = optimality_;
      result_.trace.push_back({f_, worst, optimality_, rho_, result_.newton_steps - steps});
      if (inside == Inner::kNotFinite) return ProgramStatus::kNotFinite;
      if (inside == Inner::kIndefinite) return ProgramStatus::kIndefinite;
      if (inside == Inner::kOutOfTime) return ProgramStatus::kOutOfTime;

      const bool feasible = apart <= settings_.feasibility;
      update_multipliers();
      if (feasible && optimality_ <= settings_.optimality) return ProgramStatus::kConverged;
      if (feasible && inside == Inner::kStalled) return ProgramStatus::kStalled;
      if (inside == Inner::kLimit) continue;
      if (penalized() && apart > settings_.feasibility && apart > settings_.shrink * last) {
        if (rho_ >= settings_.max_penalty) return ProgramStatus::kInfeasible;
        rho_ = std::min(settings_.max_penalty, rho_ * settings_.penalty_factor);
      }
      last = apart;
      tolerance = std::max(least, 0.1 * tolerance);
    }
    return ProgramStatus::kIterationLimit;
  }

  void update_multipliers() {
    if (penalized()) {
      y_ = estimate_;
      return;
    }
    for (Index i = 0; i < m_; ++i) {
      const double moved = c_(i) + y_(i) / rho_;
      y_(i) = rho_ * (moved - clamped(i, moved));
    }
  }

  NonlinearProgram& program_;
  const AugmentedLagrangianSettings& settings_;
  Pacer pace_;
  Index n_, m_;
  NewtonSystem system_;
  Vecd x_, x_low_, x_high_, gradient_, lagrangian_, step_, trial_;
  Vecd y_, c_, trial_c_, c_low_, c_high_, estimate_;
  SparseEntries jacobian_, hessian_;
  Vecd model_gradient_;  // of the quadratic model, then the multipliers' steps
  std::vector<char> free_;
  std::vector<signed char> side_;  // of the quadratic model's solution: -1 low, 0 free, 1 high
  std::vector<char> active_;
  bool trusted_ = false;  // the last step was below rounding
  double f_ = 0, rho_ = 1, delta_ = 0, optimality_ = 0;
  ProgramResult result_;
};

}  // namespace

ProgramResult minimize(NonlinearProgram& program, ConstVecRef<double> start,
                       const AugmentedLagrangianSettings& settings, ConstVecRef<double> initial_multipliers,
                       const Deadline& deadline) {
  check(settings);
  require(program.variables() >= 1 && program.constraints() >= 0, "minimize: ", program.variables(),
          " variables and ", program.constraints(), " constraints, expected at least one variable");
  require_dim("minimize", "the start", start.size(), program.variables());
  require(start.allFinite(), "minimize: the start holds a number that is not finite");
  if (initial_multipliers.size() > 0) {
    require_dim("minimize", "the initial multipliers", initial_multipliers.size(), program.constraints());
    require(initial_multipliers.allFinite(),
            "minimize: the initial multipliers hold a number that is not finite");
  }
  return Solver(program, settings, deadline).run(start, initial_multipliers);
}

}  // namespace mbrl
