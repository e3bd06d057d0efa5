// What a linear-Gaussian controller draws, and that checkpoints act the same.
#include "mbrl/policy/linear_gaussian_controller.hpp"

#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/policy/actor.hpp"

namespace mbrl {
namespace {

static_assert(Actor<LinearGaussianController> && Checkpointable<LinearGaussianController>);

LinearGaussianController example() {
  const ConditionalGaussian first{Batchd{{1.0, 0.0, 2.0}, {0.0, -1.0, 0.5}}, Vecd{{0.1, 0.2}},
                                  Batchd{{0.5, 0.3}, {0.3, 0.4}}};
  ConditionalGaussian second = first;
  second.gain *= 2.0;
  return LinearGaussianController({first, second});
}

TEST_CASE("linear-Gaussian controller: actions have the mean and covariance of their step") {
  LinearGaussianController controller = example();
  const Vecd x{{0.3, -0.2, 0.1}};
  constexpr int kDraws = 20000;
  Batchd drawn(2, kDraws);
  for (int i = 0; i < kDraws; ++i) {
    controller.begin(static_cast<std::uint64_t>(i));
    drawn.col(i) = controller.act(x, 1);
  }
  const GaussianMoments p = moments_of(drawn);
  CHECK((p.mean - controller.at(1).mean(x)).cwiseAbs().maxCoeff() < 0.02);
  CHECK((p.covariance - controller.at(1).covariance).cwiseAbs().maxCoeff() < 0.02);
  controller.set_mode(ActMode::kMode);
  CHECK(controller.act(x, 0) == controller.at(0).mean(x));
  CHECK(controller.act(x, 7) == controller.at(1).mean(x));  // beyond the horizon
}

TEST_CASE("linear-Gaussian controller: a checkpoint acts the same, and mistakes are named") {
  LinearGaussianController controller = example(), loaded;
  StateDict dict;
  controller.save(dict, "c.");
  loaded.load(dict, "c.");
  const Vecd x{{0.3, -0.2, 0.1}};
  controller.begin(5);
  loaded.begin(5);
  for (int t = 0; t < 3; ++t) CHECK(controller.act(x, t) == loaded.act(x, t));

  CHECK_THROWS_WITH(LinearGaussianController(std::vector<ConditionalGaussian>()),
                    Catch::Contains("no steps"));
  CHECK_THROWS_AS(controller.act(Vecd::Zero(2), 0), Error);
  std::vector<ConditionalGaussian> steps = controller.steps();
  steps[1].offset(0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(LinearGaussianController(steps), Catch::Contains("not finite"));
  steps[1] = {Batchd::Zero(2, 2), Vecd::Zero(2), Batchd::Identity(2, 2)};
  CHECK_THROWS_AS(LinearGaussianController(steps), Error);
}

}  // namespace
}  // namespace mbrl
