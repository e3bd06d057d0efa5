// Films as MP4 files, written and read with FFmpeg's libraries.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "mbrl/mujoco/render/image.hpp"

namespace mbrl::mujoco {

struct VideoSettings {
  int width = 640, height = 480;  // pixels; even numbers, as the codecs take colours by 2 x 2 pixels
  double frames_per_second = 30;
  int quality = 20;  // H.264's constant rate factor: 0 lossless, 51 worst; translated for MPEG-4
};

/// Encodes frame by frame, H.264 where FFmpeg has libx264, else MPEG-4 part 2. The file appears
/// whole, at `finish`; without it there is none.
class VideoWriter {
 public:
  /// Throws if this library was built without FFmpeg, naming the packages, or on settings that cannot be
  /// and a path that does not end in .mp4.
  VideoWriter(std::filesystem::path path, const VideoSettings& settings);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  void add(const Image& image);  // throws on another size
  int frames() const;
  std::string codec() const;  // of FFmpeg's encoder, e.g. libx264
  void finish();              // throws without frames

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct VideoInfo {
  int width = 0, height = 0, frames = 0;
  double frames_per_second = 0;
  std::string codec;  // e.g. h264
};

/// Decodes all of a film, calling `on_frame` (may be empty) with each picture. Throws mbrl::Error with the
/// path and the reason.
VideoInfo read_video(const std::filesystem::path& path,
                     const std::function<void(const Image&)>& on_frame = {});

}  // namespace mbrl::mujoco
