// Rollouts in a simulator or an environment itself, one copy of it a thread: planning on the true dynamics.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/simulator.hpp"

namespace mbrl {

struct SimulatorRolloutSettings {
  int horizon = 30;       // control steps a rollout looks ahead
  double discount = 1.0;  // of rewards, per step, and of the terminal value

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "control steps a rollout looks ahead");
    field("discount", s.discount, "of rewards, per step; 1: none");
  }
};

/// A RolloutEvaluator whose state is the simulator's whole state (state() of an environment):
///   EnvRegistry registry; mujoco::register_environments(registry);
///   SimulatorRollout<AnyEnvironment> rollout([&] { return registry.make("HalfCheetah-v4"); }, {30}, pool);
///   rollout.evaluate(env.state(), actions, {}, returns);
/// A return is the (discounted) sum of what the simulator's steps pay, in their order: bit for bit what
/// stepping an environment from that state with these actions would pay, on any number of threads. After a
/// termination nothing more is earned (the terminating step's own reward counts); an episode's time limit is
/// not seen. A rollout that breaks down, or meets a number that is not finite, has return NaN and is counted.
/// The pool must outlive the evaluator. An evaluation allocates nothing if the simulator does not.
template <Simulator S>
class SimulatorRollout {
 public:
  using Scalar = double;
  using State = std::vector<double>;

  /// `make` gives a simulator for each thread; all must be alike.
  SimulatorRollout(const std::function<S()>& make, const SimulatorRolloutSettings& settings, ThreadPool& pool)
      : settings_(settings), pool_(&pool), lanes_(std::make_unique<Lanes>()) {
    require(settings.horizon >= 1, "SimulatorRollout: horizon is ", settings.horizon,
            ", expected at least 1");
    check_discount("SimulatorRollout", settings.discount);
    require(static_cast<bool>(make), "SimulatorRollout: no function that makes a simulator was given");
    lanes_->simulators.reserve(static_cast<std::size_t>(pool.size()));
    for (int i = 0; i < pool.size(); ++i) lanes_->simulators.push_back(make());
    const S& first = lanes_->simulators.front();
    obs_dim_ = first.obs_dim();
    action_dim_ = first.action_dim();
    state_dim_ = first.state_dim();
    for (S& simulator : lanes_->simulators) {
      require_dim("SimulatorRollout", "the state of another simulator", simulator.state_dim(), state_dim_);
      lanes_->idle.push_back(&simulator);
    }
  }

  int horizon() const { return settings_.horizon; }
  int action_dim() const { return action_dim_; }
  int state_dim() const { return state_dim_; }
  const SimulatorRolloutSettings& settings() const { return settings_; }

  /// Adds discount^H value(o_H, t + H) to the return of every rollout that has not terminated; empty: nothing.
  void set_terminal_value(TerminalValueFunction<double> value) { terminal_value_ = std::move(value); }

  /// What acts in evaluate_begun where the given actions end: a function of the observation and the control step. Must
  /// be thread-safe.
  using Policy = std::function<void(ConstVecRef<double> obs, int t, VecRef<double> action)>;
  /// From now on tree searches (Mcts) have their simulations go on by this policy, for at most so many steps; then the
  /// terminal value, if there is one, says what is left. 0 steps (the policy may be empty): the value alone.
  void guide(Policy policy, int steps) {
    require(steps >= 0, "SimulatorRollout: a policy for ", steps, " steps, expected at least 0");
    require(steps == 0 || policy, "SimulatorRollout: no policy was given for ", steps, " steps");
    policy_ = std::move(policy);
    policy_steps_ = steps;
  }
  bool guided() const { return policy_steps_ >= 0; }

  void evaluate(const State& state, ConstBatchRef<double> actions, RolloutKey key, VecRef<double> returns) {
    constexpr const char* kWhere = "SimulatorRollout::evaluate";
    const Index n = check(kWhere, state, actions, returns);
    const auto run = [&](int i) {
      const Borrowed lane(*lanes_);
      const auto next = [&](int t) {
        return actions.col(i).segment(static_cast<Index>(t) * action_dim_, action_dim_);
      };
      roll_out(lane.simulator, state, actions.col(i).allFinite() ? horizon() : -1, next, i, returns(i));
    };
    pool_->run(static_cast<int>(n), std::cref(run));  // by reference: std::function copies nothing
    if (terminal_value_) {
      const double discount = std::pow(settings_.discount, horizon());
      terminal_value_(last_obs_.leftCols(n), key.t + horizon(), value_.head(n));
      for (Index i = 0; i < n; ++i)
        if (alive_[static_cast<std::size_t>(i)] != 0) returns(i) += discount * value_(i);
    }
    count(returns);
  }

