// Pictures and films come back from their files as they were.
#include <fstream>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/mujoco/render/image.hpp"
#include "mbrl/mujoco/render/video.hpp"
#include "support.hpp"

using namespace mbrl;
using mujoco::Image;

namespace {

Image pattern(int width, int height) {
  Image image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * 7919 >> 3);
  return image;
}

Image plain(int width, int height, int red, int green, int blue) {
  Image image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    image.rgb[i] = static_cast<std::uint8_t>(red);
    image.rgb[i + 1] = static_cast<std::uint8_t>(green);
    image.rgb[i + 2] = static_cast<std::uint8_t>(blue);
  }
  return image;
}

}  // namespace

TEST_CASE("PNG: a picture read back is equal to the byte, odd sizes too") {
  const ScratchFile file("picture.png");
  for (const Image& image : {pattern(1, 1), pattern(37, 23), plain(64, 2, 1, 2, 3)}) {
    mujoco::write_png(file.path(), image);
    CHECK(mujoco::read_png(file.path()) == image);
  }
  const Image good = mujoco::read_png(file.path());
  Image broken(4, 4);
  broken.rgb.resize(5);
  CHECK_THROWS_AS(mujoco::write_png(file.path(), broken), Error);
  CHECK(mujoco::read_png(file.path()) == good);  // the old file is as it was
  CHECK_THROWS_AS(mujoco::write_png("/no/such/folder/picture.png", good), Error);
  write_file_atomically(file.path(), std::string_view("no picture"));
  CHECK_THROWS_AS(mujoco::read_png(file.path()), Error);
  CHECK_THROWS_AS(mujoco::read_png(file.path().string() + ".missing"), Error);
}

TEST_CASE("Pictures: tiles are pasted where they belong") {
  Image sheet = plain(5, 4, 0, 0, 0);
  mujoco::paste(plain(2, 3, 9, 8, 7), 3, 1, sheet);
  CHECK(sheet.pixel(2, 1)[0] == 0);
  CHECK(sheet.pixel(3, 0)[0] == 0);
  CHECK(sheet.pixel(3, 1)[0] == 9);
  CHECK(sheet.pixel(4, 3)[2] == 7);
  CHECK_THROWS_AS(mujoco::paste(plain(2, 3, 1, 1, 1), 4, 1, sheet), Error);
}

TEST_CASE("MP4: a film decoded again has its frames, its size, its rate and its colours") {
  const ScratchFile file("film.mp4");
  const std::vector<std::array<int, 3>> colours = {
      {200, 40, 40}, {40, 200, 40}, {40, 40, 200}, {128, 128, 128}};
  constexpr int kEach = 9;
  {
    mujoco::VideoWriter writer(file.path(), {.width = 66, .height = 50, .frames_per_second = 33.3});
    for (const auto& c : colours)
      for (int i = 0; i < kEach; ++i) writer.add(plain(66, 50, c[0], c[1], c[2]));
    CHECK(writer.frames() == 36);
    CHECK(!std::filesystem::exists(file.path()));
    writer.finish();
  }
  int frame = 0, worst = 0;
  const mujoco::VideoInfo info = mujoco::read_video(file.path(), [&](const Image& image) {
    const auto& c = colours[static_cast<std::size_t>(frame++ / kEach)];
    for (std::size_t k = 0; k < 3; ++k) worst = std::max(worst, std::abs(int{image.pixel(33, 25)[k]} - c[k]));
  });
  CHECK(info.width == 66);
  CHECK(info.height == 50);
  CHECK(info.frames == 36);
  CHECK(frame == 36);
  CHECK(info.frames_per_second == Approx(33.3).epsilon(1e-3));
  CHECK(worst <= 12);
  CHECK((info.codec == "h264" || info.codec == "mpeg4"));
}

TEST_CASE("MP4: without an end there is no file, and an old one stays") {
  const ScratchFile file("unfinished.mp4");
  {
    mujoco::VideoWriter writer(file.path(), {.width = 32, .height = 32});
    writer.add(plain(32, 32, 1, 2, 3));
  }
  CHECK(!std::filesystem::exists(file.path()));
  CHECK_THROWS_AS(mujoco::VideoWriter(file.path(), {.width = 33, .height = 32}), Error);
  CHECK_THROWS_AS(mujoco::VideoWriter(file.path(), {.width = 32, .height = 32, .frames_per_second = 0}),
                  Error);
  mujoco::VideoWriter writer(file.path(), {.width = 32, .height = 32});
  CHECK_THROWS_AS(writer.add(plain(34, 32, 1, 2, 3)), Error);
  CHECK_THROWS_AS(writer.finish(), Error);
  write_file_atomically(file.path(), std::string_view("no film"));
  CHECK_THROWS_AS(mujoco::read_video(file.path()), Error);
}
