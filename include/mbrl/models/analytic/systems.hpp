// The classic systems of optimal control as equations of motion: AnalyticModel makes dynamics models of them.
// Members are parameters in SI units, described like settings so that they can be named and identified
// (mbrl/models/identification); angles are in rad and not wrapped.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace mbrl {

/// A mass in the plane. State (px, py, vx, vy), input the force (fx, fy).
struct PointMassSystem {
  static constexpr int kObsDim = 4, kActionDim = 2;
  double mass = 1.0;  // kg
  double drag = 0.0;  // N s/m

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("mass", s.mass, "kg");
    field("drag", s.drag, "N s/m");
  }

  template <class T>
  void derivative(const std::array<T, 4>& x, const std::array<T, 2>& u, std::array<T, 4>& dx) const {
    dx[0] = x[2];
    dx[1] = x[3];
    dx[2] = (u[0] - x[2] * drag) / mass;
    dx[3] = (u[1] - x[3] * drag) / mass;
  }
};

/// A uniform rod on a hinge. State (theta, omega), upright at 0, input the torque. The equation of Gymnasium's
/// Pendulum-v1: omega' = 3 g / (2 l) sin theta + 3 / (m l^2) (u - b omega).
struct PendulumSystem {
  static constexpr int kObsDim = 2, kActionDim = 1;
  double mass = 1.0, length = 1.0, gravity = 10.0;
  double damping = 0.0;  // N m s

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("mass", s.mass, "kg");
    field("length", s.length, "m");
    field("gravity", s.gravity, "m/s^2");
    field("damping", s.damping, "N m s");
  }

  template <class T>
  void derivative(const std::array<T, 2>& x, const std::array<T, 1>& u, std::array<T, 2>& dx) const {
    using std::sin;
    dx[0] = x[1];
    dx[1] = sin(x[0]) * (1.5 * gravity / length) + (u[0] - x[1] * damping) * (3.0 / (mass * length * length));
  }
};

/// A cart with a point mass on a massless rod. State (position, angle, velocity, angular velocity), the rod
/// hangs down at angle 0, input the force on the cart. Kelly, "An introduction to trajectory optimization",
/// SIAM Review 2017, equations 6.1 and 6.2; the masses are those of the same author's minimum-force example.
struct CartPoleSystem {
  static constexpr int kObsDim = 4, kActionDim = 1;
  double cart_mass = 2.0, pole_mass = 0.5, length = 0.5, gravity = 9.81;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("cart_mass", s.cart_mass, "kg");
    field("pole_mass", s.pole_mass, "kg");
    field("length", s.length, "of the rod, m");
    field("gravity", s.gravity, "m/s^2");
  }

  template <class T>
  void derivative(const std::array<T, 4>& x, const std::array<T, 1>& u, std::array<T, 4>& dx) const {
    using std::cos, std::sin;
    const T s = sin(x[1]), c = cos(x[1]);
    const T inverse = 1.0 / (cart_mass + pole_mass * s * s);
    const T swing = x[3] * x[3] * s * (length * pole_mass) + u[0];
    dx[0] = x[2];
    dx[1] = x[3];
    dx[2] = (swing + c * s * (pole_mass * gravity)) * inverse;
    dx[3] = -(swing * c + s * ((cart_mass + pole_mass) * gravity)) * inverse / length;
  }
};

/// A vehicle that rolls where it points. State (x, y, heading), input (speed, turn rate).
struct UnicycleSystem {
  static constexpr int kObsDim = 3, kActionDim = 2;

  template <class T>
  void derivative(const std::array<T, 3>& x, const std::array<T, 2>& u, std::array<T, 3>& dx) const {
    using std::cos, std::sin;
    dx[0] = u[0] * cos(x[2]);
    dx[1] = u[0] * sin(x[2]);
    dx[2] = u[1];
  }
};

/// Two links, a motor at the joint between them. State (theta1, theta2, omega1, omega2), hanging at 0, theta2
/// relative to the first link, input the torque. Sutton and Barto, "Reinforcement learning", 1998,
/// section 11.3, with the sign of Gymnasium's default ("book") equations.
struct AcrobotSystem {
  static constexpr int kObsDim = 4, kActionDim = 1;
  double mass1 = 1.0, mass2 = 1.0, length1 = 1.0, com1 = 0.5, com2 = 0.5, inertia1 = 1.0, inertia2 = 1.0,
         gravity = 9.8;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("mass1", s.mass1, "of the first link, kg");
    field("mass2", s.mass2, "of the second, kg");
    field("length1", s.length1, "of the first link, m");
    field("com1", s.com1, "from joint to centre of mass, m");
    field("com2", s.com2, "the second link's, m");
    field("inertia1", s.inertia1, "about the centre of mass, kg m^2");
    field("inertia2", s.inertia2, "the second link's, kg m^2");
    field("gravity", s.gravity, "m/s^2");
  }

  template <class T>
  void derivative(const std::array<T, 4>& x, const std::array<T, 1>& u, std::array<T, 4>& dx) const {
    using std::cos, std::sin;
    const T c2 = cos(x[1]), s2 = sin(x[1]);
    const T d1 = c2 * (2.0 * mass2 * length1 * com2) +
                 (mass1 * com1 * com1 + mass2 * (length1 * length1 + com2 * com2) + inertia1 + inertia2);
    const T d2 = c2 * (mass2 * length1 * com2) + (mass2 * com2 * com2 + inertia2);
    const T phi2 = sin(x[0] + x[1]) * (mass2 * com2 * gravity);
    const T phi1 = -(x[3] * x[3] + x[2] * x[3] * 2.0) * s2 * (mass2 * length1 * com2) +
                   sin(x[0]) * ((mass1 * com1 + mass2 * length1) * gravity) + phi2;
    dx[0] = x[2];
    dx[1] = x[3];
    dx[3] = (u[0] + d2 / d1 * phi1 - x[2] * x[2] * s2 * (mass2 * length1 * com2) - phi2) /
            (mass2 * com2 * com2 + inertia2 - d2 * d2 / d1);
    dx[2] = -(d2 * dx[3] + phi1) / d1;
  }
};

