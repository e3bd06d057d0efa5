// Standard normals named by counters: functions of (key, name, entry) alone.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "mbrl/core/random.hpp"

namespace mbrl {

/// Two standard normals of two words (Box and Muller 1958): the radius from u in (0, 1), the angle in turns.
inline std::array<double, 2> box_muller(std::uint32_t radius_word, std::uint32_t angle_word) {
  const double u = (static_cast<double>(radius_word >> 1) + 0.5) * 0x1p-31;
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle =
      static_cast<double>(static_cast<std::int32_t>(angle_word)) * 0x1p-32 * 2.0 * std::numbers::pi;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// `count` standard normals into `out`: entry i is a function of (key, name, i). One Philox block serves
/// four.
template <class S>
void counter_normals(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 3> name, int count, S* out) {
  for (int first = 0; first < count; first += 4) {
    const auto words = philox4x32({name[0], name[1], name[2], static_cast<std::uint32_t>(first / 4)}, key);
    const auto a = box_muller(words[0], words[1]);
    const auto b = box_muller(words[2], words[3]);
    const std::array<double, 4> z = {a[0], a[1], b[0], b[1]};
    for (int i = 0; i < 4 && first + i < count; ++i)
      out[first + i] = static_cast<S>(z[static_cast<std::size_t>(i)]);
  }
}

}  // namespace mbrl
