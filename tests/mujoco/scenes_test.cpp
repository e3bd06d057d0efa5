// Every environment can be drawn, and what a model foresees is drawn where the environment itself would be.
#include "mbrl/mujoco/render/scene.hpp"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "env/step_on.hpp"
#include "mujoco/render/pose_model.hpp"
#include "support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

// Where the scene's default camera sees a point of the world: x and y in half widths of a picture of 4 : 3,
// so that what is shown lies within [-1, 1].
std::array<double, 2> seen_at(const Scene& scene, const std::vector<double>& physics,
                              const std::array<double, 3>& point) {
  Simulation simulation(scene.model);
  const mjModel& model = simulation.model();
  pose_model(scene, physics, model, simulation.data());
  const Camera& camera = scene.camera;
  const double turn = camera.azimuth * M_PI / 180, tilt = camera.elevation * M_PI / 180;
  const std::array<double, 3> forward = {std::cos(tilt) * std::cos(turn), std::cos(tilt) * std::sin(turn),
                                         std::sin(tilt)};
  const std::array<double, 3> up = {-std::sin(tilt) * std::cos(turn), -std::sin(tilt) * std::sin(turn),
                                    std::cos(tilt)};
  const std::array<double, 3> right = {std::sin(turn), -std::cos(turn), 0};
  std::array<double, 3> from;
  for (std::size_t k = 0; k < 3; ++k) {
    const double focus =
        camera.lookat[k] + (camera.follow && k < 2 ? simulation.data().subtree_com[3 + k] : 0.0);
    from[k] = point[k] - (focus - camera.distance * forward[k]);
  }
  const auto along = [&](const std::array<double, 3>& axis) {
    return from[0] * axis[0] + from[1] * axis[1] + from[2] * axis[2];
  };
  const double half_height = along(forward) * std::tan(0.5 * model.vis.global.fovy * M_PI / 180);
  return {along(right) / (half_height * 4 / 3), along(up) / half_height};
}

}  // namespace

TEST_CASE("scenes: the default camera keeps the traced body in the picture, wherever it is driven") {
  for (const std::string& name : all_environments().names()) {
    AnyEnvironment env = all_environments().make(name);
    const Scene scene = scene_of(env.spec());
    Tracer tracer(scene);
    for (const bool push : {false, true}) {
      env.reset(2);
      const Vecd most = env.spec().action_high;
      for (int t = 0; t < 60; ++t) {
        const StepResult result = env.step(push ? most : random_action(env.spec(), 2, t));
        if (result.terminated || result.truncated) break;
        const std::vector<double> physics = env.physics_state();
        const auto at = seen_at(scene, physics, tracer(physics));
        INFO(name << (push ? " pushed" : " at random") << ", step " << t << ": " << at[0] << ", " << at[1]);
        REQUIRE(std::abs(at[0]) < 1);
        REQUIRE(std::abs(at[1]) < 1);
      }
    }
  }
}

TEST_CASE("scenes: every environment has one, and observations stand for the states they were seen in") {
  std::vector<std::string> unforeseen;
  for (const std::string& name : all_environments().names()) {
    CAPTURE(name);
    REQUIRE(has_scene(name));
    AnyEnvironment env = all_environments().make(name);
    const Scene scene = scene_of(env.spec());
    env.reset(1);
    Tracer tracer(scene), other(scene);
    std::vector<double> guess = env.physics_state();
    if (!scene.foresee) {
      unforeseen.push_back(name);
      continue;
    }
    for (int t = 0; t < 5; ++t) {
      const StepResult result = step_on(env, random_action(env.spec(), 1, t));
      scene.foresee(result.obs, env.spec().dt, guess);
      const auto seen = tracer(env.physics_state()), drawn = other(guess);
      for (std::size_t i = 0; i < 3; ++i) CHECK(drawn[i] == Approx(seen[i]).margin(0.05));
    }
  }
  CHECK(unforeseen == std::vector<std::string>{"DiscField", "dmc/walker-walk"});
}

TEST_CASE("scenes: the reacher's target is drawn where it stands") {
  const Scene drawn = scene_of(all_environments().spec("dmc/reacher-easy"));
  Scene scene = drawn;
  scene.traced_body = drawn.model.id(mjOBJ_BODY, "target");
  Tracer target(scene);
  CHECK(target({0.0, 0.0, 0.0, 0.0, 0.11, -0.07, 0.01}) == std::array<double, 3>{0.11, -0.07, 0.01});
  CHECK(target({0.5, 0.1, 0.0, 0.0, -0.02, 0.13, 0.01}) == std::array<double, 3>{-0.02, 0.13, 0.01});
}

TEST_CASE("scenes: too few numbers for a pose, and names without a picture, are refused in words") {
  for (const auto& [name, needed] :
       {std::pair("CartPole-v1", 4), std::pair("MountainCarContinuous-v0", 2), std::pair("DynaMaze", 2)}) {
    Tracer tracer(scene_of(all_environments().spec(name)));
    const std::vector<double> enough(static_cast<std::size_t>(needed), 0.1),
        few(enough.begin() + 1, enough.end());
    CHECK_NOTHROW(tracer(enough));
    CHECK(
        contains(error_of([&] { tracer(few); }), "numbers, expected " + std::to_string(needed) + " or more"));
  }
  EnvSpec spec;
  spec.name = "control/double_integrator";
  const std::string trouble = error_of([&] { scene_of(spec); });
  CHECK(contains(trouble, "control/double_integrator"));
  CHECK(contains(trouble, "a MuJoCo task"));
  CHECK(contains(trouble, "CartPole-v1"));
}
