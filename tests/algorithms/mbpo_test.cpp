// MBPO's loop: when the model is trained, what is imagined and kept, and the authors' settings.
#include "mbrl/algorithms/imagined/mbpo.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

MbpoSettings small_mbpo() {
  MbpoSettings s;
  s.steps = 400;
  s.random_steps = 60;
  s.train_every = 50;
  s.rollouts = 30;
  s.keep_steps = 100;
  s.horizon = {.first = 1, .last = 4, .begin = 100, .end = 300};
  s.updates_per_step = 1;
  s.batch_size = 16;
  s.model = {.members = 3, .hidden = {16}};
  s.training.elites = 2;
  s.training.epochs = 5;
  s.training.batch_size = 16;
  s.sac.policy.hidden = s.sac.critic.hidden = {8};
  return s;
}

struct MbpoRun {
  explicit MbpoRun(const MbpoSettings& settings)
      : pool(1), mbpo(settings, {[] { return AnyEnvironment(Pendulum()); }, pool, 3}) {}
  ThreadPool pool;
  Mbpo mbpo;
};

// Counts the trainings, and what is imagined after each.
struct Trainings : RunObserver {
  explicit Trainings(const Mbpo& m) : mbpo(m) {}
  void on_progress(const RunProgress& progress) override {
    if (progress.phase == RunPhase::kTraining && progress.done == 1) steps.push_back(progress.steps);
    if (progress.phase == RunPhase::kActing) imagined = mbpo.imagined().size();
  }
  bool on_safe_point(bool) override {
    if (sizes.size() < steps.size()) sizes.push_back(mbpo.imagined().size());
    return true;
  }
  const Mbpo& mbpo;
  std::vector<std::int64_t> steps;
  std::vector<std::size_t> sizes;
  std::size_t imagined = 0;
};

TEST_CASE("MBPO: the model is trained after the random steps and every so many others") {
  MbpoRun run(small_mbpo());
  Trainings seen(run.mbpo);
  REQUIRE(run.mbpo.run(seen));
  CHECK(seen.steps == std::vector<std::int64_t>{60, 110, 160, 210, 260, 310, 360});
  CHECK(run.mbpo.buffer().size() == 400);
  // Horizons 1, 1, 1, 2, 3, 4, 4 of 30 trajectories: nothing terminates on the pendulum. The ring holds two
  // trainings of the longest.
  const std::vector<std::size_t> rows = {30, 60, 90, 150, 240, 240, 240};
  CHECK(seen.sizes == rows);
  CHECK(run.mbpo.metrics().rows() == 2);
  CHECK(run.mbpo.metrics().last("horizon") == 4);
  CHECK(run.mbpo.metrics().last("model_epochs") >= 1);
  CHECK(run.mbpo.metrics().last("imagined_reward") < 0);
}

TEST_CASE("MBPO: what is imagined are steps of the model from where the environment has been") {
  MbpoSettings s = small_mbpo();
  s.steps = 70;
  s.train_every = 500;
  s.horizon = {.first = 2, .last = 2, .begin = 1, .end = 2};
  MbpoRun run(s);
  struct Stop : RunObserver {
    bool on_safe_point(bool) override { return ++steps < 61; }
    int steps = 0;
  } stop;
  REQUIRE_FALSE(run.mbpo.run(stop));
  const TransitionBuffer& made = run.mbpo.imagined();
  REQUIRE(made.size() == 60);
  for (std::size_t i = 0; i < 30; ++i) {
    bool known = false;
    for (std::size_t j = 0; j < 60 && !known; ++j) known = run.mbpo.buffer().obs(j) == made.obs(i);
    CHECK(known);
    CHECK(made.obs(30 + i) == made.next_obs(i));  // the second step goes on from the first
    CHECK(made.action(i).cwiseAbs().maxCoeff() <= 2.0f);
    // The reward is the task's, of the state before the step.
    const double angle = std::atan2(static_cast<double>(made.obs(i)(1)), static_cast<double>(made.obs(i)(0)));
    const double rate = static_cast<double>(made.obs(i)(2)), torque = static_cast<double>(made.action(i)(0));
    CHECK(static_cast<double>(made.reward(i)) ==
          Approx(-(angle * angle + 0.1 * rate * rate + 0.001 * torque * torque)).margin(1e-3));
  }
}

