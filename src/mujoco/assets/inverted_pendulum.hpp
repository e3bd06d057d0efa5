// Carts on a 2 m track that balance one pole or two, hinged one on top of the other.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

inline std::string cart_and_rail() {
  return R"(
    <light name="lamp" directional="true" pos="0 -2 3" dir="0 0.5 -1" diffuse="0.8 0.8 0.8"/>
    <camera name="front" pos="0 -3.5 0.4" xyaxes="1 0 0 0 0 1"/>
    <geom name="rail" quat="0.707 0 0.707 0" size="0.02 1" rgba="0.3 0.35 0.5 1"/>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0" limited="true" range="-1 1"/>
      <geom name="cart" quat="0.707 0 0.707 0" size="0.1 0.1" rgba="0.8 0.6 0.2 1"/>)";
}

// Written from the physical parameters of Gymnasium's InvertedPendulum. The pole leans by 1 mm over its 0.6
// m.
inline std::string inverted_pendulum() {
  return R"(
<mujoco model="inverted_pendulum">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.02" integrator="RK4" gravity="0 0 -9.81"/>

  <default>
    <geom type="capsule" contype="0" conaffinity="0"/>
    <joint damping="1"/>
  </default>
)" + sky_and_ground() +
         "\n  <worldbody>" + cart_and_rail() + R"(
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0" limited="true" range="-90 90"/>
        <geom name="pole" fromto="0 0 0 0.001 0 0.6" size="0.049" rgba="0.1 0.6 0.6 1"/>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="slide" joint="slider" gear="100" ctrllimited="true" ctrlrange="-3 3"/>
  </actuator>
</mujoco>
)";
}

// Written from the physical parameters of Gymnasium's InvertedDoublePendulum, whose gravity leans a little.
inline std::string inverted_double_pendulum() {
  return R"(
<mujoco model="inverted_double_pendulum">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="RK4" gravity="1e-5 0 -9.81"/>

  <default>
    <geom type="capsule" contype="0" conaffinity="0"/>
    <joint damping="0.05" margin="0.01"/>
  </default>
)" + sky_and_ground() +
         "\n  <worldbody>" + cart_and_rail() + R"(
      <body name="lower_pole">
        <joint name="lower_hinge" type="hinge" axis="0 1 0"/>
        <geom name="lower_pole" fromto="0 0 0 0 0 0.6" size="0.045" rgba="0.1 0.6 0.6 1"/>
        <body name="upper_pole" pos="0 0 0.6">
          <joint name="upper_hinge" type="hinge" axis="0 1 0"/>
          <geom name="upper_pole" fromto="0 0 0 0 0 0.6" size="0.045" rgba="0.1 0.6 0.6 1"/>
          <site name="tip" pos="0 0 0.6" size="0.01"/>
        </body>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="slide" joint="slider" gear="500" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
