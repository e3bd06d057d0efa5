// A picture in memory, and as a PNG file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace mbrl::mujoco {

/// Red, green, blue, one byte each; rows from the top down, without padding.
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // 3 x width x height

  Image() = default;
  Image(int w, int h)
      : width(w), height(h), rgb(3 * static_cast<std::size_t>(w) * static_cast<std::size_t>(h)) {}
  /// The three bytes of column x, row y.
  std::uint8_t* pixel(int x, int y) { return rgb.data() + offset(x, y); }
  const std::uint8_t* pixel(int x, int y) const { return rgb.data() + offset(x, y); }
  bool operator==(const Image&) const = default;

 private:
  std::size_t offset(int x, int y) const {
    return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
  }
};

/// Copies `tile` into `sheet` with its upper left corner at (x, y). Throws if it does not fit.
void paste(const Image& tile, int x, int y, Image& sheet);

/// Written whole or not at all. Throws mbrl::Error with the path and the reason, if its name does not end in
/// .png, or if this library was built without libpng.
void write_png(const std::filesystem::path& path, const Image& image);
/// Any PNG, converted to RGB. Throws mbrl::Error with the path and the reason.
Image read_png(const std::filesystem::path& path);

}  // namespace mbrl::mujoco
