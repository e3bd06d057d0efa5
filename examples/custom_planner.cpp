// A planner of your own beside the library's: a hill climber that steps to the best of the sequences around
// its plan and looks closer each time. All three swing a pendulum up with as many rollouts. Needs the core
// component alone.
#include <cmath>
#include <cstdio>

#include "mbrl/math/ranking.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/model_rollout.hpp"

struct HillClimberSettings {
  int population = 100;    // sequences around the plan, an iteration
  int iterations = 5;      // steps to the best of them
  double width = 0.5;      // of the first iteration's noise, in half action ranges
  double narrowing = 0.6;  // what every further iteration multiplies it by
  mbrl::WarmStartPad pad = mbrl::WarmStartPad::kRepeat;  // what the shifted plan ends with
};

// SamplingPlanner brings warm start, deadlines, checkpoints, counts and bounds; two functions make a planner
// of it.
template <mbrl::RolloutEvaluator E>
class HillClimber : public mbrl::SamplingPlanner<HillClimber<E>, E, HillClimberSettings> {
  using Base = mbrl::SamplingPlanner<HillClimber<E>, E, HillClimberSettings>;
  friend Base;

 public:
  using typename Base::Scalar;
  using typename Base::State;

  HillClimber(E& evaluator, const mbrl::ActionBounds& bounds, const HillClimberSettings& settings,
              std::uint64_t seed)
      : Base("hill climber", evaluator, bounds, settings, seed) {}

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  bool begin(std::uint32_t) {
    width_ = settings_.width;
    return false;
  }

  bool iterate(const State& state, mbrl::RolloutKey key, mbrl::PlanReport& report) {
    const mbrl::Vec<Scalar> sigma = static_cast<Scalar>(0.5 * width_) * (box_.high() - box_.low());
    candidates_.resize(box_.size(), settings_.population);
    noise_.normal(key.plan, key.iteration, candidates_);  // indexed by plan and iteration
    for (auto candidate : candidates_.colwise())
      candidate = this->inside(mean_ + sigma.cwiseProduct(candidate));
    candidates_.col(0) = mean_;          // staying is one of the choices
    this->evaluate(state, key, report);  // fills returns_
    if (mbrl::rank_candidates(returns_, 1, order_) > 0) mean_ = candidates_.col(order_[0]);
    width_ *= settings_.narrowing;
    return false;
  }

  double width_ = 0;
  std::vector<int> order_;  // a NaN never comes first
};

// obs = (angle, rate); the angle hangs at pi and is 0 upright.
struct Upright {
  void operator()(mbrl::ConstBatchRef<double>, mbrl::ConstBatchRef<double> action,
                  mbrl::ConstBatchRef<double> next_obs, int /*t*/, mbrl::VecRef<double> reward) const {
    for (mbrl::Index i = 0; i < next_obs.cols(); ++i)
      reward(i) = std::cos(next_obs(0, i)) - 0.01 * next_obs(1, i) * next_obs(1, i) -
                  0.001 * action(0, i) * action(0, i);
  }
};

// 5 s of the pendulum from hanging, and the mean reward of the last second: 1 is upright and still.
template <class Controller>
double swing_up(const char* name, Controller controller) {
  const mbrl::AnalyticModel pendulum(mbrl::PendulumSystem{}, {.dt = 0.05});
  typename decltype(pendulum)::Workspace workspace;
  mbrl::Vecd obs{{3.14159265358979, 0.0}}, next(2), reward(1);
  double sum = 0;
  for (int t = 0; t < 100; ++t) {
    const mbrl::Vecd action = controller.act(obs);
    pendulum.step(obs, action, next, workspace);
    Upright()(obs, action, next, t, reward);
    if (t >= 80) sum += reward(0) / 20;
    obs = next;
  }
  std::printf("%-16s %6.3f a step in the last second, %.2f ms a plan\n", name, sum,
              1e3 * controller.latency().p50());
  return sum;
}

int main() {
  mbrl::ThreadPool pool;
  mbrl::ModelRollout rollouts(mbrl::AnalyticModel(mbrl::PendulumSystem{}, {.dt = 0.05}), Upright{},
                              {.horizon = 30}, pool);
  const auto torque = mbrl::ActionBounds::uniform(1, -2.0, 2.0);
  swing_up("random shooting", mbrl::Mpc(mbrl::RandomShooting(rollouts, torque, {.population = 500}, 1)));
  swing_up("cem",
           mbrl::Mpc(mbrl::Cem(rollouts, torque, {.population = 100, .elites = 10, .iterations = 5}, 1)));
  return swing_up("hill climber", mbrl::Mpc(HillClimber(rollouts, torque, {}, 1))) > 0.8 ? 0 : 1;
}
