// Model-predictive control: plan, execute the first actions, shift the plan, plan again from where one has
// come out.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/latency_recorder.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/policy/exploration.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// What is done with a plan that is unusable (PlanStatus::kUnusable): none of its rollouts gave a finite
/// return.
enum class OnUnusable : int {
  kHold = 0,   // the last action again, mid-range at an episode's start; a warning is logged
  kThrow = 1,  // an Error that says what happened
};

constexpr auto enum_names(OnUnusable) {
  return std::array{std::pair{OnUnusable::kHold, "hold"}, std::pair{OnUnusable::kThrow, "throw"}};
}

struct MpcSettings {
  int replan_every = 1;      // control steps executed of a plan before the next
  int cold_start_plans = 1;  // plans made at an episode's first step, each starting from the last: a planner
                             // that lives on its warm start has none there
  bool open_loop = false;    // every plan is executed to its end without looking at where it has led
  bool feedback = true;      // later actions of a plan are corrected by the planner's feedback gains, where
                             // it has some (iLQR, DDP); never in open loop
  double deadline = 0;  // time a plan may take (s); 0 or infinite: any. Results then depend on the machine
  OnUnusable on_unusable = OnUnusable::kHold;  // what is done where no rollout gave a finite return
  ExplorationSettings exploration = {};        // noise on executed actions

  bool limited() const { return deadline > 0 && std::isfinite(deadline); }
  /// Throws unless a plan over so many steps has the actions that are executed of it.
  void require_within(Index horizon) const {
    require(horizon >= (open_loop ? 1 : replan_every), "mpc: replan_every is ", replan_every,
            ", expected 1 to the planning horizon, ", horizon);
  }

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("replan_every", s.replan_every, "control steps executed of a plan before the next");
    field("cold_start_plans", s.cold_start_plans,
          "plans made at an episode's first step, each starting from the last");
    field("open_loop", s.open_loop, "execute every plan to its end without looking");
    field("feedback", s.feedback,
          "correct later actions of a plan by the planner's feedback gains, where it has some (iLQR, DDP)");
    field("deadline", s.deadline,
          "time a plan may take (s); 0 or inf: any. Results then depend on the machine");
    field("on_unusable", s.on_unusable,
          "where no rollout of a plan gave a finite return: hold the last action, or throw");
    field("exploration", s.exploration, "noise on executed actions");
  }
};

/// For looking at what was learned: exploration is for gathering data.
inline MpcSettings without_exploration(MpcSettings settings) {
  settings.exploration.std = 0;
  return settings;
}

/// Logs that a plan was not executed, and why (a warning).
void warn_unusable_plan(int step, std::string_view why);

/// Under a deadline a planner that is Anytime returns the best plan it has when the time is up; the plans of
/// an episode's first step share one deadline, and another is begun only if it will be ready.
/// latency().missed() counts the plans that came late all the same; where they are many, planners are given less
/// (PauseReserve). `act` allocates nothing once warm if the planner does not and can plan into memory that is
/// there.
///
/// A planner may offer `track(state, k, action)`, which moves the action of step k of its last plan to the
/// state that has been reached (the gains of iLQR and DDP): later actions of a plan are then executed in
/// closed loop. A plan that is unusable is not executed, see MpcSettings::on_unusable; last_plan().status()
/// says which plan was.
template <Planner P>
class Mpc {
 public:
  using Scalar = typename P::Scalar;
  using State = typename P::State;
  using Other = std::conditional_t<std::same_as<Scalar, float>, double, float>;

  explicit Mpc(P planner, const MpcSettings& settings = {}, SecondsClock clock = steady_seconds)
      : Mpc(std::move(planner), std::optional<ActionBounds>(), settings, 0, std::move(clock)) {}
  /// With the bounds of the actions, which exploration noise needs; the seed is that of the noise.
  Mpc(P planner, std::optional<ActionBounds> bounds, const MpcSettings& settings, std::uint64_t seed,
      SecondsClock clock = steady_seconds)
      : planner_(std::move(planner)),
        settings_(settings),
        clock_(std::make_shared<const SecondsClock>(std::move(clock))) {
    require(settings.replan_every >= 1, "mpc: replan_every is ", settings.replan_every,
            ", expected at least 1");
    require(settings.cold_start_plans >= 1, "mpc: cold_start_plans is ", settings.cold_start_plans,
            ", expected at least 1");
    require(settings.deadline >= 0, "mpc: deadline is ", settings.deadline, " s, expected 0 or more");
    require(*clock_ != nullptr, "mpc: the clock is empty");
    require(settings.exploration.std == 0 || bounds.has_value(), "mpc: exploration.std is ",
            settings.exploration.std,
            ", but noise needs the bounds of the actions: give them to Mpc(planner, bounds, settings, seed)");
    if (bounds) noise_.emplace(std::move(*bounds), settings.exploration, seed);
  }

