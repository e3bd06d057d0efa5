#include "contact_sheet.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#if MBRL_HAS_MUJOCO
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/mujoco/render/renderer.hpp"
#include "simple_policy.hpp"
#endif

namespace mbrl::cli {

#if MBRL_HAS_MUJOCO

namespace {

constexpr int kWidth = 320, kHeight = 240, kGap = 4, kColumns = 6;  // pixels
constexpr int kSteps = 8;                                           // of random actions before the picture

struct Tile {
  std::string name, label;
};

// "Ant-v5" joins "Ant-v4" as "Ant-v4, -v5".
std::vector<Tile> tiles(const EnvRegistry& registry) {
  std::vector<Tile> all;
  for (const std::string& name : registry.names()) {
    if (!mujoco::has_scene(name)) continue;
    const std::size_t dash = name.rfind("-v");
    if (!all.empty() && dash != std::string::npos &&
        all.back().name.substr(0, all.back().name.rfind("-v")) == name.substr(0, dash))
      all.back() = {name, all.back().label + ", " + name.substr(dash)};
    else
      all.push_back({name, name});
  }
  return all;
}

}  // namespace

void write_contact_sheet(const std::filesystem::path& png, const EnvRegistry& registry) {
  const std::vector<Tile> all = tiles(registry);
  const int count = static_cast<int>(all.size()), rows = (count + kColumns - 1) / kColumns;
  require(count > 0, png.string(), ": no environment here can be drawn");
  require_extension(png, ".png");
  require_writable(png);
  mujoco::Image sheet(kColumns * (kWidth + kGap) + kGap, rows * (kHeight + kGap) + kGap);
  std::fill(sheet.rgb.begin(), sheet.rgb.end(), std::uint8_t{255});
  mujoco::Image image;
  ProgressBar bar;
  bar.start("drawing", count);
  for (int i = 0; i < count; ++i) {
    const Tile& tile = all[static_cast<std::size_t>(i)];
    AnyEnvironment env = registry.make(tile.name);
    env.reset(1);
    const SimplePolicy policy(env.spec(), "random", 1);
    for (int t = 0; t < kSteps; ++t) {
      if (env.step(policy.act(t, 0)).terminated) {
        env.reset(1);
        break;
      }
    }
    mujoco::Renderer renderer(env, {.width = kWidth, .height = kHeight});
    renderer.draw(env.physics_state(), image, {{tile.label, ""}});
    mujoco::paste(image, kGap + i % kColumns * (kWidth + kGap), kGap + i / kColumns * (kHeight + kGap),
                  sheet);
    bar.update(i + 1, tile.label);
  }
  bar.finish();
  mujoco::write_png(png, sheet);
}

#else

void write_contact_sheet(const std::filesystem::path& png, const EnvRegistry&) {
  fail(png.string(), ": pictures need the component mujoco, without which this program was built");
}

#endif

}  // namespace mbrl::cli
