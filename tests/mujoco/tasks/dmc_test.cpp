// The dm_control tasks beyond their recorded trajectories: starts, planners' rewards, derived quantities.
#include "mbrl/mujoco/tasks/dmc.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

constexpr double kPi = std::numbers::pi, kDegree = kPi / 180.0;

// Kolmogorov and Smirnov's distance of two samples over its scale: above 1.95 in one of a thousand cases if
// they are of one distribution.
double two_samples(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto below = std::lower_bound(b.begin(), b.end(), a[i]) - b.begin();
    worst = std::max(worst, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                     static_cast<double>(below) / static_cast<double>(b.size())));
  }
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  return worst * std::sqrt(n * m / (n + m));
}

// Starts without contacts by the plainest means: draw, look, draw again. One row an entry.
Batchd free_starts(const Model& model, int count, const std::vector<std::pair<double, double>>& ranges) {
  Simulation simulation(model);
  const RandomStream random(99, Stream::kUser);
  Batchd starts(static_cast<Index>(ranges.size()), count);
  std::uint32_t draw = 0;
  for (int n = 0; n < count;) {
    Vecd qpos = Eigen::Map<const Vecd>(model->qpos0, simulation.nq());
    const Index first = qpos.size() - starts.rows();
    for (Index i = 0; i < starts.rows(); ++i) {
      const auto [low, high] = ranges[static_cast<std::size_t>(i)];
      qpos(first + i) = random.uniform(low, high, draw, static_cast<std::uint32_t>(i));
    }
    ++draw;
    simulation.start(qpos, Vecd::Zero(simulation.nv()));
    if (simulation.data().ncon == 0) starts.col(n++) = qpos.tail(starts.rows());
  }
  CHECK(draw > static_cast<std::uint32_t>(count));  // some were refused
  return starts;
}

// The planners' reward of one transition.
double planned(const EnvSpec& spec, const Vecd& obs, const Vecd& action, const Vecd& next) {
  Vecf out(1);
  spec.reward(obs.cast<float>().eval(), action.cast<float>().eval(), next.cast<float>().eval(), 0, out);
  return static_cast<double>(out(0));
}

}  // namespace

TEST_CASE("dmc: the finger and the ball start anywhere but in contact") {
  const auto compare = [](auto env, const Batchd& oracle, std::size_t first) {
    std::vector<std::vector<double>> seen(static_cast<std::size_t>(oracle.rows()));
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
      env.reset(seed);
      CHECK(env.simulation().data().ncon == 0);
      const std::vector<double> state = env.physics_state();
      for (std::size_t i = 0; i < seen.size(); ++i) seen[i].push_back(state[first + i]);
      for (std::size_t i = seen.size() + first; i < state.size(); ++i) CHECK(state[i] == 0.0);
    }
    for (Index i = 0; i < oracle.rows(); ++i) {
      const Vecd row = oracle.row(i);
      CHECK(two_samples(seen[static_cast<std::size_t>(i)], {row.begin(), row.end()}) < 1.95);
    }
  };
  const std::pair range{-110 * kDegree, 110 * kDegree};
  compare(TaskEnvironment<DmcFingerTask>(),
          free_starts(DmcFingerTask().model(), 600, {range, range, {-kPi, kPi}}), 0);
  compare(TaskEnvironment<DmcBallInCupTask>(),
          free_starts(DmcBallInCupTask().model(), 600, {{-0.2, 0.2}, {0.2, 0.5}}), 2);
}

TEST_CASE("dmc: the cheetah starts 200 time steps after its joints were drawn, at time 0") {
  const DmcCheetahTask task;
  TaskEnvironment<DmcCheetahTask> env;
  const Model model = task.model();
  Simulation simulation(model);
  std::vector<std::vector<double>> drawn(6);
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Vecd qpos = Vecd::Zero(9), qvel = Vecd::Zero(9);
    task.draw_start(RandomStream(seed, Stream::kReset), qpos, qvel);
    CHECK((qpos.head<3>().isZero(0.0) && qvel.isZero(0.0)));
    for (int i = 0; i < 6; ++i) drawn[static_cast<std::size_t>(i)].push_back(qpos(3 + i));
    if (seed % 100 != 0) continue;
    env.reset(seed);
    simulation.start(qpos, qvel);
    for (int t = 0; t < 200; ++t) mj_step(model.get(), &simulation.data());
    const std::vector<double> state = env.physics_state();
    for (std::size_t i = 0; i < 9; ++i) {
      CHECK(state[i] == Approx(simulation.data().qpos[i]).margin(1e-9));
      CHECK(state[9 + i] == Approx(simulation.data().qvel[i]).margin(1e-7));
    }
    CHECK(env.simulation().data().time == 0.0);
    CHECK(std::abs(state[2]) < 3.0);
  }
  for (int i = 0; i < 6; ++i) {
    const double low = model->jnt_range[2 * (3 + i)], high = model->jnt_range[2 * (3 + i) + 1];
    std::vector<double> even;
    for (int k = 0; k < 4000; ++k) even.push_back(low + (high - low) * (k + 0.5) / 4000);
    CHECK(two_samples(drawn[static_cast<std::size_t>(i)], even) < 1.95);
  }
}