  /// The action (action_dim) for the next control step, valid until the next call. Call once a step, `reset`
  /// before an episode's first.
  const Vec<Scalar>& act(const State& state) {
    if (stale_ || executed_ == plan_.actions.cols() ||
        (!settings_.open_loop && executed_ == settings_.replan_every)) {
      if (executed_ > 0) planner_.advance(executed_);
      executed_ = 0;
      stale_ = true;  // should planning throw, the next call plans
      make_plan(state);
      stale_ = false;
    }
    choose(state);
    ++executed_;
    ++t_;
    return action_;
  }

  /// The same in the other type of number: environments speak double, ensembles float. An observation in
  /// double gives the action in double, so that `env.step(mpc.act(obs))` serves any planner whose state is an
  /// observation; this is the place where the two are converted.
  template <class Obs>
    requires(std::same_as<State, Vec<Scalar>> && std::same_as<typename Obs::Scalar, Other>)
  const Vec<Other>& act(const Eigen::MatrixBase<Obs>& state) {
    other_state_ = state.template cast<Scalar>();
    other_action_ = act(other_state_).template cast<Other>();
    return other_action_;
  }

  /// The next `act` plans, whatever is left of the present plan: after a change of cost or reference.
  void replan() { stale_ = true; }

  /// A new episode: forgets the plan, the planner's warm start and the time. What is known of the machine's pauses
  /// (PauseReserve) stays.
  void reset() {
    forget();
    t_ = 0;
    if (noise_) noise_->next_episode();
  }

  /// The next `act` plans as at an episode's first step, but for the time: the plan and the planner's warm start
  /// are forgotten. For states that do not follow from each other.
  void forget() {
    planner_.reset();
    plan_ = {};
    executed_ = 0;
    stale_ = false;
    unusable_ = false;
    intended_.resize(0);
  }

  const ActionPlan<Scalar>& last_plan() const { return plan_; }  // empty before the first
  bool planned_now() const { return executed_ == 1; }            // whether the last `act` made a plan
  int step() const { return t_; }                                // control steps of this episode so far
  P& planner() { return planner_; }
  const P& planner() const { return planner_; }
  const MpcSettings& settings() const { return settings_; }
  /// Planning times since construction or `latency().clear()`; not saved.
  LatencyRecorder& latency() { return latency_; }
  const LatencyRecorder& latency() const { return latency_; }

  void save(StateDict& out, const std::string& prefix) const
    requires Checkpointable<P>
  {
    planner_.save(out, prefix + "planner.");
    out.put_matrix(prefix + "actions", plan_.actions);
    out.put_scalar(prefix + "predicted_return", plan_.predicted_return);
    const double returns[] = {plan_.report.best_return, plan_.report.mean_return};
    out.put(prefix + "returns", returns, {2});
    const std::int64_t counts[] = {
        plan_.report.rollouts, plan_.report.iterations, plan_.report.unusable, executed_, t_, stale_,
        plan_.report.timed_out};
    out.put(prefix + "counts", counts, {7});
    out.put_matrix(prefix + "intended", intended_);
    if (noise_) noise_->save(out, prefix + "noise.");
  }
  void load(const StateDict& in, const std::string& prefix)
    requires Checkpointable<P>
  {
    ActionPlan<Scalar> plan;
    plan.actions = in.get_matrix<Scalar>(prefix + "actions");
    plan.predicted_return = in.get_scalar<Scalar>(prefix + "predicted_return");
    const auto returns = in.get<double>(prefix + "returns");
    require_dim("checkpoint: '" + prefix + "returns'", "the array", returns.size(), 2);
    const auto counts = in.get<std::int64_t>(prefix + "counts");
    require_dim("checkpoint: '" + prefix + "counts'", "the array", counts.size(), 7);
    plan.report = {counts[0], static_cast<int>(counts[1]), counts[2], returns[0], returns[1]};
    plan.report.timed_out = counts[6] != 0;
    require(counts[3] >= 0 && counts[3] <= plan.actions.cols(), "checkpoint: '", prefix,
            "counts': ", counts[3], " actions executed of a plan of ", plan.actions.cols());
    Vec<Scalar> intended;
    if (in.contains(prefix + "intended")) intended = in.get_matrix<Scalar>(prefix + "intended").reshaped();
    planner_.load(in, prefix + "planner.");
    if (noise_ && in.contains(prefix + "noise.seed")) noise_->load(in, prefix + "noise.");
    intended_ = std::move(intended);
    plan_ = std::move(plan);
    executed_ = static_cast<int>(counts[3]);
    stale_ = counts[5] != 0;
    t_ = static_cast<int>(counts[4]);
  }

