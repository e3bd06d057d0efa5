// What all models look alike in: sky, light and floor. None of it but the floor's contact touches the
// physics.
#pragma once

#include <string>

namespace mbrl::mujoco::assets {

inline std::string sky_and_ground() {
  return R"(
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="0.75 0.85 0.95" rgb2="0.2 0.3 0.45" width="64" height="64"/>
    <texture name="squares" type="2d" builtin="checker" rgb1="0.25 0.3 0.35" rgb2="0.35 0.4 0.45" width="64" height="64"/>
    <material name="ground" texture="squares" texrepeat="1 1" texuniform="true" reflectance="0.1"/>
  </asset>
)";
}

// The first things in a world: a light, and a floor with the contact attributes and the place that are given.
inline std::string sun_and_floor(const std::string& attributes) {
  return R"(
    <light name="sun" directional="true" pos="0 0 4" dir="0.2 0.3 -1" diffuse="0.8 0.8 0.8"/>
    <geom name="floor" type="plane" size="0 0 5" material="ground" rgba="1 1 1 1" )" +
         attributes + "/>\n";
}

}  // namespace mbrl::mujoco::assets
