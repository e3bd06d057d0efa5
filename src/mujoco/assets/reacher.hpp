// A planar two-link arm on a table, and a target that two slides put in place.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// Written from the physical parameters of Gymnasium's Reacher. Nothing collides; the target's coordinates are
// absolute.
inline std::string reacher() {
  return R"(
<mujoco model="reacher">
  <compiler angle="radian" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="RK4" gravity="0 0 -9.81"/>

  <default>
    <geom type="capsule" size="0.01" contype="0" conaffinity="0" rgba="0.1 0.45 0.65 1"/>
    <joint type="hinge" axis="0 0 1" armature="1" damping="1"/>
    <default class="target">
      <joint type="slide" armature="0" damping="0" stiffness="0" limited="true" range="-0.27 0.27"/>
    </default>
    <motor gear="200" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor("") +
         R"(
    <camera name="top" pos="0 0 0.9" xyaxes="1 0 0 0 1 0"/>
    <body name="upper_arm" pos="0 0 0.01">
      <joint name="shoulder" limited="false"/>
      <geom name="upper_arm" fromto="0 0 0 0.1 0 0"/>
      <body name="forearm" pos="0.1 0 0">
        <joint name="elbow" limited="true" range="-3 3"/>
        <geom name="forearm" fromto="0 0 0 0.1 0 0"/>
        <body name="fingertip" pos="0.11 0 0">
          <geom name="fingertip" type="sphere" rgba="0.1 0.8 0.6 1"/>
        </body>
      </body>
    </body>
    <body name="target" pos="0.1 -0.1 0.01">
      <joint name="target_x" class="target" axis="1 0 0" ref="0.1"/>
      <joint name="target_y" class="target" axis="0 1 0" ref="-0.1"/>
      <geom name="target" type="sphere" size="0.009" rgba="0.9 0.25 0.2 1"/>
    </body>
  </worldbody>

  <actuator>
    <motor name="shoulder" joint="shoulder"/>
    <motor name="elbow" joint="elbow"/>
  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