 private:
  // The action of this step, from the plan or in its place.
  void choose(const State& state) {
    if (plan_.status() != PlanStatus::kUnusable) {
      intended_ = plan_.actions.col(executed_);
      if constexpr (requires { planner_.track(state, executed_, intended_); })
        if (settings_.feedback && !settings_.open_loop && executed_ > 0)
          planner_.track(state, executed_, intended_);
      unusable_ = false;
    } else {
      if (intended_.size() == 0) intended_ = noise_ ? noise_->mid() : Vec<Scalar>(plan_.actions.col(0));
      if (!std::exchange(unusable_, true)) warn_unusable_plan(t_, why_unusable(state));
    }
    action_ = intended_;
    if (noise_) noise_->disturb(t_, action_);
  }
  std::string why_unusable(const State& state) const {
    if constexpr (requires { state.allFinite(); })
      if (!state.allFinite()) return "the state it starts from holds a number that is not finite";
    return detail::concat("none of its ", plan_.report.rollouts, " rollouts gave a finite return");
  }

  void make_plan(const State& state) {
    const bool limited = settings_.limited();
    const double start = read_clock(*clock_);
    Deadline deadline;
    if (limited)
      deadline = Deadline(clock_, start + settings_.deadline - reserve_.seconds(settings_.deadline));
    if constexpr (requires { planner_.set_deadline(deadline); }) planner_.set_deadline(deadline);
    const int plans = plan_.actions.cols() == 0 ? settings_.cold_start_plans : 1;
    Pacer pace(deadline);
    pace.another();
    plan_once(state);
    for (int i = 1; i < plans && pace.another(); ++i) {
      const std::int64_t before = plan_.report.rollouts;
      plan_once(state);
      plan_.report.rollouts += before;  // of all plans
    }
    const double seconds = read_clock(*clock_) - start;
    latency_.add(seconds, limited ? settings_.deadline : std::numeric_limits<double>::infinity());
    if (limited) reserve_.add(seconds, settings_.deadline);
    settings_.require_within(plan_.actions.cols());
    if (noise_)
      require_dim("mpc", "the actions of the planner's plan", plan_.actions.rows(), noise_->mid().size());
    require(plan_.actions.rows() >= 1,
            "mpc: the planner's plan has actions of no entry, expected action_dim");
    require(plan_.actions.allFinite() || plan_.status() == PlanStatus::kUnusable, "mpc: the plan at step ",
            t_,
            " holds an action that is not finite; a planner that finds none gives a predicted return that ",
            "is not finite");
    if (settings_.on_unusable == OnUnusable::kThrow && plan_.status() == PlanStatus::kUnusable)
      fail("mpc: the plan at step ", t_, " is unusable: ", why_unusable(state),
           "; check the model's predictions, or set on_unusable to hold to go on with the last action");
  }
  void plan_once(const State& state) {
    if constexpr (requires { planner_.plan(state, t_, plan_); })
      planner_.plan(state, t_, plan_);
    else
      plan_ = planner_.plan(state, t_);
  }

  P planner_;
  MpcSettings settings_;
  std::shared_ptr<const SecondsClock> clock_;
  ActionPlan<Scalar> plan_;
  Vec<Scalar> intended_;  // the last action without noise; empty before an episode's first
  Vec<Scalar> action_;    // the last action
  Vec<Scalar> other_state_;
  Vec<Other> other_action_;
  std::optional<ExplorationNoise<Scalar>> noise_;
  bool unusable_ = false;  // whether the last action came from no plan: one warning per stretch
  int executed_ = 0;       // actions of `plan_` handed out
  int t_ = 0;              // control step of the episode
  bool stale_ = false;     // the plan is not to be executed further
  LatencyRecorder latency_;
  PauseReserve reserve_;
};

}  // namespace mbrl
