// Pictures and PNG files, with libpng's simplified interface.
#include "mbrl/mujoco/render/image.hpp"

#include <algorithm>
#include <string>

#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"

#if MBRL_HAS_PNG
#include <png.h>
#endif

namespace mbrl::mujoco {
namespace {

#if MBRL_HAS_PNG

// libpng's record of one picture, freed whatever happens.
struct Png : png_image {
  Png() : png_image{} { version = PNG_IMAGE_VERSION; }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
  ~Png() { png_image_free(this); }
};

#else

[[noreturn]] void no_png(const std::filesystem::path& path) {
  fail(path.string(), ": this library was built without PNG; install libpng-dev and configure it again");
}

#endif

}  // namespace

void paste(const Image& tile, int x, int y, Image& sheet) {
  require(x >= 0 && y >= 0 && x + tile.width <= sheet.width && y + tile.height <= sheet.height,
          "paste: a picture of ", tile.width, " x ", tile.height, " at (", x, ", ", y, ") does not fit into ",
          sheet.width, " x ", sheet.height);
  for (int row = 0; row < tile.height; ++row)
    std::copy_n(tile.pixel(0, row), 3 * tile.width, sheet.pixel(x, y + row));
}

#if MBRL_HAS_PNG

void write_png(const std::filesystem::path& path, const Image& image) {
  require_extension(path, ".png");
  Png png;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  std::string bytes;
  const auto write = [&](void* memory) {
    require(png_image_write_to_memory(&png, memory, &size, 0, image.rgb.data(), 0, nullptr) != 0,
            path.string(), ": a picture of ", image.width, " x ", image.height,
            " cannot be written: ", png.message);
  };
  require(
      image.rgb.size() == 3 * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height),
      path.string(), ": a picture of ", image.width, " x ", image.height, " has ", image.rgb.size(),
      " bytes");
  write(nullptr);  // asks for the size
  bytes.resize(size);
  write(bytes.data());
  bytes.resize(size);
  write_file_atomically(path, bytes);
}

Image read_png(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  Png png;
  require(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) != 0, path.string(),
          " is no PNG file: ", png.message);
  png.format = PNG_FORMAT_RGB;
  require(png.width <= 1u << 15 && png.height <= 1u << 15, path.string(), ": a picture of ", png.width, " x ",
          png.height, " is too large, expected at most 32768 a side");
  Image image(static_cast<int>(png.width), static_cast<int>(png.height));
  const png_color black{0, 0, 0};
  require(png_image_finish_read(&png, &black, image.rgb.data(), 0, nullptr) != 0, path.string(),
          " cannot be read: ", png.message);
  return image;
}

#else

void write_png(const std::filesystem::path& path, const Image& /*image*/) { no_png(path); }
Image read_png(const std::filesystem::path& path) { no_png(path); }

#endif

}  // namespace mbrl::mujoco
