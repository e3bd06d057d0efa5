// The planar one-legged hopper: six degrees of freedom in the x-z plane, three torque motors, 15.8 kg.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// Written from the physical parameters of Gymnasium's Hopper (Erez, Tassa, Todorov 2011). The height is
// absolute: rootz is 1.25 in the reference pose. The parts collide with each other, without friction. The
// lengths are kept with the rounding errors they have there, so that trajectories are equal bit for bit.
inline std::string hopper() {
  return R"(
<mujoco model="hopper">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.002" integrator="RK4"/>

  <default>
    <geom type="capsule" contype="1" conaffinity="1" condim="1" margin="0.001" friction="0.9" solref="0.02 1"
          solimp="0.8 0.8 0.01" rgba="0.85 0.55 0.25 1"/>
    <joint type="hinge" axis="0 -1 0" armature="1" damping="1" limited="true"/>
    <default class="root">
      <joint armature="0" damping="0" limited="false"/>
    </default>
    <motor gear="200" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(condim="3" friction="1")") +
         R"(
    <body name="torso" pos="0 0 1.25">
      <camera name="track" mode="trackcom" pos="0 -3 -0.25" xyaxes="1 0 0 0 0 1"/>
      <joint name="rootx" class="root" type="slide" axis="1 0 0"/>
      <joint name="rootz" class="root" type="slide" axis="0 0 1" ref="1.25"/>
      <joint name="rooty" class="root" axis="0 1 0"/>
      <geom name="torso" size="0.05 0.19999999999999996"/>
      <body name="thigh" pos="0 0 -0.19999999999999996">
        <joint name="thigh" range="-150 0"/>
        <geom name="thigh" pos="0 0 -0.22500000000000009" size="0.05 0.22500000000000003"/>
        <body name="leg" pos="0 0 -0.70000000000000007">
          <joint name="leg" pos="0 0 0.25" range="-150 0"/>
          <geom name="leg" size="0.04 0.25"/>
          <body name="foot" pos="0.13 0 -0.35">
            <joint name="foot" pos="-0.13 0 0.1" range="-45 45"/>
            <geom name="foot" pos="-0.065 0 0.1" euler="0 -90 0" size="0.06 0.195" friction="2"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="thigh" joint="thigh"/>
    <motor name="leg" joint="leg"/>
    <motor name="foot" joint="foot"/>
  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
