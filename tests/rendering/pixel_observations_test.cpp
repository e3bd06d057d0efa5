// Pictures as observations: what is seen, and that it is a function of the state.
#include "mbrl/mujoco/render/pixel_observations.hpp"

#include "catch.hpp"
#include "mbrl/env/vector_environment.hpp"
#include "support.hpp"

using namespace mbrl;
using mujoco::PixelObservations;

TEST_CASE("PixelObservations: the observation is the picture, the rest is the environment's") {
  AnyEnvironment plain = all_environments().make("pets/CartPole");
  PixelObservations env(all_environments().make("pets/CartPole"), {.width = 40, .height = 30});
  CHECK(env.spec().obs_dim == 3600);
  CHECK(env.spec().encoding.obs_dim() == 3600);
  CHECK(!env.spec().reward);
  CHECK(!env.spec().termination);
  plain.reset(5);
  Vecd obs = env.reset(5);
  const Vecd start = obs;
  for (int t = 0; t < 10; ++t) {
    const Vecd action = Vecd::Constant(1, t % 3 - 1.0);
    const StepResult expected = plain.step(action), result = env.step(action);
    CHECK(result.reward == expected.reward);
    CHECK(result.terminated == expected.terminated);
    obs = result.obs;
  }
  REQUIRE(obs.size() == 3600);
  CHECK(obs.minCoeff() >= 0.0);
  CHECK(obs.maxCoeff() <= 1.0);
  CHECK((obs - start).cwiseAbs().maxCoeff() > 0.1);  // the cart has moved
  mujoco::Renderer renderer(plain, mujoco::RenderSettings::fast(40, 30));
  const mujoco::Image image = renderer.picture(plain);
  CHECK(env.pixels() == image);
  CHECK(obs(3 * (7 * 40 + 11) + 1) == image.pixel(11, 7)[1] / 255.0);
}

TEST_CASE("PixelObservations: a state put back is seen as it was, and grey is the luminance") {
  AnyEnvironment env(PixelObservations(all_environments().make("Reacher-v5"), {.width = 32, .height = 32}));
  env.reset(2);
  const std::vector<double> state = env.state();
  const Vecd action = Vecd::Constant(2, 1.0);
  Vecd once, twice;
  for (int t = 0; t < 5; ++t) once = env.step(action).obs;
  env.set_state(state);
  for (int t = 0; t < 5; ++t) twice = env.step(action).obs;
  CHECK(once == twice);

  PixelObservations grey(all_environments().make("Reacher-v5"), {.width = 32, .height = 32, .grey = true});
  CHECK(grey.spec().obs_dim == 1024);
  const Vecd seen = grey.set_physics_state(env.physics_state());
  const std::uint8_t* pixel = grey.pixels().pixel(9, 20);
  CHECK(seen(20 * 32 + 9) == Approx((0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]) / 255.0));
  CHECK_THROWS_AS(PixelObservations(all_environments().make("Reacher-v5"), {.camera = "behind"}), Error);
}

TEST_CASE("PixelObservations: environments stepped on two threads see what they see on one") {
  const auto make = [] {
    return AnyEnvironment(
        PixelObservations(all_environments().make("pets/CartPole"), {.width = 24, .height = 16}));
  };
  VectorEnvironment one(make, 4, 1), two(make, 4, 2);
  CHECK(one.reset(3) == two.reset(3));
  for (int t = 0; t < 10; ++t) {
    const Batchd actions = Batchd::Constant(1, 4, t % 3 - 1.0);
    const VectorStep &a = one.step(actions), &b = two.step(actions);
    REQUIRE(a.obs == b.obs);
    REQUIRE(a.reward == b.reward);
  }
}
