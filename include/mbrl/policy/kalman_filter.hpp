// The steady Kalman filter as a StateEstimator: what a linear system's state is after noisy observations of
// it.
#pragma once

#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/dare.hpp"

namespace mbrl {

/// x' = A x + B u + w, y = C x + v with covariances W and V. After the first observation of an episode and
/// each later one
///   x_hat <- A x_hat + B u (but for the first),   x_hat <- x_hat + L (y - C x_hat),
/// with the gain L of steady_kalman, which is optimal once the start is forgotten.
class KalmanFilter {
 public:
  struct System {
    Batchd a, b, c;                           // nx x nx, nx x nu, ny x nx
    Batchd process_noise, measurement_noise;  // W (nx x nx), V (ny x ny)
    Vecd start;                               // the state expected before anything was seen, nx
  };

  /// Throws mbrl::Error for shapes that do not fit, and where steady_kalman does.
  explicit KalmanFilter(System system)
      : system_(std::move(system)),
        gain_(steady_kalman(system_.a, system_.c, system_.process_noise, system_.measurement_noise).gain) {
    require_dim("KalmanFilter", "B's rows", system_.b.rows(), system_.a.rows());
    require_dim("KalmanFilter", "the start", system_.start.size(), system_.a.rows());
    reset();
  }

  int state_dim() const { return static_cast<int>(system_.a.rows()); }
  const Batchd& gain() const { return gain_; }
  void reset() {
    state_ = system_.start;
    begun_ = false;
  }
  const Vecd& observe(ConstVecRef<double> last_action, ConstVecRef<double> obs) {
    require_dim("KalmanFilter", "obs", obs.size(), system_.c.rows());
    if (begun_) {
      require_dim("KalmanFilter", "the last action", last_action.size(), system_.b.cols());
      predicted_.noalias() = system_.a * state_;
      predicted_.noalias() += system_.b * last_action;
    } else {
      predicted_ = state_;
    }
    begun_ = true;
    innovation_ = obs;
    innovation_.noalias() -= system_.c * predicted_;
    state_ = predicted_;
    state_.noalias() += gain_ * innovation_;
    return state_;
  }

 private:
  System system_;
  Batchd gain_;
  Vecd state_, predicted_, innovation_;
  bool begun_ = false;
};

}  // namespace mbrl
