// Learning does not depend on the units of a task: the same data in other units give the same model.
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/env/analytic_environment.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl {
namespace {

struct Fit {
  double error = 0, deviation = 0, reward_error = 0;  // in units of the targets' spread
};

// A mass on a spring, observed in units of `scale`, with a learned reward in units of `reward_scale`.
Fit fit(float scale, float reward_scale, bool standardise) {
  constexpr int kRows = 600;
  const RandomStream random(7, Stream::kUser);
  TransitionBatch data{Batchf(2, kRows), Batchf(1, kRows), Batchf(2, kRows), Vecf(kRows)};
  for (int i = 0; i < kRows; ++i) {
    const auto k = static_cast<std::uint32_t>(i);
    const auto draw = [&](std::uint32_t j) { return static_cast<float>(random.uniform(-1.0, 1.0, k, j)); };
    const float x = draw(0), v = draw(1), a = draw(2);
    data.obs.col(i) << scale * x, scale * v;
    data.action(0, i) = a;
    data.next_obs.col(i) << scale * (x + 0.1f * v), scale * (v + 0.1f * a - 0.05f * x);
    data.reward(i) = -reward_scale * (x - 0.3f) * (x - 0.3f);
  }
  ThreadPool pool(2);
  MlpEnsemble model = MlpEnsemble::create({.members = 1, .hidden = {32, 32}, .learned_reward = true},
                                          ObsEncoding::identity(2), 1, 1);
  EnsembleTrainingSettings settings;
  settings.epochs = 60;
  settings.standardise_targets = standardise;
  NativeTrainer trainer(settings, pool, 1);
  trainer.train(data, model, 0, {});
  Batchf mean(3, kRows), logvar(3, kRows);
  predict_member(model, 0, data.obs, data.action, mean, logvar);
  const Batchd target = regression_targets(model, data).cast<double>(), error = mean.cast<double>() - target;
  const Batchd deviation = (0.5 * logvar.cast<double>()).array().exp();
  const double spread = target.topRows(2).norm();
  const Eigen::RowVectorXd reward = target.row(2).array() - target.row(2).mean();
  return {error.topRows(2).norm() / spread, deviation.topRows(2).norm() / spread,
          error.row(2).norm() / reward.norm()};
}

TEST_CASE("units: a model fits as well in every unit") {
  const Fit one = fit(1.0f, 1.0f, true);
  CHECK(one.error < 0.15);
  CHECK(one.deviation < 0.3);
  CHECK(one.reward_error < 0.3);
  for (const float scale : {1e-4f, 1e-2f, 1e2f, 1e4f}) {
    CAPTURE(scale);  // not bit for bit: floats round differently in other units
    for (const Fit& other : {fit(scale, 1.0f, true), fit(1.0f, scale, true)}) {
      CHECK(other.error == Approx(one.error).epsilon(0.5));
      CHECK(other.deviation == Approx(one.deviation).epsilon(0.1));
      CHECK(other.reward_error == Approx(one.reward_error).epsilon(0.5));
    }
  }
  // Which is what standardising is for: fitted in their own units, small and large targets are not learned.
  CHECK(fit(1e-4f, 1.0f, false).error > 10 * one.error);
  CHECK(fit(1e4f, 1.0f, false).error > 5 * one.error);
}

// A mass, a motor and a goal 1 m away, observed in units of `unit` m.
struct Mass {
  double unit = 1;

  EnvSpec spec() const {
    EnvSpec spec;
    spec.name = "Mass";
    spec.obs_dim = 2;
    spec.action_low = Vecd::Constant(1, -1.0);
    spec.action_high = Vecd::Constant(1, 1.0);
    spec.max_steps = 60;
    spec.dt = 0.1;
    spec.encoding = ObsEncoding::identity(2);
    spec.reward = [u = static_cast<float>(unit)](ConstBatchRef<float>, ConstBatchRef<float>,
                                                 ConstBatchRef<float> next, int, VecRef<float> out) {
      out = -(next.row(0).array() / u - 1.0f).abs().transpose();
    };
    return spec;
  }
  int state_dim() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& x) const { x(0) = random.uniform(-0.2, 0.2, 0u); }
  void observe(const Vecd& x, Vecd& obs) const { obs = unit * x; }
  StepOutcome step(Vecd& x, ConstVecRef<double> action) const {
    x(1) = 0.95 * x(1) + 0.1 * action(0);
    x(0) += 0.1 * x(1);
    return {.reward = -std::abs(x(0) - 1)};
  }
};

double best_of_three_trials(double unit) {
  ThreadPool pool(2);
  AnalyticEnvironment<Mass> env(Mass{unit});
  const EnvSpec& spec = env.spec();
  MlpEnsemble model = MlpEnsemble::create({.members = 3, .hidden = {32, 32}}, spec.encoding, 1, 1);
  NativeTrainer trainer({.epochs = 30}, pool, 1);
  EnsembleRollout rollouts(model, spec.reward, {}, {.horizon = 15, .particles = 3}, pool, 1);
  Mpc controller(ICem(rollouts, {spec.action_low, spec.action_high},
                      {.population = 48, .elites = 8, .iterations = 3}, 1));
  Pets pets(env, model, trainer, rollouts, controller, pool, {.trials = 3}, 1);
  REQUIRE(pets.run());
  return pets.trials().back().best_return;
}

TEST_CASE("units: PETS learns the same task in metres, centimetres and kilometres") {
  // Full throttle to the goal, then rest: about -15. Standing still: -60.
  for (const double unit : {1.0, 100.0, 1e-3}) {
    CAPTURE(unit);
    CHECK(best_of_three_trials(unit) > -20.0);
  }
}

}  // namespace
}  // namespace mbrl
