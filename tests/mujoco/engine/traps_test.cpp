// What is easily got wrong when these tasks are written anew, one test each.
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/mujoco/tasks/humanoid.hpp"
#include "mbrl/mujoco/tasks/inverted_double_pendulum.hpp"
#include "mbrl/mujoco/tasks/pets_reacher3d.hpp"
#include "mbrl/mujoco/tasks/pusher.hpp"
#include "mbrl/mujoco/tasks/reacher.hpp"
#include "mbrl/mujoco/tasks/swimmer.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

// The step from the same start in both environments.
template <class A, class B>
std::pair<StepResult, StepResult> both(A& a, B& b, const std::vector<double>& start, const Vecd& action) {
  a.set_physics_state(start);
  b.set_physics_state(start);
  return {a.step(action), b.step(action)};
}

}  // namespace

TEST_CASE("traps: control costs are those of the action as given, though the engine clamps it") {
  for (const auto& [name, weight] :
       {std::pair{"Hopper-v5", 1e-3}, std::pair{"Ant-v5", 0.5}, std::pair{"Humanoid-v5", 0.1},
        std::pair{"Swimmer-v5", 1e-4}, std::pair{"Reacher-v5", 1.0}, std::pair{"Pusher-v5", 0.1},
        std::pair{"pets/Reacher3D", 0.01}}) {
    CAPTURE(name);
    AnyEnvironment given = all_environments().make(name), clamped = all_environments().make(name);
    const Vecd high = given.spec().action_high;
    given.reset(1);
    clamped.reset(1);
    const StepResult a = given.step(3.0 * high), b = clamped.step(high);
    CHECK(a.obs == b.obs);
    CHECK(b.reward - a.reward == Approx(weight * 8.0 * high.squaredNorm()).epsilon(1e-9));
  }
}

TEST_CASE("traps: what is read from the engine's derived quantities lags behind the state") {
  Ant env;
  env.reset(1);
  for (int t = 0; t < 20; ++t) step_on(env, random_action(env.spec(), 1, t));
  const double body = env.simulation().data().xpos[3], position = env.simulation().data().qpos[0];
  const Vecd action = random_action(env.spec(), 1, 20);
  const StepResult result = env.step(action);
  const mjData& data = env.simulation().data();
  double contact = 0.0;
  for (int i = 6; i < 14 * 6; ++i) contact += std::pow(std::clamp(data.cfrc_ext[i], -1.0, 1.0), 2);
  const double others = 1.0 - 0.5 * action.squaredNorm() - 5e-4 * contact;
  CHECK(result.reward - others == Approx((data.xpos[3] - body) / 0.05).epsilon(1e-9));
  CHECK(std::abs(result.reward - others - (data.qpos[0] - position) / 0.05) > 1e-6);

  Reacher reacher;  // and the observed fingertip is not where the observed angles put it
  reacher.reset(1);
  Vecd obs;
  for (int t = 0; t < 5; ++t) obs = reacher.step(Vecd::Constant(2, 1.0)).obs;
  const double q0 = reacher.simulation().data().qpos[0], q1 = reacher.simulation().data().qpos[1];
  const double x = 0.1 * std::cos(q0) + 0.11 * std::cos(q0 + q1) - obs(4);
  CHECK(obs(8) == Approx(x).margin(0.01));
  CHECK(std::abs(obs(8) - x) > 1e-9);
}

TEST_CASE("traps: the ant's first action is its fourth hip") {
  Ant env;
  const mjModel& model = env.simulation().model();
  const std::vector<std::string> order = {"hip_4", "ankle_4", "hip_1", "ankle_1",
                                          "hip_2", "ankle_2", "hip_3", "ankle_3"};
  for (std::size_t i = 0; i < order.size(); ++i)
    CHECK(mj_id2name(&model, mjOBJ_JOINT, model.actuator_trnid[2 * i]) == order[i]);
  env.reset(1);
  env.step(Vecd::Unit(8, 0));
  const mjData& data = env.simulation().data();
  for (int dof = 0; dof < 14; ++dof) CHECK(data.qfrc_actuator[dof] == (dof == 12 ? 150.0 : 0.0));
}

