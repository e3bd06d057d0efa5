// A cart on a 5 m track with a free pole of 0.6 m, hanging at angle 0: PETS's swing-up task.
#pragma once

namespace mbrl::mujoco::assets {

// Written from the physical parameters of PETS's cart-pole (Chua et al. 2018). The pole leans by 1 mm over
// its length, as theirs does; nothing collides.
inline constexpr const char* kCartPole = R"(
<mujoco model="cartpole">
  <compiler angle="radian" inertiafromgeom="true"/>
  <option timestep="0.02" integrator="RK4" gravity="0 0 -9.81"/>

  <default>
    <geom type="capsule" density="1000" contype="0" conaffinity="0"/>
    <joint armature="0" damping="1"/>
  </default>

  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="0.95 0.97 1" rgb2="0.75 0.82 0.9" width="64" height="64"/>
  </asset>

  <worldbody>
    <light name="lamp" directional="true" pos="0 -2 3" dir="0 0.5 -1" diffuse="0.8 0.8 0.8"/>
    <camera name="front" pos="0 -5 0" xyaxes="1 0 0 0 0 1"/>
    <geom name="rail" fromto="-3 0 0 3 0 0" size="0.02" rgba="0.3 0.35 0.5 1"/>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0" limited="true" range="-2.5 2.5"/>
      <geom name="cart" fromto="-0.1 0 0 0.1 0 0" size="0.1" rgba="0.8 0.6 0.2 1"/>
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0" limited="false"/>
        <geom name="pole" fromto="0 0 0 0.001 0 -0.6" size="0.049" rgba="0.1 0.6 0.6 1"/>
      </body>
    </body>
  </worldbody>

  <actuator>
    <motor name="slide" joint="slider" gear="100" ctrllimited="true" ctrlrange="-3 3"/>
  </actuator>
</mujoco>
)";

}  // namespace mbrl::mujoco::assets
