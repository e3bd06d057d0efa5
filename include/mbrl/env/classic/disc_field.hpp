// A point mass among discs that it sees by a range sensor alone: after the forest that PLATO's quadrotor flies through
// (Kahn, Zhang, Levine, Abbeel, "PLATO: Policy learning using adaptive trajectory optimization", ICRA 2017, section VI), in the
// plane.
#pragma once

#include "mbrl/env/analytic_environment.hpp"

namespace mbrl {

/// State: x, y (m), their rates (m/s), then the centres x, y of kDiscs discs, in rows along x. The action (2) is a push along x and
/// y in [-1, 1] times kPush (m/s^2): v' = v + kPush a dt, p' = p + v' dt, dt = 0.1 s. Observation: y, both rates, and what a sensor
/// measures along kRays rays, evenly from -90 to 90 degrees off x: the distance to the nearest disc or wall, at most kRange.
/// The reward of a step is
///   1 - 0.25 ((vx - 2)^2 + vy^2) - 0.02 y^2 - 0.05 |a|^2   of the state after it,
/// 10 less where it ends in a crash: nearer than kBody to a disc or a wall (|y| = kWall), which terminates. Start: x = 0,
/// y ~ U(-1, 1), 1 m/s along x; discs at x = 3, 4.6, ... and y ~ U(-2.5, 2.5). 120 steps.
class DiscFieldTask {
 public:
  static constexpr int kDiscs = 12, kRays = 15;
  static constexpr double kStep = 0.1, kPush = 3, kSpeed = 2, kDisc = 0.5, kBody = 0.2, kRange = 5, kWall = 4;

  static EnvSpec spec();
  static int state_dim() { return 4 + 2 * kDiscs; }
  static void draw_start(const RandomStream& random, Vecd& state);
  static StepOutcome step(Vecd& state, ConstVecRef<double> action);
  static void observe(const Vecd& state, Vecd& obs);
  static bool crashed(const Vecd& state);
};

using DiscField = AnalyticEnvironment<DiscFieldTask>;

}  // namespace mbrl