TEST_CASE("traps: Reacher-v4 and Pusher-v4 are rewarded for the distances before the step") {
  for (const char* task : {"Reacher", "Pusher"}) {
    CAPTURE(task);
    AnyEnvironment v4 = all_environments().make(std::string(task) + "-v4"),
                   v5 = all_environments().make(std::string(task) + "-v5");
    const Vecd still = Vecd::Zero(v4.spec().action_dim());
    v4.reset(3);
    const Vecd obs = v4.reset(3);
    const double before = std::string(task) == "Reacher"
                              ? obs.segment(8, 2).norm()
                              : (obs.segment(17, 3) - obs.segment(20, 3)).norm() +
                                    0.5 * (obs.segment(17, 3) - obs.segment(14, 3)).norm();
    v5.reset(3);
    CHECK(v4.step(still).reward == Approx(-before).epsilon(1e-13));
    CHECK(v5.step(still).reward != Approx(-before).epsilon(1e-9));
  }
}

TEST_CASE("traps: the pusher's object slides along y first, then x") {
  Pusher env;
  std::vector<double> state(22, 0.0);
  state[7] = -0.2;
  state[8] = 0.1;
  const Vecd obs = env.set_physics_state(state);
  CHECK(obs(17) == Approx(0.45 + 0.1).epsilon(1e-14));
  CHECK(obs(18) == Approx(-0.05 - 0.2).epsilon(1e-14));
  CHECK(obs(19) == Approx(-0.275).epsilon(1e-14));
  CHECK(obs(19) - obs(22) == Approx(0.048).epsilon(1e-12));  // the goal lies lower: part of the distance
}

TEST_CASE("traps: v4 gives the alive bonus in the step that ends the episode, v5 does not") {
  const auto difference = [](const char* task, std::size_t index, double value) {
    AnyEnvironment v4 = all_environments().make(std::string(task) + "-v4"),
                   v5 = all_environments().make(std::string(task) + "-v5");
    v4.reset(1);
    auto start = v4.physics_state();
    start[index] = value;
    const Vecd still = Vecd::Zero(v4.spec().action_dim());
    const auto [a, b] = both(v4, v5, start, still);
    CHECK(a.terminated);
    CHECK(b.terminated);
    return a.reward - b.reward;
  };
  CHECK(difference("Hopper", 2, 0.5) == Approx(1.0).epsilon(1e-12));
  CHECK(difference("InvertedPendulum", 1, 0.5) == 1.0);
  CHECK(difference("InvertedDoublePendulum", 1, 1.5) == Approx(10.0).epsilon(1e-12));
  CHECK(difference("Humanoid", 2, 3.0) == Approx(5.0).epsilon(1e-9));  // in the air: no contact cost
  CHECK(difference("Ant", 2, 3.0) == Approx(1.0).epsilon(1e-9));
}

TEST_CASE("traps: velocities are clipped in the observation but not in the test of health") {
  Hopper env;
  env.reset(1);
  auto start = env.physics_state();
  start[6] = 150.0;  // m/s
  env.set_physics_state(start);
  const StepResult result = env.step(Vecd::Zero(3));
  CHECK(result.obs(5) == 10.0);
  CHECK(result.terminated);  // although the observation is that of a healthy state
  Vecf done(1);
  HopperTermination<float>()(result.obs.cast<float>(), done);
  CHECK(done(0) == 0.0f);

  InvertedDoublePendulum poles;
  poles.set_physics_state({0.0, 0.0, 0.0, 0.0, 20.0, 0.0});
  const StepResult fast = poles.step(Vecd::Zero(1));
  const double w1 = poles.physics_state()[4], w2 = poles.physics_state()[5];
  REQUIRE(std::abs(w1) > 10.0);
  CHECK(std::abs(fast.obs(6)) == 10.0);
  CHECK(fast.reward < -1e-3 * w1 * w1 - 5e-3 * w2 * w2);  // the penalty is of the whole
}

