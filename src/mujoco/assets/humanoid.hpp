// The humanoid: a free torso, seventeen hinges, seventeen torque motors, 42 kg; standing, or lying on its
// back.
#pragma once

#include <string>
#include <utility>

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// What differs between the standing and the lying body: in the second the trunk and the legs are built along
// +x.
struct HumanoidPose {
  const char *torso, *camera, *head, *upper_waist, *lower_waist, *pelvis, *thigh_height;
  const char *thigh_end_x, *thigh_end_z, *shin_x, *shin_z, *shin_end, *foot, *left_hip_y_range;
};

inline constexpr HumanoidPose kStanding{
    "0 0 1.4",       "0 -4 0",     "0 0 0.19", "-0.01 -0.06 -0.12 -0.01 0.06 -0.12",
    "-0.01 0 -0.26", "0 0 -0.165", "-0.04",    "0",
    "-0.34",         "0",          "-0.403",   "0 0 -0.3",
    "0 0 -0.45",     "-110 20"};
inline constexpr HumanoidPose kLying{"0 0 0.105",   "0 -3 0.5",  "-0.15 0 0", "0.11 -0.06 0 0.11 0.06 0",
                                     "0.21 0 0",    "0.165 0 0", "0",         "0.34",
                                     "0",           "0.403",     "0",         "0.3 0 0",
                                     "0.35 0 -0.1", "-120 20"};

// `out` is the sign of y on this side, `in` the other; the hips turn about mirrored axes.
inline std::string humanoid_leg(const HumanoidPose& pose, const std::string& side, const std::string& out,
                                const std::string& in, const std::string& hip_y, const std::string& knee) {
  const auto text = [](const char* value) { return std::string(value); };
  return R"(
          <body name=")" +
         side + R"(_thigh" pos="0 )" + out + "0.1 " + pose.thigh_height + R"(">
            <joint name=")" +
         side + R"(_hip_x" class="joint" armature="0.01" stiffness="10" axis=")" + in +
         R"(1 0 0" range="-25 5"/>
            <joint name=")" +
         side + R"(_hip_z" class="joint" armature="0.01" stiffness="10" axis="0 0 )" + in +
         R"(1" range="-60 35"/>
            <joint name=")" +
         side + R"(_hip_y" class="joint" stiffness="20" axis="0 1 0" )" + hip_y + R"(/>
            <geom name=")" +
         side + R"(_thigh" size="0.06" fromto="0 0 0 )" + text(pose.thigh_end_x) + " " + in + "0.01 " +
         pose.thigh_end_z + R"("/>
            <body name=")" +
         side + R"(_shin" pos=")" + text(pose.shin_x) + " " + in + "0.01 " + pose.shin_z + R"(">
              <joint name=")" +
         side + R"(_knee" armature="0.006" axis="0 -1 0" pos="0 0 0.02" range="-160 -2" )" + knee + R"(/>
              <geom name=")" +
         side + R"(_shin" size="0.049" fromto="0 0 0 )" + pose.shin_end + R"("/>
              <body name=")" +
         side + R"(_foot" pos=")" + pose.foot + R"(">
                <geom name=")" +
         side + R"(_foot" type="sphere" pos="0 0 0.1" size="0.075"/>
              </body>
            </body>
          </body>)";
}

inline std::string humanoid_arm(const std::string& side, const std::string& out, const std::string& in,
                                const std::string& range) {
  return R"(
      <body name=")" +
         side + R"(_upper_arm" pos="0 )" + out + R"(0.17 0.06">
        <joint name=")" +
         side + R"(_shoulder1" armature="0.0068" stiffness="1" axis="2 )" + in + R"(1 1" range=")" + range +
         R"("/>
        <joint name=")" +
         side + R"(_shoulder2" armature="0.0051" stiffness="1" axis="0 )" + out + R"(1 1" range=")" + range +
         R"("/>
        <geom name=")" +
         side + R"(_upper_arm" size="0.04" fromto="0 0 0 0.16 )" + out + R"(0.16 -0.16"/>
        <body name=")" +
         side + R"(_lower_arm" pos="0.18 )" + out + R"(0.18 -0.18">
          <joint name=")" +
         side + R"(_elbow" armature="0.0028" axis="0 -1 )" + in + R"(1" range="-90 50"/>
          <geom name=")" +
         side + R"(_lower_arm" size="0.031" fromto="0.01 )" + in + "0.01 0.01 0.17 " + in + R"(0.17 0.17"/>
          <geom name=")" +
         side + R"(_hand" type="sphere" pos="0.18 )" + in + R"(0.18 0.18" size="0.04"/>
        </body>
      </body>)";
}

