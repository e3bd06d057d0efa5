// After fork() a child says that it cannot use its parent's OpenGL or encoder instead of waiting for ever.
#include <memory>

#include "catch.hpp"
#include "core/child_process.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "mbrl/mujoco/render/renderer.hpp"
#include "mbrl/mujoco/render/video.hpp"

using namespace mbrl;

TEST_CASE("a child refuses to draw after its parent has drawn", "[fork]") {
  EnvRegistry registry;
  mujoco::register_environments(registry);
  AnyEnvironment env = registry.make("Hopper-v5");
  env.reset(1);
  auto renderer = std::make_unique<mujoco::Renderer>(env, mujoco::RenderSettings::fast(64, 48));
  const mujoco::Image before = renderer->picture(env);
  const std::string remedy = "start the child before the first picture";
  CHECK(in_child([&] {
          if (!contains(error_of([&] { renderer->picture(env); }), remedy)) return 1;
          if (!contains(error_of([&] { mujoco::Renderer another(env); }), remedy)) return 2;
          renderer.reset();
          return 0;
        }) == 0);
  CHECK(renderer->picture(env).rgb == before.rgb);  // the parent goes on
}

TEST_CASE("a child refuses to go on with its parent's film", "[fork]") {
  const TemporaryFolder folder;
  auto film = std::make_unique<mujoco::VideoWriter>(folder / "a.mp4",
                                                    mujoco::VideoSettings{.width = 64, .height = 48});
  mujoco::Image image(64, 48);
  for (int i = 0; i < 3; ++i) film->add(image);
  CHECK(in_child([&] {
          const std::string remedy = "begin films in the child";
          if (!contains(error_of([&] { film->add(image); }), remedy)) return 1;
          if (!contains(error_of([&] { film->finish(); }), remedy)) return 2;
          film.reset();
          return 0;
        }) == 0);
  film->finish();
  CHECK(mujoco::read_video(folder / "a.mp4").frames == 3);
}