TEST_CASE("traps: PETS's cheetah starts from a hundredth of Gymnasium's noise") {
  const auto spread = [](const char* name) {
    AnyEnvironment env = all_environments().make(name);
    double squares = 0.0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      env.reset(seed);
      for (const double x : env.physics_state()) squares += x * x;
    }
    return std::sqrt(squares / (200.0 * 18.0));
  };
  CHECK(spread("pets/HalfCheetah") == Approx(0.001).epsilon(0.05));
  CHECK(spread("HalfCheetah-v5") == Approx(std::sqrt((0.01 / 3.0 + 0.01) / 2.0)).epsilon(0.05));
}

TEST_CASE("traps: PETS's reacher is an arm of seven joints and a target, not mbrl-lib's pusher") {
  PetsReacher3D env;
  CHECK(env.simulation().nq() == 10);
  CHECK(env.simulation().nu() == 7);
  CHECK(env.spec().obs_dim == 17);
  env.reset(1);
  const std::vector<double> state = env.physics_state();
  const Vecd goal = env.observation().segment(7, 3);
  for (Index i = 0; i < 3; ++i) CHECK(goal(i) == state[static_cast<std::size_t>(7 + i)]);
  const Vecd action = Vecd::Constant(7, 1.0);
  const StepResult result = env.step(action);
  CHECK(result.obs.segment(7, 3) == goal);
  const Vecd arm = result.obs.head(7);
  CHECK(result.reward ==
        Approx(-(reacher3d_end<double>(arm) - Eigen::Vector3d(goal)).squaredNorm() - 0.01 * 7.0)
            .epsilon(1e-12));
}

TEST_CASE("traps: the mountain car's state is in single precision") {
  AnyEnvironment car = all_environments().make("MountainCarContinuous-v0");
  car.reset(1);
  for (int t = 0; t < 50; ++t) {
    car.step(Vecd::Constant(1, 0.7));
    for (const double x : car.physics_state()) CHECK(x == static_cast<double>(static_cast<float>(x)));
  }
}

TEST_CASE("traps: the tips of PETS's pusher are a place, or the centre of mass that its gym observed") {
  PetsPusher env;
  const Vecd obs = env.set_physics_state(std::vector<double>(22, 0.0));
  CHECK(obs(14) == Approx(0.821).epsilon(1e-12));
  CHECK(obs(15) == Approx(-0.6).epsilon(1e-12));

  PetsPusher published{PetsPusherTask(PetsPusherTask::Tips::kBetweenFingers)};
  const Vecd beyond = published.set_physics_state(std::vector<double>(22, 0.0));
  CHECK(beyond(14) == Approx(0.921).epsilon(1e-12));
  CHECK(beyond(15) == Approx(-0.6).epsilon(1e-12));
}

TEST_CASE("traps: both pushers differ by what they call the tips alone, and by what that costs") {
  AnyEnvironment wrist = all_environments().make("pets/Pusher");
  AnyEnvironment fingers = all_environments().make("pets/PusherFingertips");
  const RandomStream random(3, Stream::kUser);
  Vecd here = wrist.reset(5), there = fingers.reset(5);
  for (int t = 0; t < 60; ++t) {
    const Vecd tips = here.segment<3>(14), centre = there.segment<3>(14), object = here.segment<3>(17);
    CHECK((tips - centre).norm() == Approx(0.1).epsilon(1e-9));  // the fingers are so long
    CHECK(here.head(14) == there.head(14));
    CHECK(here.tail(3) == there.tail(3));
    const Vecd action = wrist.spec().random_action([&](double low, double high, std::uint32_t i) {
      return random.uniform(low, high, i, static_cast<std::uint32_t>(t));
    });
    const StepResult a = wrist.step(action), b = fingers.step(action);
    CHECK(b.reward - a.reward ==
          Approx(0.5 * ((object - tips).lpNorm<1>() - (object - centre).lpNorm<1>())).margin(1e-12));
    here = a.obs;
    there = b.obs;
  }
}

