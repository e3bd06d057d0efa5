// Bodies for the analytic environments, made to be looked at: they are posed, never simulated.
#pragma once

#include <algorithm>
#include <cmath>
#include <locale>
#include <sstream>
#include <string>

#include "mbrl/env/classic/disc_field.hpp"
#include "mbrl/env/classic/dyna_maze.hpp"
#include "scenery.hpp"

namespace mbrl::mujoco::assets {

inline std::string classic(const std::string& name, const std::string& floor_height,
                           const std::string& world) {
  return R"(
<mujoco model=")" +
         name + R"(">
  <compiler angle="radian" inertiafromgeom="true"/>
  <default>
    <geom contype="0" conaffinity="0" rgba="0.85 0.55 0.25 1"/>
  </default>
)" + sky_and_ground() +
         "  <worldbody>" + sun_and_floor("pos=\"0 0 " + floor_height + "\"") + world + R"(
  </worldbody>
</mujoco>
)";
}

// th = 0 up, positive to the left, as Gymnasium draws it.
inline std::string pendulum() {
  return classic("pendulum", "-1.3", R"(
    <geom name="stand" type="cylinder" fromto="0 0.12 0 0 0.18 0" size="0.14" rgba="0.3 0.35 0.5 1"/>
    <geom name="axle" type="cylinder" fromto="0 -0.1 0 0 0.15 0" size="0.04" rgba="0.2 0.2 0.25 1"/>
    <body name="rod">
      <joint name="hinge" type="hinge" axis="0 -1 0"/>
      <geom name="rod" type="capsule" fromto="0 0 0 0 0 1" size="0.08"/>
    </body>)");
}

// th = 0 up, positive to the right.
inline std::string classic_cartpole() {
  return classic("classic_cartpole", "-0.25", R"(
    <geom name="rail" type="capsule" fromto="-2.4 0 0 2.4 0 0" size="0.02" rgba="0.3 0.35 0.5 1"/>
    <geom name="left_end" type="sphere" pos="-2.4 0 0" size="0.05" rgba="0.3 0.35 0.5 1"/>
    <geom name="right_end" type="sphere" pos="2.4 0 0" size="0.05" rgba="0.3 0.35 0.5 1"/>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0"/>
      <geom name="cart" type="box" size="0.2 0.12 0.1" rgba="0.25 0.4 0.6 1"/>
      <body name="pole" pos="0 0 0.1">
        <joint name="hinge" type="hinge" axis="0 1 0"/>
        <geom name="pole" type="capsule" fromto="0 0 0 0 0 1" size="0.045"/>
      </body>
    </body>)");
}

// th = 0 hanging, positive to the right; the rail has no end.
inline std::string pilco_cartpole() {
  return classic("pilco_cartpole", "-0.8", R"(
    <geom name="goal" type="sphere" pos="0 0.1 0.6" size="0.04" rgba="0.25 0.7 0.45 1"/>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0"/>
      <geom name="cart" type="box" size="0.15 0.08 0.06" rgba="0.25 0.4 0.6 1"/>
      <body name="pole" pos="0 -0.1 0">
        <joint name="hinge" type="hinge" axis="0 -1 0"/>
        <geom name="pole" type="capsule" fromto="0 0 0 0 0 -0.6" size="0.02"/>
      </body>
    </body>)");
}

// Two links of 1 m, th1 = 0 hanging; the bar at height 1 m is the goal.
inline std::string acrobot() {
  return classic("acrobot", "-2.2", R"(
    <geom name="goal" type="capsule" fromto="-2.2 0.2 1 2.2 0.2 1" size="0.015" rgba="0.25 0.7 0.45 1"/>
    <geom name="axle" type="cylinder" fromto="0 -0.12 0 0 0.2 0" size="0.06" rgba="0.2 0.2 0.25 1"/>
    <body name="upper_link">
      <joint name="shoulder" type="hinge" axis="0 -1 0"/>
      <geom name="upper_link" type="capsule" fromto="0 0 0 0 0 -1" size="0.09"/>
      <body name="lower_link" pos="0 0 -1">
        <joint name="elbow" type="hinge" axis="0 -1 0"/>
        <geom name="elbow" type="cylinder" fromto="0 -0.11 0 0 0.11 0" size="0.06" rgba="0.2 0.2 0.25 1"/>
        <geom name="lower_link" type="capsule" fromto="0 0 0 0 0 -1" size="0.08" rgba="0.1 0.6 0.6 1"/>
      </body>
    </body>)");
}

// The hill's height (m) above position p, as Gymnasium draws it: the force of gravity is that of sin 3p.
inline double mountain_height(double p) { return 0.45 * std::sin(3 * p) + 0.55; }

