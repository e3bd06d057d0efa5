// The three-link swimmer in a viscous fluid: five degrees of freedom in the x-y plane, two torque motors.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// Written from the physical parameters of Gymnasium's Swimmer (Coulom 2002). Nothing collides.
inline std::string swimmer() {
  return R"(
<mujoco model="swimmer">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="RK4" density="4000" viscosity="0.1"/>

  <default>
    <geom type="capsule" size="0.1" contype="0" conaffinity="0" density="1000" rgba="0.85 0.55 0.25 1"/>
    <joint type="hinge" axis="0 0 1" armature="0.1"/>
    <motor gear="150" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(pos="0 0 -0.1")") +
         R"(
    <body name="front">
      <camera name="track" mode="trackcom" pos="0 -3 3" xyaxes="1 0 0 0 1 1"/>
      <joint name="rootx" type="slide" axis="1 0 0"/>
      <joint name="rooty" type="slide" axis="0 1 0"/>
      <joint name="heading"/>
      <geom name="front" fromto="1.5 0 0 0.5 0 0"/>
      <body name="middle" pos="0.5 0 0">
        <joint name="front_joint" limited="true" range="-100 100"/>
        <geom name="middle" fromto="0 0 0 -1 0 0"/>
        <body name="back" pos="-1 0 0">
          <joint name="back_joint" limited="true" range="-100 100"/>
          <geom name="back" fromto="0 0 0 -1 0 0"/>
        </body>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="front_joint" joint="front_joint"/>
    <motor name="back_joint" joint="back_joint"/>
  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