TEST_CASE("traps: PETS's formula for the reacher's end holds for a bent elbow alone") {
  PetsReacher3D env;
  const auto gap = [&](double elbow) {
    std::vector<double> state(20, 0.0);
    const double angles[] = {0.3, 0.2, -0.7, elbow, 0.9, -0.6, 0.4};
    std::copy_n(angles, 7, state.begin());
    env.set_physics_state(state);
    const mjModel& model = env.simulation().model();
    const mjData& data = env.simulation().data();
    const double* left = data.xpos + 3 * mj_name2id(&model, mjOBJ_BODY, "left_tip");
    const double* right = data.xpos + 3 * mj_name2id(&model, mjOBJ_BODY, "right_tip");
    Eigen::Vector3d middle;
    for (int i = 0; i < 3; ++i) middle(i) = 0.5 * (left[i] + right[i]);
    return (reacher3d_end<double>(Eigen::Map<const Vecd>(angles, 7)) - middle).norm();
  };
  for (const double elbow : {-0.05, -0.5, -1.2, -2.2}) CHECK(gap(elbow) < 1e-14);
  CHECK(gap(0.2) > 0.01);
  const Vecd stretched = Vecd::Zero(7);  // singular, but no NaN
  const Eigen::Vector3d end = reacher3d_end<double>(stretched);
  CHECK((end - Eigen::Vector3d(0.1 + 0.4 + 0.321 + 0.16828, -0.188, 0.0)).norm() < 1e-12);
}

TEST_CASE("traps: standing up is rewarded by height over the time step") {
  HumanoidStandup env;
  env.reset(1);
  const StepResult result = env.step(Vecd::Zero(17));
  const double height = env.physics_state()[2];
  CHECK(result.reward == Approx(height / 0.003 + 1.0).margin(10.0));  // but for the contact cost
  CHECK(result.reward > height / 0.015 + 12.0);
}

TEST_CASE("traps: the double pendulum's gravity leans") {
  const InvertedDoublePendulum env;
  CHECK(env.simulation().model().opt.gravity[0] == 1e-5);
  CHECK(env.simulation().model().opt.gravity[2] == -9.81);
}

TEST_CASE("traps: contact wrenches are filled in, after steps but not at the start") {
  Ant env;
  using Version = AntTask::Version;
  const auto make = [](Version version) { return TaskEnvironment<AntTask>(AntTask(version)); };
  auto plain = make(Version::kV4), mbpo = make(Version::kTruncated), forces = make(Version::kV4Contact);
  CHECK(env.reset(2).tail(78).isZero(0.0));
  double most = 0.0;
  plain.reset(2);
  mbpo.reset(2);
  CHECK(forces.reset(2).tail(84).isZero(0.0));
  for (int t = 0; t < 60; ++t) {
    const Vecd action = random_action(env.spec(), 2, t);
    const StepResult full = step_on(env, action), without = step_on(plain, action),
                     truncated = step_on(mbpo, action);
    const double cost = 5e-4 * full.obs.tail(78).squaredNorm();
    CHECK(full.obs.tail(78).cwiseAbs().maxCoeff() <= 1.0);
    CHECK(without.reward - truncated.reward == Approx(cost).margin(1e-12));
    CHECK(full.obs.head(27) == truncated.obs);
    const StepResult v4 = step_on(forces, action);  // use_contact_forces: the world's wrench too, always zero
    CHECK(v4.obs.head(27) == truncated.obs);
    CHECK(v4.obs.segment(27, 6).isZero(0.0));
    CHECK(v4.obs.tail(78) == full.obs.tail(78));
    CHECK(v4.reward == truncated.reward);
    most = std::max(most, cost);
  }
  CHECK(most > 0.0);
}

TEST_CASE("traps: the engine adds the contact margins of two geoms from 3.5.0 on") {
  Ant env;
  env.reset(1);
  for (int t = 0; t < 300; ++t) env.step(Vecd::Zero(8));
  const double rest = env.physics_state()[2];
  CHECK(rest == Approx(mjVERSION_HEADER >= 3005000 ? 0.3825 : 0.3725).margin(3e-3));
}