TEST_CASE("dmc: the reacher's target is drawn in the ring about the arm and stays there") {
  TaskEnvironment<DmcReacherTask> env;
  std::vector<double> radii, angles, even_radii, even_angles;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    env.reset(seed);
    const std::vector<double> state = env.physics_state();
    REQUIRE(state.size() == 7);
    radii.push_back(std::hypot(state[4], state[5]));
    angles.push_back(std::atan2(state[4], state[5]));
    CHECK(state[6] == 0.01);
    even_radii.push_back(0.05 + 0.15 * (static_cast<double>(seed) + 0.5) / 600);
    even_angles.push_back(-kPi + 2 * kPi * (static_cast<double>(seed) + 0.5) / 600);
  }
  CHECK(two_samples(radii, even_radii) < 1.95);
  CHECK(two_samples(angles, even_angles) < 1.95);
  CHECK(env.physics_names().back() == "mocap2");
  const std::vector<double> before = env.physics_state();
  const StepResult result = env.step(Vecd::Constant(2, 1.0));
  const std::vector<double> after = env.physics_state();
  CHECK(std::equal(before.begin() + 4, before.end(), after.begin() + 4));
  // The finger by the arm's geometry: two links of 0.12 m.
  const double x = 0.12 * (std::cos(after[0]) + std::cos(after[0] + after[1]));
  const double y = 0.12 * (std::sin(after[0]) + std::sin(after[0] + after[1]));
  CHECK(result.obs(2) == Approx(after[4] - x).margin(1e-14));
  CHECK(result.obs(3) == Approx(after[5] - y).margin(1e-14));
}

TEST_CASE("dmc: planners' rewards are the environment's") {
  const double gap = 1e-6;  // from a sparse reward's threshold, which float may round across
  struct Case {
    const char* name;
    std::vector<double> start;  // where something is to be had; empty: drawn
  };
  for (const Case& c : {Case{"dmc/cartpole-swingup", {}}, Case{"dmc/cartpole-swingup", {0.3, 0.1, 0.0, 0.5}},
                        Case{"dmc/reacher-easy", {0.4, 0.7, 0.0, 0.0, 0.18, 0.17, 0.01}},
                        Case{"dmc/finger-spin", {-1.5, 0.3, 1.0, 0.0, 0.0, -25.0}},
                        Case{"dmc/ball_in_cup-catch", {0.0, 0.0, 0.005, 0.5, 0.0, 0.0, 0.0, 0.0}}}) {
    CAPTURE(c.name);
    AnyEnvironment env = all_environments().make(c.name);
    Vecd obs = c.start.empty() ? env.reset(1) : env.set_physics_state(c.start);
    int won = 0, lost = 0;
    for (int t = 0; t < 200; ++t) {
      const Vecd action = 1.2 * random_action(env.spec(), 1, t / 10);
      const StepResult result = env.step(action);
      const Vecd& s = result.obs;
      const bool near = std::string(c.name) == "dmc/reacher-easy"
                            ? std::abs(s.segment(2, 2).norm() - 0.06) < gap
                        : std::string(c.name) == "dmc/finger-spin" ? std::abs(s(6) + 15.0) < gap
                                                                   : false;
      if (!near)
        CHECK(planned(env.spec(), obs, action, s) == Approx(result.reward).epsilon(1e-5).margin(1e-6));
      CHECK((result.reward >= 0.0 && result.reward <= 1.0));
      CHECK_FALSE(result.terminated);
      won += result.reward > 0.5;
      lost += result.reward <= 0.5;
      obs = s;
    }
    if (!c.start.empty()) CHECK(won > 0);
    CHECK(lost > 0);
  }
  for (const char* name : {"dmc/cheetah-run", "dmc/walker-walk"})
    CHECK_FALSE(all_environments().spec(name).reward);
}

TEST_CASE("dmc: what is observed belongs to the new state, also after a state was put back") {
  TaskEnvironment<DmcWalkerTask> env, other;
  env.reset(3);
  Simulation fresh(DmcWalkerTask().model());
  for (int t = 0; t < 20; ++t) {
    const StepResult result = env.step(random_action(env.spec(), 3, t));
    const std::vector<double> state = env.physics_state();
    fresh.start(Eigen::Map<const Vecd>(state.data(), 9), Eigen::Map<const Vecd>(state.data() + 9, 9));
    for (int body = 1; body <= 7; ++body) {
      CHECK(result.obs(2 * body - 2) == Approx(fresh.data().xmat[9 * body]).margin(1e-15));
      CHECK(result.obs(2 * body - 1) == Approx(fresh.data().xmat[9 * body + 2]).margin(1e-15));
    }
    CHECK(result.obs(14) == Approx(1.3 + state[0]).margin(1e-14));
    other.set_state(env.state());
    const mjData &a = env.simulation().data(), &b = other.simulation().data();
    CHECK(std::equal(a.xpos, a.xpos + 24, b.xpos));
    CHECK(a.sensordata[0] == b.sensordata[0]);
  }
}

TEST_CASE("dmc: published results repeat actions, and so does the wrapper") {
  AnyEnvironment plain = all_environments().make("dmc/cheetah-run");
  AnyEnvironment env(ActionRepeat(all_environments().make("dmc/cheetah-run"), 4));
  CHECK(env.spec().max_steps == 250);
  CHECK(env.spec().dt == Approx(0.04));
  CHECK(env.reset(1) == plain.reset(1));
  const Vecd action = random_action(env.spec(), 1, 0);
  const StepResult repeated = env.step(action);
  double sum = 0.0;
  StepResult last;
  for (int i = 0; i < 4; ++i) sum += (last = plain.step(action)).reward;
  CHECK(repeated.reward == sum);
  CHECK(repeated.obs == last.obs);
}
