// The six bodies of the dm_control suite's tasks that model-based RL is measured on.
#pragma once

#include <string>
#include <utility>

#include "scenery.hpp"

namespace mbrl::mujoco::assets {

// All are written from the physical parameters of the suite (Tassa et al. 2018). Geometric order is the
// suite's, so that contacts are found in the same order and sums round alike.

// Gymnasium's cheetah in outline, but with weaker joints' limits (degrees here) and motors, default contact
// softness, and legs that touch each other. The density makes the masses add up to 14 kg.
inline std::string dmc_cheetah() {
  return R"(
<mujoco model="dmc_cheetah">
  <option timestep="0.01"/>
  <default>
    <motor ctrllimited="true" ctrlrange="-1 1"/>
    <default class="root">
      <joint limited="false"/>
    </default>
    <default class="body">
      <geom type="capsule" density="660.8849500774735" friction="0.4 0.1 0.1" rgba="0.85 0.55 0.25 1"/>
      <joint type="hinge" axis="0 1 0" armature="0.1" limited="true"/>
    </default>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor("") +
         R"(
    <body name="torso" pos="0 0 0.7" childclass="body">
      <camera name="track" mode="trackcom" pos="0 -3 0.3" xyaxes="1 0 0 0 0 1"/>
      <joint name="rootx" class="root" type="slide" axis="1 0 0"/>
      <joint name="rootz" class="root" type="slide" axis="0 0 1"/>
      <joint name="rooty" class="root" type="hinge" axis="0 1 0"/>
      <geom name="torso" fromto="-0.5 0 0 0.5 0 0" size="0.046"/>
      <geom name="head" pos="0.6 0 0.1" euler="0 50 0" size="0.046 0.15"/>

      <body name="bthigh" pos="-0.5 0 0">
        <joint name="bthigh" range="-30 60" stiffness="240" damping="6"/>
        <geom name="bthigh" pos="0.1 0 -0.13" euler="0 -218 0" size="0.046 0.145"/>
        <body name="bshin" pos="0.16 0 -0.25">
          <joint name="bshin" range="-50 50" stiffness="180" damping="4.5"/>
          <geom name="bshin" pos="-0.14 0 -0.07" euler="0 -116 0" size="0.046 0.15"/>
          <body name="bfoot" pos="-0.28 0 -0.14">
            <joint name="bfoot" range="-230 50" stiffness="120" damping="3"/>
            <geom name="bfoot" pos="0.03 0 -0.097" euler="0 -15 0" size="0.046 0.094"/>
          </body>
        </body>
      </body>

      <body name="fthigh" pos="0.5 0 0">
        <joint name="fthigh" range="-57 0.4" stiffness="180" damping="4.5"/>
        <geom name="fthigh" pos="-0.07 0 -0.12" euler="0 30 0" size="0.046 0.133"/>
        <body name="fshin" pos="-0.14 0 -0.24">
          <joint name="fshin" range="-70 50" stiffness="120" damping="3"/>
          <geom name="fshin" pos="0.065 0 -0.09" euler="0 -34 0" size="0.046 0.106"/>
          <body name="ffoot" pos="0.13 0 -0.18">
            <joint name="ffoot" range="-28 28" stiffness="60" damping="1.5"/>
            <geom name="ffoot" pos="0.045 0 -0.07" euler="0 -34 0" size="0.046 0.07"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="bthigh" joint="bthigh" gear="120"/>
    <motor name="bshin" joint="bshin" gear="90"/>
    <motor name="bfoot" joint="bfoot" gear="60"/>
    <motor name="fthigh" joint="fthigh" gear="90"/>
    <motor name="fshin" joint="fshin" gear="60"/>
    <motor name="ffoot" joint="ffoot" gear="30"/>
  </actuator>
  <sensor>
    <subtreelinvel name="velocity" body="torso"/>
  </sensor>
</mujoco>
)";
}

// A cart of 1 kg on a track of +-1.8 m with a pole of 0.1 kg and 1 m, upright at angle 0. Nothing collides.
inline std::string dmc_cartpole() {
  return R"(
<mujoco model="dmc_cartpole">
  <option timestep="0.01" integrator="RK4">
    <flag contact="disable"/>
  </option>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(pos="0 0 -0.05")") +
         R"(
    <camera name="front" pos="0 -4 1" xyaxes="1 0 0 0 0 1"/>
    <geom name="rail" type="capsule" fromto="-2 0 1 2 0 1" size="0.02" rgba="0.3 0.35 0.5 1"/>
    <body name="cart" pos="0 0 1">
      <joint name="slider" type="slide" axis="1 0 0" damping="5e-4" limited="true" range="-1.8 1.8" solreflimit="0.08 1"/>
      <geom name="cart" type="box" size="0.2 0.15 0.1" mass="1" rgba="0.8 0.6 0.2 1"/>
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0" damping="2e-6" limited="false"/>
        <geom name="pole" type="capsule" fromto="0 0 0 0 0 1" size="0.045" mass="0.1" rgba="0.1 0.6 0.6 1"/>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="slide" joint="slider" gear="10" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
)";
}