/// A quadrotor seen from the side. State (x, z, theta, vx, vz, omega), inputs the thrusts of the right and
/// left rotors; hover is mass * gravity / 2 each.
struct PlanarQuadrotorSystem {
  static constexpr int kObsDim = 6, kActionDim = 2;
  double mass = 0.5, arm = 0.2, inertia = 0.01, gravity = 9.81;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("mass", s.mass, "kg");
    field("arm", s.arm, "from the centre to a rotor, m");
    field("inertia", s.inertia, "kg m^2");
    field("gravity", s.gravity, "m/s^2");
  }

  template <class T>
  void derivative(const std::array<T, 6>& x, const std::array<T, 2>& u, std::array<T, 6>& dx) const {
    using std::cos, std::sin;
    const T lift = (u[0] + u[1]) / mass;
    dx[0] = x[3];
    dx[1] = x[4];
    dx[2] = x[5];
    dx[3] = -lift * sin(x[2]);
    dx[4] = lift * cos(x[2]) - gravity;
    dx[5] = (u[0] - u[1]) * (arm / inertia);
  }
};

/// A quadrotor in space. State (position, attitude, velocity, body rates), three each, inputs the thrusts of
/// the rotors in front, left, behind and right of the centre; hover is mass * gravity / 4 each. The attitude s
/// is in modified Rodrigues parameters (axis times tan of a quarter of the angle: singular only at a full
/// turn), which turn a body's vector into the world's by
///   R = 1 + (8 [s]^2 + 4 (1 - s's) [s]) / (1 + s's)^2,   s' = ((1 - s's) w + 2 s x w + 2 s (s'w)) / 4.
/// Shuster, "A survey of attitude representations", Journal of the Astronautical Sciences 1993. Mass, arm,
/// inertia and rotor torque are of the order of a 0.5 kg research quadrotor.
struct QuadrotorSystem {
  static constexpr int kObsDim = 12, kActionDim = 4;
  double mass = 0.5, arm = 0.175, gravity = 9.81;
  double inertia_x = 0.0023, inertia_y = 0.0023, inertia_z = 0.004;  // kg m^2
  double torque_per_thrust = 0.0245;                                 // about the vertical axis, N m / N

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("mass", s.mass, "kg");
    field("arm", s.arm, "from the centre to a rotor, m");
    field("gravity", s.gravity, "m/s^2");
    field("inertia_x", s.inertia_x, "kg m^2");
    field("inertia_y", s.inertia_y, "kg m^2");
    field("inertia_z", s.inertia_z, "kg m^2");
    field("torque_per_thrust", s.torque_per_thrust, "about the vertical axis, m");
  }

  template <class T>
  void derivative(const std::array<T, 12>& x, const std::array<T, 4>& u, std::array<T, 12>& dx) const {
    const T &s0 = x[3], &s1 = x[4], &s2 = x[5], &w0 = x[9], &w1 = x[10], &w2 = x[11];
    const T ss = s0 * s0 + s1 * s1 + s2 * s2, sw = s0 * w0 + s1 * w1 + s2 * w2;
    for (std::size_t i = 0; i < 3; ++i) dx[i] = x[6 + i];
    dx[3] = ((1.0 - ss) * w0 + (s1 * w2 - s2 * w1 + s0 * sw) * 2.0) * 0.25;
    dx[4] = ((1.0 - ss) * w1 + (s2 * w0 - s0 * w2 + s1 * sw) * 2.0) * 0.25;
    dx[5] = ((1.0 - ss) * w2 + (s0 * w1 - s1 * w0 + s2 * sw) * 2.0) * 0.25;
    // The third column of R times the thrust.
    const T scale = 1.0 / ((1.0 + ss) * (1.0 + ss));
    const T lift = (u[0] + u[1] + u[2] + u[3]) / mass;
    const T tilt = (1.0 - ss) * 4.0;
    dx[6] = lift * scale * (s0 * s2 * 8.0 + tilt * s1);
    dx[7] = lift * scale * (s1 * s2 * 8.0 - tilt * s0);
    dx[8] = lift * (1.0 - scale * (s0 * s0 + s1 * s1) * 8.0) - gravity;
    // Euler's equations; x points forwards, y to the left.
    dx[9] = ((u[1] - u[3]) * arm - w1 * w2 * (inertia_z - inertia_y)) / inertia_x;
    dx[10] = ((u[2] - u[0]) * arm - w2 * w0 * (inertia_x - inertia_z)) / inertia_y;
    dx[11] =
        ((u[0] - u[1] + u[2] - u[3]) * torque_per_thrust - w0 * w1 * (inertia_y - inertia_x)) / inertia_z;
  }
};

}  // namespace mbrl
