// A cost that can be exchanged while planners that hold it are in use.
#pragma once

#include <memory>
#include <utility>

#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// A TrajectoryCost of any type in a slot that all copies share: hand copies to planners and evaluators, keep
/// one, and `set` what they minimise from their next plan on. Not while one of them plans. A change of cost in
/// the middle of a plan's execution: see Mpc::replan.
class SwitchableCost {
 public:
  template <TrajectoryCost C>
  explicit SwitchableCost(C cost) : slot_(std::make_shared<Slot>()) {
    set(std::move(cost));
  }

  template <TrajectoryCost C>
  void set(C cost) {
    slot_->cost = std::make_unique<Holder<C>>(std::move(cost));
  }

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    return slot_->cost->stage(x, u, t);
  }
  double final_cost(ConstVecRef<double> x, int t) const { return slot_->cost->final_cost(x, t); }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    slot_->cost->stage_derivatives(x, u, t, gradient, hessian);
  }
  void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    slot_->cost->final_derivatives(x, t, gradient, hessian);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual double stage(const ConstVecRef<double>& x, const ConstVecRef<double>& u, int t) const = 0;
    virtual double final_cost(const ConstVecRef<double>& x, int t) const = 0;
    virtual void stage_derivatives(const ConstVecRef<double>& x, const ConstVecRef<double>& u, int t,
                                   VecRef<double>& gradient, BatchRef<double>& hessian) const = 0;
    virtual void final_derivatives(const ConstVecRef<double>& x, int t, VecRef<double>& gradient,
                                   BatchRef<double>& hessian) const = 0;
  };
  template <TrajectoryCost C>
  struct Holder final : Interface {
    explicit Holder(C c) : cost(std::move(c)) {}
    double stage(const ConstVecRef<double>& x, const ConstVecRef<double>& u, int t) const override {
      return cost.stage(x, u, t);
    }
    double final_cost(const ConstVecRef<double>& x, int t) const override { return cost.final_cost(x, t); }
    void stage_derivatives(const ConstVecRef<double>& x, const ConstVecRef<double>& u, int t,
                           VecRef<double>& gradient, BatchRef<double>& hessian) const override {
      cost.stage_derivatives(x, u, t, gradient, hessian);
    }
    void final_derivatives(const ConstVecRef<double>& x, int t, VecRef<double>& gradient,
                           BatchRef<double>& hessian) const override {
      cost.final_derivatives(x, t, gradient, hessian);
    }
    C cost;
  };
  struct Slot {
    std::unique_ptr<const Interface> cost;
  };
  std::shared_ptr<Slot> slot_;
};

}  // namespace mbrl
