// A dynamics model and a reward of your own, planned in with the library's planner: a boat that has to reach
// a buoy and stay there, against a current. Needs the core component alone.
#include <cstdio>

#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/model_rollout.hpp"

// obs = (x, y, heading, speed) in m, rad, m/s; action = (thrust in [-1, 1] m/s^2, turn rate in [-1, 1]
// rad/s). One member function makes a DynamicsModel: a whole batch of next observations, one column a sample.
struct Boat {
  using Scalar = double;
  struct Workspace {};  // nothing to remember between calls
  int obs_dim() const { return 4; }
  int action_dim() const { return 2; }

  void step(mbrl::ConstBatchRef<double> obs, mbrl::ConstBatchRef<double> action,
            mbrl::BatchRef<double> next_obs, Workspace&) const {
    constexpr double kDt = 0.2, kCurrent = 0.3, kDrag = 0.5;
    const auto heading = obs.row(2).array(), speed = obs.row(3).array();
    next_obs.row(0) = obs.row(0).array() + kDt * speed * heading.cos();
    next_obs.row(1) = obs.row(1).array() + kDt * (speed * heading.sin() - kCurrent);
    next_obs.row(2) = heading + kDt * action.row(1).array();
    next_obs.row(3) = speed + kDt * (action.row(0).array() - kDrag * speed * speed.abs());
  }
};
static_assert(mbrl::DynamicsModel<Boat>);

// Close to the buoy, with little effort. The last argument receives one reward a column.
struct ReachBuoy {
  void operator()(mbrl::ConstBatchRef<double>, mbrl::ConstBatchRef<double> action,
                  mbrl::ConstBatchRef<double> next_obs, int /*t*/, mbrl::VecRef<double> reward) const {
    for (mbrl::Index i = 0; i < next_obs.cols(); ++i)
      reward(i) = -(next_obs.col(i).head<2>() - buoy).norm() - 0.01 * action.col(i).squaredNorm();
  }
  Eigen::Vector2d buoy{4.0, 3.0};
};

int main() {
  mbrl::ThreadPool pool;
  mbrl::ModelRollout rollouts(Boat{}, ReachBuoy{}, {.horizon = 25}, pool);
  mbrl::Mpc controller(mbrl::ICem(rollouts, mbrl::ActionBounds::uniform(2, -1.0, 1.0), {}, 1));

  const Boat boat;
  Boat::Workspace none;
  mbrl::Vecd obs = mbrl::Vecd::Zero(4);
  for (int t = 0; t < 80; ++t) {
    const mbrl::Vecd action = controller.act(obs);
    if (t % 10 == 0)
      std::printf("%4.1f s  boat at (%5.2f, %5.2f)  thrust %5.2f  turn %5.2f\n", 0.2 * t, obs(0), obs(1),
                  action(0), action(1));
    mbrl::Vecd next(4);
    boat.step(obs, action, next, none);
    obs = next;
  }
  const double distance = (obs.head<2>() - ReachBuoy{}.buoy).norm();
  std::printf("after 16 s the boat is %.2f m from the buoy\n", distance);
  return distance < 1.0 ? 0 : 1;
}
