// A planar two-link arm on a table, a goal, and a disc that its tip should keep out of.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// Two links of 0.3 m and 0.4 kg, a tip of 10 g, motors of 0.4 N m with viscous friction; nothing collides.
inline std::string pilco_reacher() {
  return R"(
<mujoco model="pilco_reacher">
  <compiler angle="radian"/>
  <option timestep="0.01" integrator="RK4" gravity="0 0 -9.81"/>

  <default>
    <geom type="capsule" size="0.02" mass="0.4" contype="0" conaffinity="0" rgba="0.1 0.45 0.65 1"/>
    <joint type="hinge" axis="0 0 1" armature="0.005" damping="0.3"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor("") +
         R"(
    <camera name="top" pos="0.2 0 1.6" xyaxes="1 0 0 0 1 0"/>
    <geom name="goal" type="sphere" pos="0.32 0.27 0.03" size="0.015" mass="0" rgba="0.25 0.7 0.45 1"/>
    <geom name="obstacle" type="cylinder" pos="0.29 0 0.01" size="0.08 0.01" mass="0" rgba="0.9 0.25 0.2 1"/>
    <body name="upper_arm" pos="0 0 0.03">
      <joint name="shoulder"/>
      <geom name="upper_arm" fromto="0 0 0 0.3 0 0"/>
      <body name="forearm" pos="0.3 0 0">
        <joint name="elbow"/>
        <geom name="forearm" fromto="0 0 0 0.3 0 0"/>
        <body name="fingertip" pos="0.3 0 0">
          <geom name="fingertip" type="sphere" size="0.022" mass="0.01" rgba="0.1 0.8 0.6 1"/>
        </body>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="shoulder" joint="shoulder" ctrllimited="true" ctrlrange="-0.4 0.4"/>
    <motor name="elbow" joint="elbow" ctrllimited="true" ctrlrange="-0.4 0.4"/>
  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
