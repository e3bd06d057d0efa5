// A quadrotor flies a lying figure of eight: iLQR plans along a reference that moves with the time, in closed
// loop, though the real one is heavier than the model and is pushed by a gust. Needs the core component
// alone.
#include <cmath>
#include <cstdio>
#include <numbers>

#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"

constexpr double kDt = 0.02, kLap = 6.0;  // s
constexpr int kHorizon = 40, kSteps = 600;

// Column t is where to be at control step t: position, attitude, velocity, body rates. The planner takes the
// columns from its present step on, so the reference reaches a horizon beyond the flight.
mbrl::Batchd figure_eight() {
  mbrl::Batchd reference = mbrl::Batchd::Zero(12, kSteps + kHorizon + 1);
  const double w = 2 * std::numbers::pi / kLap;
  for (mbrl::Index t = 0; t < reference.cols(); ++t) {
    const double a = w * kDt * static_cast<double>(t);
    reference.col(t).head<3>() << 1.5 * std::sin(a), 0.75 * std::sin(2 * a), 1.0;
    reference.col(t).segment<3>(6) << 1.5 * w * std::cos(a), 1.5 * w * std::cos(2 * a), 0.0;
  }
  return reference;
}

int main() {
  const mbrl::QuadrotorSystem drone;
  const mbrl::AnalyticModel model(drone, {kDt});
  const mbrl::Batchd reference = figure_eight();
  const mbrl::Vecd hover = mbrl::Vecd::Constant(4, drone.mass * drone.gravity / 4);
  mbrl::Vecd weights(12);
  weights << 50, 50, 50, 1, 1, 1, 5, 5, 5, 0.1, 0.1, 0.1;
  const mbrl::QuadraticCost track(weights.asDiagonal(), 0.1 * mbrl::Batchd::Identity(4, 4),
                                  5 * mbrl::Batchd(weights.asDiagonal()), reference, hover);
  mbrl::IlqrSettings settings;
  settings.iterations = 3;  // the last plan, shifted, is nearly right already
  mbrl::Mpc controller(mbrl::IlqrPlanner(model, track, kHorizon, settings,
                                         mbrl::ActionBounds::uniform(4, 0.0, 2.5 * hover(0)), hover));

  mbrl::QuadrotorSystem heavier = drone;
  heavier.mass *= 1.05;
  const mbrl::AnalyticModel real(heavier, {kDt});
  mbrl::AnalyticModel<mbrl::QuadrotorSystem>::Workspace none;
  mbrl::Vecd x = mbrl::Vecd::Zero(12), next(12);
  x(2) = 1.0;  // hovering at the centre
  double squares = 0, worst = 0;
  int counted = 0;
  for (int t = 0; t < kSteps; ++t) {
    const double error = (x - reference.col(t)).head<3>().norm();
    if (t % 50 == 0)
      std::printf("%4.1f s  at (%5.2f, %5.2f, %5.2f)  %.3f m from the reference\n", kDt * t, x(0), x(1), x(2),
                  error);
    if (t >= 100) {  // on the track after two seconds
      squares += error * error;
      worst = std::fmax(worst, error);
      ++counted;
    }
    real.step(x, controller.act(x), next, none);
    x = next;
    if (t == 300) x.segment<3>(6) += Eigen::Vector3d(0.5, -0.5, 0.0);  // the gust, m/s
  }
  const double error = std::sqrt(squares / counted);
  const auto& latency = controller.latency();
  std::printf("\ntracking error %.3f m (root mean square), %.3f m at worst\n", error, worst);
  std::printf("a plan takes %.2f ms (median), %.2f ms (p99): %.1f x real time\n", 1e3 * latency.p50(),
              1e3 * latency.p99(), kDt * kSteps / latency.total());
  return error < 0.1 ? 0 : 1;
}
