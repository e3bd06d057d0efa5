// A model with a reward and an end as a simulator: what a tree search can guide by a policy or a value (SimulatorRollout::guide),
// written down or learned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/task/simulator.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// A Simulator. Its state is an observation and, behind it, the control step that rewards are told. A step whose observation
/// is not finite is broken. ModelView makes one of a model that is still being trained.
template <DynamicsModel Model>
class ModelSimulator {
  using S = typename Model::Scalar;

 public:
  /// `termination` may be empty: episodes never end.
  ModelSimulator(Model model, RewardFunction<S> reward, TerminationFunction<S> termination = {})
      : model_(std::move(model)), reward_(std::move(reward)), termination_(std::move(termination)) {
    require(static_cast<bool>(reward_), "ModelSimulator: no reward was given");
    obs_.setZero(model_.obs_dim(), 1);
    next_ = obs_;
    action_.setZero(model_.action_dim(), 1);
    out_.setZero(1);
  }

  int obs_dim() const { return static_cast<int>(obs_.rows()); }
  int action_dim() const { return static_cast<int>(action_.rows()); }
  int state_dim() const { return obs_dim() + 1; }
  void save_state(std::span<double> out) const {
    require_dim("ModelSimulator", "the state", out.size(), state_dim());
    std::copy(obs_.reshaped().begin(), obs_.reshaped().end(), out.begin());
    out.back() = t_;
  }
  void load_state(std::span<const double> in) {
    require_dim("ModelSimulator", "the state (an observation, and the control step)", in.size(), state_dim());
    for (Index i = 0; i < obs_.rows(); ++i) obs_(i, 0) = static_cast<S>(in[static_cast<std::size_t>(i)]);
    t_ = static_cast<int>(in.back());
  }
  SimulatorStep advance(ConstVecRef<double> action) {
    action_ = action.cast<S>();
    model_.step(obs_, action_, next_, workspace_);
    SimulatorStep step{.broken = !next_.allFinite()};
    if (step.broken) return step;
    reward_(obs_, action_, next_, t_, out_);
    step.reward = static_cast<double>(out_(0));
    if (termination_) {
      termination_(obs_, action_, next_, t_, out_);
      step.terminated = out_(0) > S(0.5);
    }
    obs_.swap(next_);
    ++t_;
    return step;
  }
  void observe(VecRef<double> obs) const { obs = obs_.col(0).template cast<double>(); }

 private:
  Model model_;
  RewardFunction<S> reward_;
  TerminationFunction<S> termination_;
  typename Model::Workspace workspace_;
  Batch<S> obs_, next_, action_;
  Vec<S> out_;
  int t_ = 0;
};

}  // namespace mbrl
