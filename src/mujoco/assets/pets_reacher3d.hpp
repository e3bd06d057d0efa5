// PETS's seven-joint arm in space, with a target that three slides put in place.
#pragma once

#include "pusher.hpp"

namespace mbrl::mujoco::assets {

// Written from the physical parameters of PETS's reacher (Chua et al. 2018). Nothing collides, no gravity;
// geoms have water's density. The target's coordinates are absolute.
inline std::string pets_reacher3d() {
  return R"(
<mujoco model="reacher3d">
  <compiler angle="radian" inertiafromgeom="true"/>
  <option timestep="0.01" integrator="RK4" gravity="0 0 0" iterations="20"/>

  <default>
    <geom type="capsule" contype="0" conaffinity="0" rgba="0.5 0.55 0.6 1"/>
    <joint type="hinge" armature="0.04" damping="0.1" limited="true"/>
    <default class="finger">
      <geom size="0.01" rgba="0.85 0.55 0.25 1"/>
    </default>
    <default class="target">
      <joint type="slide" armature="0" damping="0" stiffness="0" limited="false"/>
    </default>
    <motor ctrllimited="true" ctrlrange="-20 20"/>
  </default>
)" + sky_and_ground() +
         R"(
  <worldbody>
    <light name="lamp" directional="true" pos="0 0 5" dir="0.1 0.2 -1" diffuse="0.7 0.7 0.7"/>
    <camera name="front" pos="2.2 -1.4 1" xyaxes="0.54 0.84 0 -0.34 0.22 0.91"/>)" +
         arm_to_elbow("0 -0.188 0", R"(range="-2.2854 1.714602" damping="10")",
                      R"(range="-0.5236 1.3963" damping="10")", R"(range="-3.9 0.8")") +
         R"(
              <joint name="elbow" axis="0 1 0" range="-2.3213 0" damping="1"/>
              <body name="forearm_roll">
                <geom name="forearm_axle" fromto="-0.1 0 0 0.1 0 0" size="0.02"/>
                <joint name="forearm_roll" axis="1 0 0" limited="false"/>
                <body name="forearm">
                  <geom name="forearm" fromto="0 0 0 0.321 0 0" size="0.05"/>
                  <body name="wrist_flex" pos="0.321 0 0">
                    <geom name="wrist" fromto="0 -0.02 0 0 0.02 0" size="0.01"/>
                    <joint name="wrist_flex" axis="0 1 0" range="-2.094 0"/>
                    <body name="wrist_roll">
                      <geom name="wrist_axle" fromto="-0.02 0 0 0.02 0 0" size="0.01"/>
                      <joint name="wrist_roll" axis="1 0 0" limited="false"/>
                      <body name="palm">
                        <geom name="palm" fromto="0.05 0 -0.02 0.05 0 0.02" size="0.05"/>
                        <body name="left_finger" pos="0.07691 0.03 0">
                          <geom name="left_finger" class="finger" fromto="0 0 0 0.09137 0.00495 0"/>
                          <body name="left_tip" pos="0.09137 0.00495 0">
                            <geom name="left_tip" class="finger" fromto="0 0 0 0.09137 0 0"/>
                          </body>
                        </body>
                        <body name="right_finger" pos="0.07691 -0.03 0">
                          <geom name="right_finger" class="finger" fromto="0 0 0 0.09137 -0.00495 0"/>
                          <body name="right_tip" pos="0.09137 -0.00495 0">
                            <geom name="right_tip" class="finger" fromto="0 0 0 0.09137 0 0"/>
                          </body>
                        </body>
                      </body>
                    </body>
                  </body>
                </body>
              </body>
            </body>
          </body>
        </body>
      </body>
    </body>
    <body name="target" pos="0 0.25 0">
      <joint name="target_x" class="target" axis="1 0 0"/>
      <joint name="target_y" class="target" axis="0 1 0" ref="0.25"/>
      <joint name="target_z" class="target" axis="0 0 1"/>
      <geom name="target" type="sphere" size="0.035" rgba="0.9 0.25 0.2 1"/>
    </body>
  </worldbody>
)" + arm_motors() +
         "</mujoco>\n";
}

}  // namespace mbrl::mujoco::assets