// Positions: p, the height above the ground, the slope's angle.
inline std::string mountain_car() {
  std::ostringstream world;
  world.imbue(std::locale::classic());
  constexpr int kPieces = 60;
  constexpr const char* kEnd = "\" rgba=\"0.45 0.55 0.45 1\"/>";
  for (int i = 0; i < kPieces; ++i) {  // a pillar below a slanting slab
    const double left = -1.2 + 1.8 * i / kPieces, right = -1.2 + 1.8 * (i + 1) / kPieces;
    const double rise = mountain_height(right) - mountain_height(left);
    const double middle = 0.5 * (mountain_height(left) + mountain_height(right));
    const double pillar = 0.5 * (std::min(mountain_height(left), mountain_height(right)) - 0.01);
    world << "\n    <geom type=\"box\" pos=\"" << 0.5 * (left + right) << " 0 " << pillar << "\" size=\""
          << 0.5 * (right - left) << " 0.2 " << pillar << kEnd << "\n    <geom type=\"box\" pos=\""
          << 0.5 * (left + right) << " 0 " << middle - 0.02 << "\" size=\""
          << 0.5 * std::hypot(right - left, rise) + 0.004 << " 0.201 0.02\" euler=\"0 "
          << -std::atan2(rise, right - left) << " 0" << kEnd;
  }
  world << R"(
    <geom name="pole" type="capsule" fromto="0.45 0.12 0.98 0.45 0.12 1.3" size="0.01" rgba="0.2 0.2 0.25 1"/>
    <geom name="flag" type="box" pos="0.5 0.12 1.26" size="0.05 0.004 0.04" rgba="0.9 0.25 0.2 1"/>
    <body name="car">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="slope" type="hinge" axis="0 -1 0"/>
      <geom name="car" type="box" pos="0 0 0.075" size="0.09 0.05 0.03"/>
      <geom name="cabin" type="box" pos="-0.01 0 0.12" size="0.045 0.045 0.025" rgba="0.25 0.4 0.6 1"/>
      <geom name="front" type="cylinder" fromto="0.05 -0.06 0.035 0.05 0.06 0.035" size="0.035" rgba="0.2 0.2 0.25 1"/>
      <geom name="back" type="cylinder" fromto="-0.05 -0.06 0.035 -0.05 0.06 0.035" size="0.035" rgba="0.2 0.2 0.25 1"/>
    </body>)";
  return classic("mountain_car", "0", world.str());
}

// Positions: column and minus the row of the square that the ball is on.
inline std::string dyna_maze() {
  std::ostringstream world;
  world.imbue(std::locale::classic());
  const auto box = [&](double column, double row, double half_height, double half, const char* rgba) {
    world << "\n    <geom type=\"box\" pos=\"" << column << ' ' << -row << ' ' << half_height << "\" size=\""
          << half << ' ' << half << ' ' << half_height << "\" rgba=\"" << rgba << "\"/>";
  };
  constexpr int kRows = DynaMazeTask::kRows, kColumns = DynaMazeTask::kColumns;
  for (int row = -1; row <= kRows; ++row)
    for (int column = -1; column <= kColumns; ++column) {
      const bool edge = row < 0 || row == kRows || column < 0 || column == kColumns;
      if (edge || DynaMazeTask::wall(row, column))
        box(column, row, 0.25, 0.5, edge ? "0.3 0.35 0.5 1" : "0.25 0.4 0.6 1");
      else if (DynaMazeTask::goal(row, column))
        box(column, row, 0.02, 0.45, "0.9 0.25 0.2 1");
      else
        box(column, row, 0.01, 0.47, "0.8 0.82 0.85 1");
    }
  world << R"(
    <body name="ball">
      <joint name="column" type="slide" axis="1 0 0" range="0 8" limited="true"/>
      <joint name="row" type="slide" axis="0 1 0" range="-5 0" limited="true"/>
      <geom name="ball" type="sphere" pos="0 0 0.4" size="0.36"/>
    </body>)";
  return classic("dyna_maze", "0", world.str());
}

// Positions: those of the ball, then of every disc.
inline std::string disc_field() {
  std::ostringstream world;
  world.imbue(std::locale::classic());
  for (const double side : {-1.0, 1.0})
    world << "\n    <geom type=\"box\" pos=\"12 " << side * (DiscFieldTask::kWall + 0.1)
          << " 0.3\" size=\"14 0.1 0.3\" rgba=\"0.3 0.35 0.5 1\"/>";
  world << R"(
    <body name="ball">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <geom name="ball" type="sphere" pos="0 0 0.25" size=")"
        << DiscFieldTask::kBody << "\"/>\n    </body>";
  for (int i = 0; i < DiscFieldTask::kDiscs; ++i)
    world << "\n    <body name=\"disc" << i << "\"><joint name=\"disc" << i
          << "x\" type=\"slide\" axis=\"1 0 0\"/><joint name=\"disc" << i
          << "y\" type=\"slide\" axis=\"0 1 0\"/><geom type=\"cylinder\" pos=\"0 0 0.3\" size=\""
          << DiscFieldTask::kDisc << " 0.3\" rgba=\"0.25 0.4 0.6 1\"/></body>";
  return classic("disc_field", "0", world.str());
}

}  // namespace mbrl::mujoco::assets
