// The four-legged ant: a free torso, eight hinges, eight torque motors, 0.91 kg.
#pragma once

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// Leg `number` towards the corner (x, y), each "" or "-": a fixed part, a hip and an ankle.
inline std::string ant_leg(const std::string& number, const std::string& x, const std::string& y,
                           const std::string& ankle_axis, const std::string& ankle_range) {
  const auto corner = [&](const char* length) { return x + length + " " + y + length + " 0"; };
  return R"(
      <body name="leg_)" +
         number + R"(">
        <geom name="leg_)" +
         number + R"(" fromto="0 0 0 )" + corner("0.2") + R"("/>
        <body name="hip_)" +
         number + R"(" pos=")" + corner("0.2") + R"(">
          <joint name="hip_)" +
         number + R"(" axis="0 0 1" range="-30 30"/>
          <geom name="hip_)" +
         number + R"(" fromto="0 0 0 )" + corner("0.2") + R"("/>
          <body name="ankle_)" +
         number + R"(" pos=")" + corner("0.2") + R"(">
            <joint name="ankle_)" +
         number + R"(" axis=")" + ankle_axis + R"(" range=")" + ankle_range + R"("/>
            <geom name="ankle_)" +
         number + R"(" fromto="0 0 0 )" + corner("0.4") + R"("/>
          </body>
        </body>
      </body>)";
}

// Written from the physical parameters of Gymnasium's Ant (Schulman et al. 2015). The reference pose has all
// joints at zero, outside the ankles' limits. The motors' order is not the joints'.
inline std::string ant() {
  std::string motors;
  for (const char* leg : {"4", "1", "2", "3"})
    for (const char* joint : {"hip_", "ankle_"})
      motors += std::string("    <motor joint=\"") + joint + leg + "\"/>\n";
  return R"(
<mujoco model="ant">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="RK4"/>

  <default>
    <geom type="capsule" size="0.08" contype="1" conaffinity="0" condim="3" density="5" margin="0.01"
          friction="1 0.5 0.5" rgba="0.85 0.55 0.25 1"/>
    <joint type="hinge" armature="1" damping="1" limited="true"/>
    <motor gear="150" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(conaffinity="1")") +
         R"(
    <body name="torso" pos="0 0 0.75">
      <camera name="track" mode="trackcom" pos="0 -3 0.3" xyaxes="1 0 0 0 0 1"/>
      <joint name="root" type="free" armature="0" damping="0" limited="false" margin="0.01"/>
      <geom name="torso" type="sphere" size="0.25"/>)" +
         ant_leg("1", "", "", "-1 1 0", "30 70") + ant_leg("2", "-", "", "1 1 0", "-70 -30") +
         ant_leg("3", "-", "-", "-1 1 0", "-70 -30") + ant_leg("4", "", "-", "1 1 0", "30 70") + R"(
    </body>
  </worldbody>

  <actuator>
)" + motors +
         R"(  </actuator>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
