// A critic at the end of the horizon: one step of planning is then as good as the closed form over all steps.
#include "mbrl/learning/critic_value.hpp"

#include <cmath>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/learning/td3.hpp"
#include "mbrl/models/per_sample_model.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/rollout/model_rollout.hpp"

namespace mbrl {
namespace {

constexpr float kRegulatorGamma = 0.8f;

// s' = 0.9 s + 0.5 a, r = -(s^2 + 0.1 a^2): the reward of a step does not depend on where its action leads.
void reward(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> /*next*/, int /*t*/,
            VecRef<float> out) {
  out = -(obs.array().square() + 0.1f * action.array().square()).matrix().transpose();
}

Td3 learned_td3(ThreadPool& pool) {
  Td3Settings settings;
  settings.policy = settings.critic = {.hidden = {32, 32}, .activation = Activation::kSilu};
  settings.policy_adam.learning_rate = settings.critic_adam.learning_rate = 2e-3;
  settings.discount = static_cast<double>(kRegulatorGamma);
  settings.tau = 0.02;
  settings.target_noise = 0.02;
  Td3 td3(1, ActionBounds::uniform(1, -3, 3), settings, 1, pool);
  for (std::uint32_t round = 0; round < 4000; ++round) td3.update(testing::linear_quadratic(round, 128));
  return td3;
}

TEST_CASE("critic value: with it a plan of one step has the gain of the Riccati equation, without it none") {
  constexpr double gamma = static_cast<double>(kRegulatorGamma);
  const testing::LinearQuadraticAnswer answer(gamma);
  ThreadPool pool(2);
  const Td3 td3 = learned_td3(pool);
  Vecf value(2);
  critic_value(td3)((Batchf(1, 2) << 1.0f, -0.5f).finished(), 0, value);
  CHECK(static_cast<double>(value(0)) == Approx(-answer.p).margin(0.12));
  CHECK(static_cast<double>(value(1)) == Approx(-0.25 * answer.p).margin(0.12));

  const auto model = per_sample_model<float>(
      1, 1, [](const auto& s, const auto& a, auto&& next) { next(0) = 0.9f * s(0) + 0.5f * a(0); });
  ModelRollout rollout(model, RewardFunction<float>(reward), {.horizon = 1, .discount = gamma}, pool);
  Cem planner(rollout, ActionBounds::uniform(1, -3, 3), {.population = 200, .elites = 20, .iterations = 8},
              1);
  for (const float s : {-1.0f, -0.5f, 0.5f, 1.0f}) {
    CAPTURE(s);
    rollout.set_terminal_value({});
    planner.reset();
    CHECK(std::abs(planner.plan(Vecf::Constant(1, s), 0).actions(0, 0)) < 0.05f);
    rollout.set_terminal_value(critic_value(td3));
    planner.reset();
    CHECK(static_cast<double>(planner.plan(Vecf::Constant(1, s), 0).actions(0, 0)) ==
          Approx(-answer.gain * static_cast<double>(s)).margin(0.15));
  }
}

}  // namespace
}  // namespace mbrl