// A planar arm of two links of 0.12 m, and a target that stands where each episode puts it: a mocap body.
// Nothing collides.
inline std::string dmc_reacher() {
  return R"(
<mujoco model="dmc_reacher">
  <option timestep="0.02">
    <flag contact="disable"/>
  </option>
  <default>
    <geom type="capsule" size="0.01" rgba="0.1 0.45 0.65 1"/>
    <joint type="hinge" axis="0 0 1" damping="0.01"/>
    <motor gear="0.05" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor("") +
         R"(
    <camera name="top" pos="0 0 0.75" xyaxes="1 0 0 0 1 0"/>
    <body name="upper_arm" pos="0 0 0.01">
      <joint name="shoulder" limited="false"/>
      <geom name="upper_arm" fromto="0 0 0 0.12 0 0"/>
      <body name="forearm" pos="0.12 0 0">
        <joint name="wrist" limited="true" range="-160 160"/>
        <geom name="forearm" fromto="0 0 0 0.1 0 0"/>
        <body name="finger" pos="0.12 0 0">
          <geom name="finger" type="sphere" rgba="0.1 0.8 0.6 1"/>
        </body>
      </body>
    </body>
    <body name="target" mocap="true" pos="0.1 0.1 0.01">
      <geom name="target" type="sphere" size="0.05" rgba="0.9 0.25 0.2 1"/>
    </body>
  </worldbody>

  <actuator>
    <motor name="shoulder" joint="shoulder"/>
    <motor name="wrist" joint="wrist"/>
  </actuator>
</mujoco>
)";
}

// A finger of two joints beside a capsule on a free hinge, without gravity. Two touch sensors at the tip of
// the finger.
inline std::string dmc_finger() {
  return R"(
<mujoco model="dmc_finger">
  <option timestep="0.01" cone="elliptic" iterations="200">
    <flag gravity="disable"/>
  </option>
  <default>
    <geom type="capsule" solimp="0 0.9 0.01" solref="0.02 1" rgba="0.1 0.45 0.65 1"/>
    <joint type="hinge" axis="0 -1 0"/>
    <motor ctrllimited="true" ctrlrange="-1 1"/>
    <default class="finger">
      <joint damping="2.5" limited="true" range="-110 110"/>
      <site type="ellipsoid" size="0.025 0.03 0.025" rgba="0.5 0.5 0.5 0.3" group="3"/>
    </default>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor("") +
         R"(
    <camera name="front" pos="0 -1.2 0.45" xyaxes="1 0 0 0 0 1"/>
    <body name="proximal" pos="-0.2 0 0.4" childclass="finger">
      <joint name="proximal" ref="-90"/>
      <geom name="knuckle" type="cylinder" fromto="0 -0.033 0 0 0.033 0" size="0.034" rgba="0.3 0.35 0.5 1"/>
      <geom name="proximal" fromto="0 0 0 0 0 -0.17" size="0.03"/>
      <body name="distal" pos="0 0 -0.18">
        <joint name="distal"/>
        <geom name="distal" fromto="0 0 0 0 0 -0.16" size="0.028" contype="0" conaffinity="0"/>
        <geom name="tip_of_finger" fromto="0 0 -0.13 0 0 -0.161" size="0.03" rgba="0.1 0.8 0.6 1"/>
        <site name="touch_top" pos="0.01 0 -0.17"/>
        <site name="touch_bottom" pos="-0.01 0 -0.17"/>
      </body>
    </body>
    <body name="spinner" pos="0.2 0 0.4">
      <joint name="hinge" frictionloss="0.1" damping="0.03" limited="false"/>
      <geom name="right_half" pos="0.02 0 0" size="0.04 0.09" rgba="0.85 0.55 0.25 1"/>
      <geom name="left_half" pos="-0.02 0 0" size="0.04 0.09" rgba="0.85 0.55 0.25 1"/>
      <site name="tip" pos="0 0 0.13" size="0.02" rgba="0 0 0 0"/>
      <geom name="axle" type="cylinder" fromto="0 -0.045 0 0 0.045 0" size="0.02" rgba="0.3 0.35 0.5 1"/>
    </body>
  </worldbody>

  <actuator>
    <motor name="proximal" joint="proximal" gear="30"/>
    <motor name="distal" joint="distal" gear="15"/>
  </actuator>
  <sensor>
    <touch name="touch_top" site="touch_top"/>
    <touch name="touch_bottom" site="touch_bottom"/>
  </sensor>
</mujoco>
)";
}