// Written from the physical parameters of Gymnasium's Humanoid and HumanoidStandup (Tassa, Erez, Todorov
// 2012). All parts collide; only the floor has friction. The motors begin with abdomen y, z, x, the joints
// with z, y, x. Stiffness, damping and armature are the defaults of the classes unless given.
inline std::string humanoid(const HumanoidPose& pose) {
  constexpr std::pair<const char*, const char*> kMotors[] = {
      {"abdomen_y", "100"},      {"abdomen_z", "100"},   {"abdomen_x", "100"},     {"right_hip_x", "100"},
      {"right_hip_z", "100"},    {"right_hip_y", "300"}, {"right_knee", "200"},    {"left_hip_x", "100"},
      {"left_hip_z", "100"},     {"left_hip_y", "300"},  {"left_knee", "200"},     {"right_shoulder1", "25"},
      {"right_shoulder2", "25"}, {"right_elbow", "25"},  {"left_shoulder1", "25"}, {"left_shoulder2", "25"},
      {"left_elbow", "25"}};
  std::string motors;
  for (const auto& [joint, gear] : kMotors)
    motors += std::string("    <motor joint=\"") + joint + "\" gear=\"" + gear + "\"/>\n";
  return R"(
<mujoco model="humanoid">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.003" integrator="RK4" solver="PGS" iterations="50"/>

  <default>
    <geom type="capsule" contype="1" conaffinity="1" condim="1" margin="0.001" rgba="0.85 0.55 0.25 1"/>
    <joint type="hinge" armature="1" damping="1" limited="true"/>
    <default class="joint">
      <joint damping="5"/>
    </default>
    <motor ctrllimited="true" ctrlrange="-0.4 0.4"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(condim="3" friction="1 0.1 0.1")") +
         R"(
    <body name="torso" pos=")" +
         pose.torso + R"(">
      <camera name="track" mode="trackcom" pos=")" +
         pose.camera + R"(" xyaxes="1 0 0 0 0 1"/>
      <joint name="root" type="free" armature="0" damping="0" limited="false"/>
      <geom name="torso" fromto="0 -0.07 0 0 0.07 0" size="0.07"/>
      <geom name="head" type="sphere" pos=")" +
         pose.head + R"(" size="0.09"/>
      <geom name="upper_waist" fromto=")" +
         pose.upper_waist + R"(" size="0.06"/>
      <body name="lower_waist" pos=")" +
         pose.lower_waist + R"(" quat="1 0 -0.002 0">
        <geom name="lower_waist" fromto="0 -0.06 0 0 0.06 0" size="0.06"/>
        <joint name="abdomen_z" class="joint" armature="0.02" stiffness="20" axis="0 0 1" pos="0 0 0.065" range="-45 45"/>
        <joint name="abdomen_y" class="joint" armature="0.02" stiffness="10" axis="0 1 0" pos="0 0 0.065" range="-75 30"/>
        <body name="pelvis" pos=")" +
         pose.pelvis + R"(" quat="1 0 -0.002 0">
          <joint name="abdomen_x" class="joint" armature="0.02" stiffness="10" axis="1 0 0" pos="0 0 0.1" range="-35 35"/>
          <geom name="pelvis" fromto="-0.02 -0.07 0 -0.02 0.07 0" size="0.09"/>)" +
         humanoid_leg(pose, "right", "-", "", R"(armature="0.008" range="-110 20")", "") +
         humanoid_leg(pose, "left", "", "-",
                      std::string(R"(armature="0.01" range=")") + pose.left_hip_y_range + "\"",
                      R"(stiffness="1")") +
         R"(
        </body>
      </body>)" +
         humanoid_arm("right", "-", "", "-85 60") + humanoid_arm("left", "", "-", "-60 85") + R"(
    </body>
  </worldbody>

  <actuator>
)" + motors +
         R"(  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
