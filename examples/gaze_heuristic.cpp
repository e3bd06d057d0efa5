// Catching a fly ball with a rule and with a planner. The gaze heuristic needs no model: watch the ball, and
// run so that the angle of your gaze stays what it was. Gigerenzer, Brighton, "Homo heuristicus", Topics in
// Cognitive Science 2009. Needs the core component alone.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/model_rollout.hpp"

// obs: ball's x, height, velocities, catcher's x and velocity (m, m/s). Action: the catcher's acceleration.
struct FlyBall {
  using Scalar = double;
  struct Workspace {};
  double drag = 0.01;  // 1/m
  static constexpr double kDt = 0.1, kTopSpeed = 8.0;
  int obs_dim() const { return 6; }
  int action_dim() const { return 1; }

  void step(mbrl::ConstBatchRef<double> obs, mbrl::ConstBatchRef<double> action, mbrl::BatchRef<double> next,
            Workspace&) const {
    for (mbrl::Index i = 0; i < obs.cols(); ++i) {
      const double vx = obs(2, i), vz = obs(3, i), slowing = drag * std::hypot(vx, vz);
      next(2, i) = vx - kDt * slowing * vx;
      next(3, i) = vz - kDt * (9.81 + slowing * vz);
      next(0, i) = obs(0, i) + kDt * next(2, i);
      next(1, i) = obs(1, i) + kDt * next(3, i);
      next(5, i) = std::clamp(obs(5, i) + kDt * action(0, i), -kTopSpeed, kTopSpeed);
      next(4, i) = obs(4, i) + kDt * next(5, i);
    }
  }
};

// Earned once, when the ball comes down: minus the distance. Until then only effort counts.
void reward(mbrl::ConstBatchRef<double>, mbrl::ConstBatchRef<double> action, mbrl::ConstBatchRef<double> next,
            int, mbrl::VecRef<double> out) {
  for (mbrl::Index i = 0; i < next.cols(); ++i)
    out(i) =
        (next(1, i) <= 0 ? -std::abs(next(0, i) - next(4, i)) : 0.0) - 1e-4 * action(0, i) * action(0, i);
}
void landed(mbrl::ConstBatchRef<double> next, mbrl::VecRef<double> out) {
  for (mbrl::Index i = 0; i < next.cols(); ++i) out(i) = next(1, i) <= 0 ? 1.0 : 0.0;
}

// The whole heuristic: it begins when the ball has begun to fall. If the gaze rises the ball will fly over
// one's head, so run back; if it sinks, run forward.
struct Gaze {
  double first = 0, last = 0;
  bool watching = false;
  double act(const mbrl::Vecd& obs) {
    const double angle = std::atan2(obs(1), obs(4) - obs(0));
    if (!watching && obs(3) < 0) first = last = angle, watching = true;
    if (!watching) return 0;
    const double rate = (angle - last) / FlyBall::kDt;
    last = angle;
    return std::clamp(60 * rate + 60 * (angle - first), -8.0, 8.0);
  }
};

// How far the catcher is from the ball when it lands, and the time of a decision (us).
template <class Decide>
double miss(double speed, Decide&& decide, double& microseconds) {
  const FlyBall world;
  FlyBall::Workspace none;
  mbrl::Vecd obs(6), next(6);
  obs << 0, 2, speed, 22, 18, 0;  // hit high, towards the catcher
  int steps = 0;
  for (microseconds = 0; obs(1) > 0; ++steps) {
    const auto start = std::chrono::steady_clock::now();
    const mbrl::Vecd action = mbrl::Vecd::Constant(1, decide(obs));
    microseconds +=
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    world.step(obs, action, next, none);
    obs = next;
  }
  microseconds /= steps;
  return std::abs(obs(0) - obs(4));
}

int main() {
  mbrl::ThreadPool pool(1);
  const mbrl::ActionBounds bounds = mbrl::ActionBounds::uniform(1, -8, 8);
  const auto planned = [&](double drag, double speed, double& us) {
    mbrl::ModelRollout rollouts(FlyBall{drag}, &reward, &landed, {.horizon = 45}, pool);
    mbrl::Mpc controller(mbrl::ICem(rollouts, bounds, {.population = 64, .elites = 8}, 1));
    return miss(speed, [&](const mbrl::Vecd& obs) { return controller.act(obs)(0); }, us);
  };
  std::printf("distance from the ball where it lands, m (and microseconds a decision)\n");
  std::printf("%8s %18s %18s %28s\n", "throw", "gaze heuristic", "planner", "planner that knows no drag");
  double worst = 0;
  for (const double speed : {4.0, 4.5, 5.0, 5.5, 6.0}) {
    double us[3];
    Gaze gaze;
    const double by_gaze = miss(speed, [&](const mbrl::Vecd& obs) { return gaze.act(obs); }, us[0]);
    const double exact = planned(FlyBall{}.drag, speed, us[1]), wrong = planned(0, speed, us[2]);
    std::printf("%4.1f m/s %8.2f (%7.2f) %8.2f (%7.0f) %18.2f (%7.0f)\n", speed, by_gaze, us[0], exact, us[1],
                wrong, us[2]);
    worst = std::fmax(worst, std::fmax(by_gaze, exact));
  }
  std::printf(
      "The rule knows no physics and no landing point; the planner knows both and needs the model.\n");
  return worst < 1.0 ? 0 : 1;
}