  /// Of column i the first given[i] steps stand; what follows is the policy's (guide) and is written there.
  void evaluate_begun(const State& state, BatchRef<double> actions, std::span<const int> given,
                      RolloutKey key, VecRef<double> returns) {
    constexpr const char* kWhere = "SimulatorRollout::evaluate_begun";
    require(guided(), kWhere, ": call guide first");
    const Index n = check(kWhere, state, actions, returns);
    require_dim(kWhere, "how many steps are given", given.size(), n);
    const auto run = [&](int i) {
      const Borrowed lane(*lanes_);
      const int begun = given[static_cast<std::size_t>(i)], end = std::min(horizon(), begun + policy_steps_);
      auto obs = last_obs_.col(i);
      const auto next = [&](int t) {
        auto action = actions.col(i).segment(static_cast<Index>(t) * action_dim_, action_dim_);
        if (t >= begun) {
          lane.simulator.observe(obs);
          policy_(obs, key.t + t, action);
        }
        return action;
      };
      const int steps = roll_out(lane.simulator, state, end, next, i, returns(i));
      if (!terminal_value_ || alive_[static_cast<std::size_t>(i)] == 0) return;
      terminal_value_(obs, key.t + steps, value_.segment(i, 1));
      returns(i) += std::pow(settings_.discount, steps) * value_(i);
    };
    pool_->run(static_cast<int>(n), std::cref(run));
    count(returns);
  }

  /// rows: control steps; not_finite: rollouts that broke down, too.
  const RolloutCounts& counts() const { return counts_; }
  void reset_counts() { counts_ = {}; }

 private:
  Index check(const char* where, const State& state, ConstBatchRef<double> actions,
              ConstVecRef<double> returns) {
    require_dim(where, "the state", state.size(), state_dim_);
    require(std::all_of(state.begin(), state.end(), [](double x) { return std::isfinite(x); }), where,
            ": the state holds a number that is not finite");
    require_dim(where, "an action sequence (horizon x action_dim)", actions.rows(), horizon() * action_dim_);
    require_dim(where, "returns", returns.size(), actions.cols());
    reserve(actions.cols());
    return actions.cols();
  }
  void count(VecRef<double> returns) {
    const Index n = returns.size();
    counts_.particles += static_cast<std::uint64_t>(n);
    for (Index i = 0; i < n; ++i) {
      counts_.rows += static_cast<std::uint64_t>(steps_[static_cast<std::size_t>(i)]);
      if (std::isfinite(returns(i))) continue;
      returns(i) = std::numeric_limits<double>::quiet_NaN();
      ++counts_.not_finite;
    }
  }

  // As many tasks as the pool has threads run at once, so that an idle simulator is always there.
  struct Lanes {
    std::mutex mutex;
    std::vector<S> simulators;
    std::vector<S*> idle;
    S& take() {
      const std::lock_guard lock(mutex);
      S* simulator = idle.back();
      idle.pop_back();
      return *simulator;
    }
  };
  struct Borrowed {
    explicit Borrowed(Lanes& l) : lanes(l), simulator(l.take()) {}
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() {
      const std::lock_guard lock(lanes.mutex);
      lanes.idle.push_back(&simulator);
    }
    Lanes& lanes;
    S& simulator;
  };

  // Grows only: planners' iterations differ in how many candidates they have.
  void reserve(Index n) {
    if (n <= value_.size()) return;
    steps_.resize(static_cast<std::size_t>(n));
    alive_.resize(static_cast<std::size_t>(n));
    last_obs_.setZero(obs_dim_, n);
    value_.resize(n);
  }

  // The control steps taken, at most `end`, with the actions next(t); -1: not to be rolled out at all.
  template <class Next>
  int roll_out(S& simulator, const State& state, int end, const Next& next, int i, double& total) {
    char& alive = alive_[static_cast<std::size_t>(i)];
    int& steps = steps_[static_cast<std::size_t>(i)];
    alive = 0;
    steps = 0;
    total = std::numeric_limits<double>::quiet_NaN();
    if (end < 0) return 0;
    simulator.load_state(state);
    double sum = 0.0, discount = 1.0;
    while (steps < end) {
      const ConstVecRef<double> action = next(steps);
      if (!action.allFinite()) return steps;
      const SimulatorStep step = simulator.advance(action);
      ++steps;
      if (step.broken) return steps;
      sum += discount * step.reward;
      discount *= settings_.discount;
      if (step.terminated) {
        total = sum;
        return steps;
      }
    }
    total = sum;
    alive = 1;
    if (terminal_value_) simulator.observe(last_obs_.col(i));
    return steps;
  }

  SimulatorRolloutSettings settings_;
  ThreadPool* pool_;
  std::unique_ptr<Lanes> lanes_;
  int obs_dim_ = 0, action_dim_ = 0, state_dim_ = 0;
  TerminalValueFunction<double> terminal_value_;
  Policy policy_;
  int policy_steps_ = -1;    // -1: not guided
  std::vector<int> steps_;   // a rollout each, as those below
  std::vector<char> alive_;  // not terminated
  Batchd last_obs_;
  Vecd value_;
  RolloutCounts counts_;
};

}  // namespace mbrl
