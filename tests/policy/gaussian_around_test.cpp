// A Gaussian around a deterministic policy, against the closed form of its density.
#include "mbrl/policy/gaussian_around.hpp"

#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/learning/unnormalised.hpp"

using namespace mbrl;

TEST_CASE("gaussian around: its mode is the policy's action, its deviation the one asked for") {
  const ActionBounds bounds = ActionBounds::uniform(2, -3, 1);
  const MlpPolicy policy(3, bounds, {.network = {{16, 8}, Activation::kTanh}, .output = PolicyOutput::kTanh},
                         7);
  const Batchf obs = Batchf::Random(3, 5);
  Batchf memory(0, 5), expected(2, 5), action(2, 5);
  MlpPolicy::Workspace w;
  policy.mode(obs, memory, expected, w);
  for (const double std : {0.05, 0.5, 2.0}) {
    const MlpPolicy around = gaussian_around(policy, bounds, std);
    MlpPolicy::Workspace own;
    around.mode(obs, memory, action, own);
    CHECK(action == expected);
    // At the mode: 1 / (sqrt(2 pi) std) a dimension, over the slope of tanh and the half range, 2.
    Vecf log_prob(5);
    around.log_probability(obs, memory, action, log_prob, own);
    for (Index j = 0; j < 5; ++j) {
      double density = 0;
      for (Index i = 0; i < 2; ++i) {
        const double tanh = (static_cast<double>(action(i, j)) + 1) / 2;
        density -=
            std::log(std::sqrt(2 * std::numbers::pi) * std) + std::log(1 - tanh * tanh) + std::log(2.0);
      }
      CHECK(static_cast<double>(log_prob(j)) == Approx(density).epsilon(1e-4));
    }
    CHECK(contains(error_of([&] { gaussian_around(around, bounds, std); }), "expected tanh"));
  }
  CHECK(
      contains(error_of([&] { gaussian_around(policy, bounds, 1e-3); }), "std is 0.001, expected more than"));
}

TEST_CASE("unnormalised: a policy that is told to take normalised observations does the same") {
  const ActionBounds bounds = ActionBounds::uniform(1, -1, 1);
  const MlpPolicy raw(2, bounds, {.network = {{8}, Activation::kTanh}, .output = PolicyOutput::kTanh}, 3);
  const Vecf mean{{2.0f, -1.0f}}, scale{{4.0f, 0.25f}};
  MlpPolicy normal = raw;
  take_normalised_inputs(normal.network(), mean, scale);
  const Batchf obs = Batchf::Random(2, 6);
  const Batchf as_seen = (obs.colwise() - mean).array().colwise() / scale.array();
  Batchf memory(0, 6), a(1, 6), b(1, 6);
  MlpPolicy::Workspace w;
  raw.mode(obs, memory, a, w);
  normal.mode(as_seen, memory, b, w);
  CHECK((a - b).cwiseAbs().maxCoeff() < 1e-5f);
  take_raw_inputs(normal.network(), mean, scale);
  normal.mode(obs, memory, b, w);
  CHECK((a - b).cwiseAbs().maxCoeff() < 1e-5f);
}
