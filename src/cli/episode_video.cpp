#include "episode_video.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"
#include "mbrl/io/progress.hpp"

#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/render/renderer.hpp"
#include "mbrl/mujoco/render/scene.hpp"
#include "mbrl/mujoco/render/video.hpp"
#endif

namespace mbrl::cli {

void parse_size(const std::string& text, int& width, int& height) {
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, width);
  const bool cross = first.ec == std::errc() && first.ptr != end && *first.ptr == 'x';
  const auto second = cross ? std::from_chars(first.ptr + 1, end, height) : first;
  require(cross && second.ec == std::errc() && second.ptr == end && width >= 16 && height >= 16 &&
              width <= 4096 && height <= 4096 && width % 2 == 0 && height % 2 == 0,
          "--size is '", text, "', expected WIDTHxHEIGHT, e.g. 640x480: even numbers from 16 to 4096");
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

double shown_seconds(const EnvSpec& spec) { return spec.dt > 0 && spec.dt <= 0.15 ? spec.dt : 1.0 / 15; }

std::string breakdown(const std::string& fault) {
  return fault.empty() ? "" : "; the simulation broke down: " + fault;
}

#if MBRL_HAS_MUJOCO

namespace {

constexpr int kMoments = 6, kStillPart = 3, kGap = 4;  // of a still; the gap in pixels

mujoco::Renderer make_renderer(const EnvSpec& spec, const VideoOptions& options, int smaller = 1) {
  mujoco::RenderSettings settings;
  parse_size(options.size, settings.width, settings.height);
  settings.width /= smaller;
  settings.height /= smaller;
  const mujoco::Scene scene = mujoco::scene_of(spec);
  const mujoco::Camera camera = mujoco::camera_of(scene, options.camera);
  mujoco::Renderer renderer(scene, settings);
  renderer.set_camera(camera);
  return renderer;
}

}  // namespace

bool has_picture(const EnvSpec& spec) {
  try {
    mujoco::scene_of(spec);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void check_video(const EnvSpec& spec, const VideoOptions& options) {
  make_renderer(spec, options);
  mujoco::VideoWriter("check.mp4", {.width = 16, .height = 16});  // writes nothing
}

void check_video(const std::filesystem::path& path, const EnvSpec& spec, const VideoOptions& options) {
  require_extension(path, ".mp4");
  require_writable(path);
  check_video(spec, options);
}

void check_still(const EnvSpec& spec, const VideoOptions& options) {
  make_renderer(spec, options, kStillPart);
}

void write_still(const std::filesystem::path& path, const EnvSpec& spec, const Episode& episode,
                 const VideoOptions& options) {
  require(!episode.physics.empty(), path.string(), ": no step to show");
  mujoco::Renderer renderer = make_renderer(spec, options, kStillPart);
  const int width = renderer.settings().width, height = renderer.settings().height;
  mujoco::Image strip(kMoments * (width + kGap) - kGap, height), image;
  std::fill(strip.rgb.begin(), strip.rgb.end(), std::uint8_t{255});
  const std::size_t last = episode.physics.size() - 1;
  for (int i = 0; i < kMoments; ++i) {
    const std::size_t t = last * static_cast<std::size_t>(i) / (kMoments - 1);
    renderer.draw(episode.physics[t], image, {{number(static_cast<double>(t) * spec.dt) + " s", ""}});
    mujoco::paste(image, i * (width + kGap), 0, strip);
  }
  mujoco::write_png(path, strip);
}

void write_video(const std::filesystem::path& path, const EnvSpec& spec, const Episode& episode,
                 const VideoOptions& options) {
  constexpr double kMost = 50;
  const double dt = shown_seconds(spec);
  const int stride = std::max(1, static_cast<int>(std::ceil(1 / (kMost * dt) - 1e-9)));
  mujoco::Renderer renderer = make_renderer(spec, options);
  const auto& settings = renderer.settings();
  mujoco::VideoWriter writer(
      path, {.width = settings.width, .height = settings.height, .frames_per_second = 1 / (dt * stride)});
  mujoco::Image image;
  ProgressBar bar;
  bar.start("drawing", static_cast<long>(episode.physics.size()));
  require(!episode.physics.empty(), path.string(), ": no step to show");
  const std::size_t starts = episode.physics.size() - episode.rewards.size();  // 1 or 0
  double total = 0;
  for (std::size_t t = 0; t < episode.physics.size(); ++t) {
    if (t >= starts) total += episode.rewards[t - starts];
    if (t % static_cast<std::size_t>(stride) != 0 && t + 1 != episode.physics.size()) continue;
    renderer.draw(episode.physics[t], image,
                  {{"step", std::to_string(t + 1 - starts)},
                   {"reward", t >= starts ? number(episode.rewards[t - starts]) : "-"},
                   {"return", number(total)}});
    writer.add(image);
    bar.update(static_cast<long>(t + 1));
  }
  bar.finish();
  writer.finish();
}

#else

namespace {

[[noreturn]] void no_pictures() {
  fail("pictures and films need the component mujoco, without which this program was built");
}

}  // namespace

bool has_picture(const EnvSpec&) { return false; }
void check_video(const EnvSpec&, const VideoOptions&) { no_pictures(); }
void check_video(const std::filesystem::path&, const EnvSpec&, const VideoOptions&) { no_pictures(); }
void check_still(const EnvSpec&, const VideoOptions&) { no_pictures(); }
void write_still(const std::filesystem::path&, const EnvSpec&, const Episode&, const VideoOptions&) {
  no_pictures();
}
void write_video(const std::filesystem::path&, const EnvSpec&, const Episode&, const VideoOptions&) {
  no_pictures();
}

#endif

}  // namespace mbrl::cli
