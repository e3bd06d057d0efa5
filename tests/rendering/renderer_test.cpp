// Pictures show what is there: sky, floor and body; they depend on the state and the camera, and on nothing
// else.
#include "mbrl/mujoco/render/renderer.hpp"

#include <array>
#include <cmath>
#include <future>
#include <set>
#include <string>
#include <thread>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "support.hpp"

using namespace mbrl;
using mujoco::Image;

namespace {

using Rgb = std::array<double, 3>;

// Mean colour of a square of 9 x 9 pixels.
Rgb colour(const Image& image, int x, int y) {
  Rgb mean{};
  for (int dy = -4; dy <= 4; ++dy)
    for (int dx = -4; dx <= 4; ++dx)
      for (std::size_t k = 0; k < 3; ++k) mean[k] += image.pixel(x + dx, y + dy)[k] / 81.0;
  return mean;
}

double distance(const Rgb& a, const Rgb& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

}  // namespace

TEST_CASE("Renderer: sky, floor and body have colours of their own, and the body is where it should be") {
  AnyEnvironment env = all_environments().make("HalfCheetah-v5");
  env.reset(1);
  std::vector<double> physics(18, 0.0);  // the reference pose: torso level at z = 0.7 m
  env.set_physics_state(physics);
  mujoco::Renderer renderer(env, {.width = 640, .height = 480});
  // Looks along +y from 3 m before the torso's middle: 45 degrees are 480 pixels there.
  renderer.set_camera({.azimuth = 90, .elevation = 0, .distance = 3, .lookat = {0, 0, 0.7}});
  const Image image = renderer.picture(env);
  CHECK(image.width == 640);
  CHECK(image.height == 480);
  CHECK(image.rgb.size() == 640u * 480u * 3u);

  const Rgb torso = colour(image, 320, 240), sky = colour(image, 100, 20), floor = colour(image, 320, 465);
  CHECK(distance(torso, sky) > 60);
  CHECK(distance(torso, floor) > 60);
  CHECK(distance(sky, floor) > 40);
  CHECK(torso[0] > torso[2] + 40);  // orange
  // One metre is 480 / (2 * 3 tan 22.5) = 193 pixels: the torso, of radius 0.046 m, ends 9 pixels above and
  // below.
  CHECK(distance(colour(image, 320, 220), torso) > 60);
  CHECK(distance(colour(image, 320, 260), torso) > 60);
  // The torso reaches from -0.5 m to 0.5 m, the head beyond it on the right: nothing on the left at -0.7 m.
  CHECK(distance(colour(image, 320 - 85, 240), torso) < 30);
  CHECK(distance(colour(image, 320 - 135, 240), torso) > 60);
}

TEST_CASE("Renderer: the same state gives the same picture, in another renderer and among others too") {
  AnyEnvironment env = all_environments().make("Hopper-v5");
  env.reset(3);
  mujoco::Renderer first(env, {.width = 161, .height = 97}), second(env, {.width = 161, .height = 97});
  mujoco::Renderer other(all_environments().make("Ant-v5"), {.width = 64, .height = 64});
  const Image a = first.picture(env);
  const Image b = second.picture(env);
  AnyEnvironment ant = all_environments().make("Ant-v5");
  other.picture(ant);
  const std::vector<double> before = env.state();
  const Image c = first.picture(env);
  CHECK(a == b);
  CHECK(a == c);
  CHECK(env.state() == before);  // looking changes nothing

  for (int t = 0; t < 21; ++t) step_on(env, Vecd::Constant(3, 1.0));
  CHECK(difference(first.picture(env), a) > 0.5);
}

TEST_CASE("Renderer: the camera is a choice") {
  AnyEnvironment env = all_environments().make("HalfCheetah-v5");
  env.reset(1);
  mujoco::Renderer renderer(env, {.width = 160, .height = 120});
  const Image front = renderer.picture(env);
  mujoco::Camera above = renderer.scene().camera;
  above.elevation = -80;
  renderer.set_camera(above);
  const Image top = renderer.picture(env);
  CHECK(difference(front, top) > 5);
  renderer.set_camera(mujoco::camera_of(renderer.scene(), "track"));
  CHECK(difference(front, renderer.picture(env)) < 1e-12);  // the cheetah's default
  renderer.set_camera(mujoco::camera_of(mujoco::scene_of(mujoco::HalfCheetah()), "free"));
  CHECK(difference(front, renderer.picture(env)) < 6);  // near the origin nearly the same

  // Far away only the camera that goes along sees the body, light and shadow included.
  std::vector<double> physics = env.physics_state();
  physics[0] += 200.0;
  Image far;
  renderer.draw(physics, far);
  const Image empty = far;
  renderer.set_camera(mujoco::camera_of(renderer.scene(), "track"));
  renderer.draw(physics, far);
  CHECK(difference(far, empty) > 3);
  CHECK(difference(far, front) < 1.5);

  bool named = false;
  try {
    mujoco::camera_of(renderer.scene(), "behind");
  } catch (const Error& error) {
    named = std::string(error.what()).find("default, free, track") != std::string::npos;
  }
  CHECK(named);
  CHECK_THROWS_AS(renderer.set_camera({.name = "behind"}), Error);
  CHECK_THROWS_AS(renderer.set_camera({.distance = 0}), Error);
}

TEST_CASE("Renderer: text and paths are laid over, and stay where they belong") {
  AnyEnvironment env = all_environments().make("pets/CartPole");
  env.reset(1);
  mujoco::Renderer renderer(env, {.width = 320, .height = 240});
  Image plain, text, path;
  renderer.draw(env.physics_state(), plain);
  renderer.draw(env.physics_state(), text, {{"step", "12"}, {"reward", "0.5"}});
  double corner = 0, rest = 0;
  for (int y = 0; y < 240; ++y)
    for (int x = 0; x < 320; ++x)
      (x < 160 && y < 80 ? corner : rest) += std::abs(int{*text.pixel(x, y)} - int{*plain.pixel(x, y)});
  CHECK(corner > 1000);
  CHECK(rest == 0);
  renderer.draw(env.physics_state(), path, {},
                {{.points = {{-1, 0, 0.5}, {0, 0, 0.5}, {1, 0, 0.5}}, .rgba = {1, 0, 0, 1}, .radius = 0.03}});
  CHECK(difference(path, plain) > 0.01);
}

TEST_CASE("Renderer: every environment can be drawn, wrapped or not, and no two look alike by mistake") {
  for (const std::string& name : all_environments().names()) {
    INFO(name);
    REQUIRE(mujoco::has_scene(name));
    AnyEnvironment env = all_environments().make(name);
    env.reset(1);
    mujoco::Renderer renderer(env, mujoco::RenderSettings::fast(96, 72));
    Image start, later;
    renderer.draw(env.physics_state(), start);
    std::set<int> colours;
    for (std::size_t i = 0; i + 2 < start.rgb.size(); i += 3)
      colours.insert(start.rgb[i] / 16 * 256 + start.rgb[i + 1] / 16 * 16 + start.rgb[i + 2] / 16);
    CHECK(colours.size() > 8);
    const Vecd action = env.spec().action_high;
    for (int t = 0; t < 12; ++t) {
      const StepResult result = env.step(action);
      if (result.terminated) break;
    }
    renderer.draw(env.physics_state(), later);
    CHECK(difference(start, later) > 0.005);
  }
}

TEST_CASE("Renderer: what cannot be drawn is an error in words") {
  AnyEnvironment env = all_environments().make("pets/CartPole");
  CHECK_THROWS_AS(mujoco::Renderer(env, {.width = 0, .height = 10}), Error);
  CHECK_THROWS_AS(mujoco::Renderer(env, {.width = 10, .height = 100000}), Error);
  mujoco::Renderer renderer(env, {.width = 32, .height = 32});
  Image image;
  CHECK_THROWS_AS(renderer.draw({1.0}, image), Error);
  CHECK_THROWS_AS(renderer.draw({1.0, std::nan("")}, image), Error);
  EnvSpec unknown;
  unknown.name = "Mine-v0";
  CHECK_THROWS_AS(mujoco::scene_of(unknown), Error);
}

TEST_CASE("Renderer: draws the same on another thread, and on the first one again") {
  AnyEnvironment env = all_environments().make("Hopper-v5");
  env.reset(3);
  mujoco::Renderer renderer(env, {.width = 64, .height = 48});
  const Image here = renderer.picture(env);
  Image there;
  std::string trouble;
  std::promise<void> drawn, over;
  std::thread other([&] {
    try {
      there = renderer.picture(env);
    } catch (const Error& error) {
      trouble = error.what();
    }
    drawn.set_value();
    over.get_future().wait();  // lives on while the first thread draws
  });
  drawn.get_future().wait();
  Image again;
  CHECK_NOTHROW(again = renderer.picture(env));
  over.set_value();
  other.join();
  CHECK(trouble.empty());
  CHECK(there == here);
  CHECK(again == here);
}

TEST_CASE("Renderer: a model with neither floor nor sky is drawn on black, unless it is given both") {
  mujoco::Scene scene =
      scene_of(mujoco::Model::from_string("<mujoco><worldbody><body pos='0 0 0.5'><freejoint/><geom "
                                          "type='sphere' size='0.2' rgba='1 0.2 0.2 1'/></body>"
                                          "</worldbody></mujoco>"));
  scene.camera = {.azimuth = 90, .elevation = -10, .distance = 4, .lookat = {0, 0, 0.5}};
  const std::vector<double> physics = {0, 0, 0.5, 1, 0, 0, 0};
  const auto picture = [&] {
    mujoco::Renderer renderer(scene, {.width = 320, .height = 240});
    Image image;
    renderer.draw(physics, image);
    return image;
  };
  const Image bare = picture();
  const Rgb black{0, 0, 0};
  CHECK(distance(colour(bare, 20, 20), black) < 5);
  CHECK(distance(colour(bare, 20, 220), black) < 5);
  scene.floor_and_sky = 0.0;
  const Image full = picture();
  const Rgb sky = colour(full, 20, 20), floor = colour(full, 20, 220), ball = colour(full, 160, 120);
  CHECK(distance(sky, black) > 150);
  CHECK(sky[2] > sky[0] + 20);
  CHECK(distance(floor, black) > 40);
  CHECK(distance(floor, sky) > 40);
  CHECK(ball[0] > ball[2] + 60);  // lit as before, in front of both
}
