// The planar half cheetah: nine degrees of freedom in the x-z plane, six torque motors, 14 kg.
#pragma once

namespace mbrl::mujoco::assets {

// Written from the physical parameters of Gymnasium's HalfCheetah (Wawrzynski 2009), which are also PETS's.
// Capsules of radius 0.046 m; the density makes their masses add up to 14 kg: 14 / sum(pi r^2 (2 h) + 4/3 pi
// r^3).
inline constexpr const char* kHalfCheetah = R"(
<mujoco model="half_cheetah">
  <compiler angle="radian" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="Euler" gravity="0 0 -9.81"/>

  <default>
    <geom type="capsule" density="660.8849500774735" condim="3" contype="1" conaffinity="0"
          friction="0.4 0.1 0.1" solref="0.02 1" solimp="0 0.8 0.01" rgba="0.85 0.55 0.25 1"/>
    <default class="leg">
      <joint type="hinge" axis="0 1 0" armature="0.1" limited="true" solreflimit="0.02 1" solimplimit="0 0.8 0.03"/>
    </default>
    <default class="root">
      <joint armature="0" damping="0" stiffness="0" limited="false"/>
    </default>
    <motor ctrllimited="true" ctrlrange="-1 1"/>
  </default>

  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="0.75 0.85 0.95" rgb2="0.2 0.3 0.45" width="64" height="64"/>
    <texture name="squares" type="2d" builtin="checker" rgb1="0.25 0.3 0.35" rgb2="0.35 0.4 0.45" width="64" height="64"/>
    <material name="ground" texture="squares" texrepeat="1 1" texuniform="true" reflectance="0.1"/>
  </asset>

  <worldbody>
    <light name="sun" directional="true" pos="0 0 4" dir="0.2 0.3 -1" diffuse="0.8 0.8 0.8"/>
    <geom name="floor" type="plane" size="0 0 5" conaffinity="1" material="ground" rgba="1 1 1 1"/>

    <body name="torso" pos="0 0 0.7">
      <camera name="track" mode="trackcom" pos="0 -3 0.3" xyaxes="1 0 0 0 0 1"/>
      <joint name="rootx" class="root" type="slide" axis="1 0 0"/>
      <joint name="rootz" class="root" type="slide" axis="0 0 1"/>
      <joint name="rooty" class="root" type="hinge" axis="0 1 0"/>
      <geom name="torso" fromto="-0.5 0 0 0.5 0 0" size="0.046"/>
      <geom name="head" pos="0.6 0 0.1" euler="0 0.87 0" size="0.046 0.15"/>

      <body name="bthigh" pos="-0.5 0 0" childclass="leg">
        <joint name="bthigh" range="-0.52 1.05" stiffness="240" damping="6"/>
        <geom name="bthigh" pos="0.1 0 -0.13" euler="0 -3.8 0" size="0.046 0.145"/>
        <body name="bshin" pos="0.16 0 -0.25">
          <joint name="bshin" range="-0.785 0.785" stiffness="180" damping="4.5"/>
          <geom name="bshin" pos="-0.14 0 -0.07" euler="0 -2.03 0" size="0.046 0.15"/>
          <body name="bfoot" pos="-0.28 0 -0.14">
            <joint name="bfoot" range="-0.4 0.785" stiffness="120" damping="3"/>
            <geom name="bfoot" pos="0.03 0 -0.097" euler="0 -0.27 0" size="0.046 0.094"/>
          </body>
        </body>
      </body>

      <body name="fthigh" pos="0.5 0 0" childclass="leg">
        <joint name="fthigh" range="-1 0.7" stiffness="180" damping="4.5"/>
        <geom name="fthigh" pos="-0.07 0 -0.12" euler="0 0.52 0" size="0.046 0.133"/>
        <body name="fshin" pos="-0.14 0 -0.24">
          <joint name="fshin" range="-1.2 0.87" stiffness="120" damping="3"/>
          <geom name="fshin" pos="0.065 0 -0.09" euler="0 -0.6 0" size="0.046 0.106"/>
          <body name="ffoot" pos="0.13 0 -0.18">
            <joint name="ffoot" range="-0.5 0.5" stiffness="60" damping="1.5"/>
            <geom name="ffoot" pos="0.045 0 -0.07" euler="0 -0.6 0" size="0.046 0.07"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="bthigh" joint="bthigh" gear="120"/>
    <motor name="bshin" joint="bshin" gear="90"/>
    <motor name="bfoot" joint="bfoot" gear="60"/>
    <motor name="fthigh" joint="fthigh" gear="120"/>
    <motor name="fshin" joint="fshin" gear="60"/>
    <motor name="ffoot" joint="ffoot" gear="30"/>
  </actuator>
</mujoco>
)";

}  // namespace mbrl::mujoco::assets
