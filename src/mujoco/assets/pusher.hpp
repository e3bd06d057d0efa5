// A seven-joint arm over a table that pushes a cylinder to a goal; slides carry the cylinder and the goal.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// The first three links of the arm of Pusher and of PETS's reacher up to the elbow are alike, decoration
// included, but for limits and dampings: the joints' attributes are given.
inline std::string arm_to_elbow(const std::string& base, const std::string& pan, const std::string& lift,
                                const std::string& roll) {
  return R"(
    <body name="shoulder_pan" pos=")" +
         base + R"(">
      <geom name="left_eye" type="sphere" pos="-0.06 0.05 0.2" size="0.05" rgba="0.6 0.6 0.6 1"/>
      <geom name="right_eye" type="sphere" pos="0.06 0.05 0.2" size="0.05" rgba="0.6 0.6 0.6 1"/>
      <geom name="left_pupil" type="sphere" pos="-0.06 0.09 0.2" size="0.03" rgba="0.1 0.1 0.1 1"/>
      <geom name="right_pupil" type="sphere" pos="0.06 0.09 0.2" size="0.03" rgba="0.1 0.1 0.1 1"/>
      <geom name="trunk" fromto="0 0 -0.4 0 0 0.2" size="0.1"/>
      <joint name="shoulder_pan" axis="0 0 1" )" +
         pan + R"(/>
      <body name="shoulder_lift" pos="0.1 0 0">
        <geom name="shoulder" fromto="0 -0.1 0 0 0.1 0" size="0.1"/>
        <joint name="shoulder_lift" axis="0 1 0" )" +
         lift + R"(/>
        <body name="upper_arm_roll">
          <geom name="upper_arm_axle" fromto="-0.1 0 0 0.1 0 0" size="0.02"/>
          <joint name="upper_arm_roll" axis="1 0 0" )" +
         roll + R"(/>
          <body name="upper_arm">
            <geom name="upper_arm" fromto="0 0 0 0.4 0 0" size="0.06"/>
            <body name="elbow" pos="0.4 0 0">
              <geom name="elbow" fromto="0 -0.02 0 0 0.02 0" size="0.06"/>)";
}

// Motors of unit gear for the seven joints.
inline std::string arm_motors() {
  std::string motors = "\n  <actuator>\n";
  for (const char* joint : {"shoulder_pan", "shoulder_lift", "upper_arm_roll", "elbow", "forearm_roll",
                            "wrist_flex", "wrist_roll"})
    motors += std::string("    <motor name=\"") + joint + "\" joint=\"" + joint + "\"/>\n";
  return motors + "  </actuator>\n";
}

// Written from the physical parameters of Gymnasium's Pusher and PETS's (Chua et al. 2018). The object's
// slides are y first, then x; so are the goal's. `object` holds its geoms, `pan_limit` is the shoulder's
// upper limit (rad).
inline std::string pusher(const std::string& object, const std::string& pan_limit) {
  return R"(
<mujoco model="pusher">
  <compiler angle="radian" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="Euler" gravity="0 0 0" iterations="20"/>

  <default>
    <geom type="capsule" contype="0" conaffinity="0" condim="1" margin="0.002" density="300"
          friction="0.8 0.1 0.1" rgba="0.5 0.55 0.6 1"/>
    <joint type="hinge" armature="0.04" damping="0.1" limited="true"/>
    <default class="finger">
      <geom size="0.02" contype="1" conaffinity="1" rgba="0.85 0.55 0.25 1"/>
    </default>
    <default class="slide">
      <joint type="slide" damping="0.5" range="-10.3213 10.3"/>
    </default>
    <motor ctrllimited="true" ctrlrange="-2 2"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>
    <light name="lamp" directional="true" pos="0 0 3" dir="0.1 0.2 -1" diffuse="0.7 0.7 0.7"/>
    <camera name="front" pos="1.6 -1.3 1" xyaxes="0.6 0.8 0 -0.45 0.34 0.83"/>
    <geom name="table" type="plane" pos="0 0.5 -0.325" size="1 1 0.1" contype="1" conaffinity="1" material="ground"
          rgba="1 1 1 1"/>)" +
         arm_to_elbow("0 -0.6 0", R"(range="-2.2854 )" + pan_limit + R"(" damping="1")",
                      R"(range="-0.5236 1.3963" damping="1")", R"(range="-1.5 1.7")") +
         R"(
              <joint name="elbow" axis="0 1 0" range="-2.3213 0"/>
              <body name="forearm_roll">
                <geom name="forearm_axle" fromto="-0.1 0 0 0.1 0 0" size="0.02"/>
                <joint name="forearm_roll" axis="1 0 0" range="-1.5 1.5"/>
                <body name="forearm">
                  <geom name="forearm" fromto="0 0 0 0.291 0 0" size="0.05"/>
                  <body name="wrist_flex" pos="0.321 0 0">
                    <geom name="wrist" fromto="0 -0.02 0 0 0.02 0" size="0.01"/>
                    <joint name="wrist_flex" axis="0 1 0" range="-1.094 0"/>
                    <body name="wrist_roll">
                      <joint name="wrist_roll" axis="1 0 0" range="-1.5 1.5"/>
                      <body name="tips">
                        <geom name="left_tip" type="sphere" pos="0.1 -0.1 0" size="0.01"/>
                        <geom name="right_tip" type="sphere" pos="0.1 0.1 0" size="0.01"/>
                      </body>
                      <geom name="palm" class="finger" fromto="0 -0.1 0 0 0.1 0"/>
                      <geom name="left_finger" class="finger" fromto="0 -0.1 0 0.1 -0.1 0"/>
                      <geom name="right_finger" class="finger" fromto="0 0.1 0 0.1 0.1 0"/>
                    </body>
                  </body>
                </body>
              </body>
            </body>
          </body>
        </body>
      </body>
    </body>
    <body name="object" pos="0.45 -0.05 -0.275">)" +
         object + R"(
      <joint name="object_y" class="slide" axis="0 1 0"/>
      <joint name="object_x" class="slide" axis="1 0 0"/>
    </body>
    <body name="goal" pos="0.45 -0.05 -0.323">
      <geom name="goal" type="cylinder" size="0.08 0.001" density="0.00001" rgba="0.9 0.25 0.2 1"/>
      <joint name="goal_y" class="slide" axis="0 1 0"/>
      <joint name="goal_x" class="slide" axis="1 0 0"/>
    </body>
  </worldbody>
)" + arm_motors() +
         "</mujoco>\n";
}

// A cylinder inside an unseen sphere that touches nothing: v4's and PETS's object, nearly without mass.
inline std::string light_object() {
  return R"(
      <geom name="object_ball" type="sphere" size="0.05" density="0.00001" rgba="1 1 1 0"/>
      <geom name="object" type="cylinder" size="0.05 0.05" density="0.00001" contype="1" rgba="0.9 0.9 0.9 1"/>)";
}
// v5's: the cylinder alone, a thousand times as heavy.
inline std::string heavy_object() {
  return R"(
      <geom name="object" type="cylinder" size="0.05 0.05" density="0.01" contype="1" rgba="0.9 0.9 0.9 1"/>)";
}

}  // namespace mbrl::mujoco::assets