// A cup on two springs and a ball on a string of 0.3 m. The time step is the engine's default, 0.002 s.
inline std::string dmc_ball_in_cup() {
  return R"(
<mujoco model="dmc_ball_in_cup">
  <option timestep="0.002"/>
  <default>
    <joint type="slide" limited="false"/>
    <motor gear="5" ctrllimited="true" ctrlrange="-1 1"/>
    <default class="cup">
      <joint damping="3" stiffness="20"/>
      <geom type="capsule" size="0.008" rgba="0.85 0.55 0.25 1"/>
    </default>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor("") +
         R"(
    <camera name="front" pos="0 -1.2 0.5" xyaxes="1 0 0 0 0 1"/>
    <body name="cup" pos="0 0 0.6" childclass="cup">
      <joint name="cup_x" axis="1 0 0"/>
      <joint name="cup_z" axis="0 0 1"/>
      <geom name="left_wall" fromto="-0.05 0 0 -0.05 0 -0.075"/>
      <geom name="left_slope" fromto="-0.05 0 -0.075 -0.025 0 -0.1"/>
      <geom name="bottom" fromto="-0.025 0 -0.1 0.025 0 -0.1"/>
      <geom name="right_slope" fromto="0.025 0 -0.1 0.05 0 -0.075"/>
      <geom name="right_wall" fromto="0.05 0 -0.075 0.05 0 0"/>
      <site name="knot" pos="0 0 -0.108" size="0.005"/>
      <site name="inside" pos="0 0 -0.05" type="box" size="0.05 0.006 0.05" rgba="0 0 0 0" group="4"/>
    </body>
    <body name="ball" pos="0 0 0.2">
      <joint name="ball_x" axis="1 0 0"/>
      <joint name="ball_z" axis="0 0 1"/>
      <geom name="ball" type="sphere" size="0.025" rgba="0.1 0.8 0.6 1"/>
      <site name="eye" size="0.005"/>
    </body>
  </worldbody>

  <tendon>
    <spatial name="string" limited="true" range="0 0.3" width="0.003">
      <site site="eye"/>
      <site site="knot"/>
    </spatial>
  </tendon>

  <actuator>
    <motor name="x" joint="cup_x"/>
    <motor name="z" joint="cup_z"/>
  </actuator>
</mujoco>
)";
}

inline std::string dmc_walker_leg(const std::string& side, const std::string& y) {
  return R"(
      <body name=")" +
         side + R"(_thigh" pos="0 )" + y + R"( -0.3">
        <joint name=")" +
         side + R"(_hip" range="-20 100"/>
        <geom name=")" +
         side + R"(_thigh" pos="0 0 -0.225" size="0.05 0.225"/>
        <body name=")" +
         side + R"(_leg" pos="0 0 -0.7">
          <joint name=")" +
         side + R"(_knee" pos="0 0 0.25" range="-150 0"/>
          <geom name=")" +
         side + R"(_leg" size="0.04 0.25"/>
          <body name=")" +
         side + R"(_foot" pos="0.06 0 -0.25">
            <joint name=")" +
         side + R"(_ankle" pos="-0.06 0 0" range="-45 45"/>
            <geom name=")" +
         side + R"(_foot" zaxis="1 0 0" size="0.05 0.1"/>
          </body>
        </body>
      </body>)";
}

// Two legs side by side under a torso, in the x-z plane. The root's slides are z first, then x.
inline std::string dmc_walker() {
  std::string motors;
  for (const char* side : {"right", "left"})
    for (const auto& [joint, gear] :
         {std::pair{"_hip", "100"}, std::pair{"_knee", "50"}, std::pair{"_ankle", "20"}})
      motors += std::string("    <motor joint=\"") + side + joint + "\" gear=\"" + gear + "\"/>\n";
  return R"(
<mujoco model="dmc_walker">
  <option timestep="0.0025"/>
  <default>
    <geom contype="1" conaffinity="0" friction="0.7 0.1 0.1"/>
    <joint type="hinge" axis="0 -1 0" damping="0.1" armature="0.01" limited="true" solimplimit="0 0.99 0.01"/>
    <motor ctrllimited="true" ctrlrange="-1 1"/>
    <default class="root">
      <joint axis="0 1 0" damping="0" armature="0" limited="false"/>
    </default>
    <default class="body">
      <geom type="capsule" rgba="0.85 0.55 0.25 1"/>
    </default>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>)" +
         sun_and_floor(R"(conaffinity="1")") +
         R"(
    <body name="torso" pos="0 0 1.3" childclass="body">
      <camera name="track" mode="trackcom" pos="0 -3 0" xyaxes="1 0 0 0 0 1"/>
      <joint name="rootz" class="root" type="slide" axis="0 0 1"/>
      <joint name="rootx" class="root" type="slide" axis="1 0 0"/>
      <joint name="rooty" class="root"/>
      <geom name="torso" size="0.07 0.3"/>)" +
         dmc_walker_leg("right", "-0.05") + dmc_walker_leg("left", "0.05") + R"(
    </body>
  </worldbody>

  <actuator>
)" + motors +
         R"(  </actuator>
  <sensor>
    <subtreelinvel name="velocity" body="torso"/>
  </sensor>
</mujoco>
)";
}

}  // namespace mbrl::mujoco::assets
