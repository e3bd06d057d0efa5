// The planar biped: nine degrees of freedom in the x-z plane, six torque motors, 23.7 kg.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// One leg; the joints and motors of the left one are named thigh_left and so on.
inline std::string walker_leg(const std::string& side, const std::string& foot_friction,
                              const std::string& colour) {
  const auto part = [&](const std::string& name) { return " name=\"" + name + side + "\" "; };
  return "<body" + part("thigh") + R"(pos="0 0 -0.19999999999999996">
        <joint)" +
         part("thigh") + R"(range="-150 0"/>
        <geom)" +
         part("thigh") + R"(pos="0 0 -0.22500000000000009" size="0.05 0.22500000000000003" rgba=")" + colour +
         R"("/>
        <body)" +
         part("leg") + R"(pos="0 0 -0.70000000000000007">
          <joint)" +
         part("leg") + R"(pos="0 0 0.25" range="-150 0"/>
          <geom)" +
         part("leg") + R"(size="0.04 0.25" rgba=")" + colour + R"("/>
          <body)" +
         part("foot") + R"(pos="0.2 0 -0.35">
            <joint)" +
         part("foot") + R"(pos="-0.2 0 0.1" range="-45 45"/>
            <geom)" +
         part("foot") + R"(pos="-0.1 0 0.1" euler="0 -90 0" size="0.06 0.1" rgba=")" + colour +
         R"(" friction=")" + foot_friction + R"("/>
          </body>
        </body>
      </body>
)";
}

// Written from the physical parameters of Gymnasium's Walker2d. Only the floor is collided with. The feet's
// friction is all that the versions differ in: v4 has 0.9 on the right by an old mistake, v5 1.9 on both. The
// lengths are kept with the rounding errors they have there, so that trajectories are equal bit for bit.
inline std::string walker2d(const std::string& right_foot_friction) {
  return R"(
<mujoco model="walker2d">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.002" integrator="RK4"/>

  <default>
    <geom type="capsule" contype="1" conaffinity="0" condim="3" density="1000" friction="0.9 0.1 0.1"/>
    <joint type="hinge" axis="0 -1 0" armature="0.01" damping="0.1" limited="true"/>
    <default class="root">
      <joint armature="0" damping="0" limited="false"/>
    </default>
    <motor gear="100" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(conaffinity="1" friction="0.7 0.1 0.1")") +
         R"(
    <body name="torso" pos="0 0 1.25">
      <camera name="track" mode="trackcom" pos="0 -3 -0.25" xyaxes="1 0 0 0 0 1"/>
      <joint name="rootx" class="root" type="slide" axis="1 0 0"/>
      <joint name="rootz" class="root" type="slide" axis="0 0 1" ref="1.25"/>
      <joint name="rooty" class="root" axis="0 1 0"/>
      <geom name="torso" size="0.05 0.19999999999999996" rgba="0.85 0.55 0.25 1"/>
      )" +
         walker_leg("", right_foot_friction, "0.85 0.55 0.25 1") + "      " +
         walker_leg("_left", "1.9", "0.55 0.35 0.6 1") + R"(
    </body>
  </worldbody>

  <actuator>
    <motor name="thigh" joint="thigh"/>
    <motor name="leg" joint="leg"/>
    <motor name="foot" joint="foot"/>
    <motor name="thigh_left" joint="thigh_left"/>
    <motor name="leg_left" joint="leg_left"/>
    <motor name="foot_left" joint="foot_left"/>
  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