// Everything imagined, and every number of the table.
std::vector<float> imagined_and_figures(const MbpoSettings& s, int threads, int stop_at = 0) {
  ThreadPool pool(threads);
  const AlgorithmContext context{[] { return AnyEnvironment(Pendulum()); }, pool, 3};
  struct Stop : RunObserver {
    bool on_safe_point(bool) override { return --left != 0; }
    int left = 0;
  } stop;
  stop.left = stop_at;
  auto mbpo = std::make_unique<Mbpo>(s, context);
  if (!mbpo->run(stop)) {
    StateDict state;
    mbpo->save(state, "x.");
    mbpo = std::make_unique<Mbpo>(s, context);
    mbpo->load(state, "x.");
    REQUIRE(mbpo->run(stop));
  }
  const Transitions made = mbpo->imagined().batch();
  std::vector<float> all(made.next_obs.data(), made.next_obs.data() + made.next_obs.size());
  all.insert(all.end(), made.reward.data(), made.reward.data() + made.reward.size());
  for (const char* name : {"return", "critic_loss", "value", "imagined_length", "model_loss"})
    for (const double x : mbpo->metrics().column(name))
      if (!std::isnan(x)) all.push_back(static_cast<float>(x));
  if (s.uncertainty_cut.enabled && s.uncertainty_cut.factor < 10)
    all.push_back(static_cast<float>(mbpo->metrics().last("cut_threshold")));
  return all;
}

TEST_CASE("MBPO: cut where its networks diverge, a run is as reproducible as without") {
  const std::vector<float> plain = imagined_and_figures(small_mbpo(), 1);
  MbpoSettings s = small_mbpo();
  s.uncertainty_cut.enabled = true;
  s.uncertainty_cut.factor = 1e300;  // nothing is cut
  CHECK(imagined_and_figures(s, 1) == plain);
  s.uncertainty_cut = {.enabled = true, .quantile = 0.8, .factor = 1};
  const std::vector<float> cut = imagined_and_figures(s, 1);
  CHECK(cut != plain);
  CHECK(imagined_and_figures(s, 3) == cut);
  CHECK(imagined_and_figures(s, 1, 130) == cut);

  // The first round trusts the 24 of 30 first steps that lie below its quantile.
  MbpoRun run(s);
  struct Stop : RunObserver {
    bool on_safe_point(bool) override { return ++steps < 61; }
    int steps = 0;
  } stop;
  REQUIRE_FALSE(run.mbpo.run(stop));
  CHECK(run.mbpo.imagined().size() == 24);
  s.uncertainty_cut.factor = 1e-9;
  MbpoRun nothing(s);
  RunObserver silent;
  CHECK_THROWS_WITH(nothing.mbpo.run(silent), Catch::Contains("was cut in its first step"));
}

TEST_CASE("MBPO: the authors' settings by the environment's name") {
  EnvSpec spec = Pendulum().spec();
  spec.action_low = Vecd::Constant(3, -1.0);
  spec.action_high = Vecd::Constant(3, 1.0);
  spec.name = "Hopper-v4";
  const MbpoSettings hopper = mbpo_settings(spec);
  CHECK(hopper.updates_per_step == 20);
  CHECK(hopper.horizon.at(20e3) == 1);
  CHECK(hopper.horizon.at(150e3) == 15);
  CHECK(hopper.sac.entropy_per_action == Approx(-1.0 / 3));
  CHECK(hopper.model.members == 7);
  CHECK(hopper.training.elites == 5);
  CHECK(hopper.rounds_kept() == 4);
  spec.name = "mbpo/HumanoidTruncatedObs";
  CHECK(mbpo_settings(spec).rounds_kept() == 5);
  CHECK(mbpo_settings(spec).horizon.at(300e3) == 25);
  spec.name = "InvertedPendulum-v4";
  CHECK(mbpo_settings(spec).rounds_kept() == 1);
  CHECK(mbpo_settings(spec).updates_per_step == 10);
  spec.name = "HalfCheetah-v5";
  CHECK(mbpo_settings(spec).updates_per_step == 40);
  CHECK(mbpo_settings(spec).horizon.at(1e6) == 1);
}

TEST_CASE("MBPO: mistakes are named") {
  const EnvSpec spec = Pendulum().spec();
  CHECK_NOTHROW(small_mbpo().validate(spec));
  const auto refused = [&](auto change, const std::string& word) {
    MbpoSettings s = small_mbpo();
    change(s);
    CHECK_THROWS_WITH(s.validate(spec), Catch::Contains(word));
  };
  refused([](MbpoSettings& s) { s.real_ratio = -0.1; }, "real_ratio");
  refused([](MbpoSettings& s) { s.rollouts = 0; }, "rollouts");
  refused([](MbpoSettings& s) { s.train_every = 0; }, "train_every");
  refused([](MbpoSettings& s) { s.horizon.last = 0; }, "horizon");
  refused([](MbpoSettings& s) { s.random_steps = 0; }, "random_steps");
  refused([](MbpoSettings& s) { s.training.elites = 4; }, "elites");
  refused([](MbpoSettings& s) { s.uncertainty_cut.quantile = 95; }, "uncertainty_cut.quantile");
  refused([](MbpoSettings& s) { s.uncertainty_cut.factor = 0; }, "uncertainty_cut.factor");
  refused(
      [](MbpoSettings& s) {
        s.uncertainty_cut.enabled = true;
        s.model.gaussian = false;
      },
      "model.gaussian");
  EnvSpec endless = spec;
  endless.max_steps = 0;
  CHECK_THROWS_WITH(small_mbpo().validate(endless), Catch::Contains("TimeLimit"));
}

}  // namespace
}  // namespace mbrl
