// A MuJoCo model's numbers by name, and what is found of them in transitions.
#include "mbrl/mujoco/engine/parameters.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"
#include "mbrl/mujoco/tasks/reacher.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

static_assert(ParametricModel<ParametricDynamics>);

double parameter(const Model& model, const std::string& name) {
  for (const ModelParameter& p : model_parameters(model))
    if (p.name == name) return p.value;
  FAIL("no parameter " << name);
  return 0;
}

Model with(const Model& model, const std::vector<SoughtParameter>& changes) {
  const std::vector<ModelParameter> all = model_parameters(model);
  Vecd values(static_cast<Index>(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    values(static_cast<Index>(i)) = all[i].value;
    for (const SoughtParameter& change : changes)
      if (change.name == all[i].name) values(static_cast<Index>(i)) = *change.start;
  }
  return with_parameters(model, values);
}

// What an environment's own steps bring under random actions, as floats.
template <class Env>
IdentificationData experience(Env env, int n, std::uint64_t seed) {
  TransitionBuffer buffer(env.spec().obs_dim, env.spec().action_dim(), static_cast<std::size_t>(n));
  Vecd obs = env.reset(seed);
  for (int t = 0; t < n; ++t) {
    const Vecd action = random_action(env.spec(), seed, t);
    const StepResult step = env.step(action);
    buffer.add(obs, action, step.obs, step.reward, step.terminated, step.truncated);
    obs = step.terminated || step.truncated ? env.reset(++seed) : step.obs;
  }
  return IdentificationData::from(buffer);
}

using CartPole = TaskEnvironment<PetsCartPoleTask>;

TEST_CASE("mujoco parameters: cart and pole mass within 1 % from 200 transitions of a cart-pole") {
  const PetsCartPoleTask task;
  const Model truth = with(task.model(), {{"body/cart/mass", 9.0}, {"body/pole/mass", 3.1}});
  const IdentificationData data = experience(CartPole(task, truth), 200, 1);
  const ParametricDynamics nominal(task.model(), task.frame_skip());
  ThreadPool pool(2);
  const auto report = identify(nominal, {{"body/cart/mass"}, {"body/pole/mass"}}, data, pool);
  CHECK(report.converged);
  CHECK(report.parameters[0].start == parameter(task.model(), "body/cart/mass"));
  CHECK(report.parameters[0].value == Approx(9.0).epsilon(1e-3));
  CHECK(report.parameters[1].value == Approx(3.1).epsilon(1e-3));
  CHECK(report.undetermined.empty());
  CHECK_FALSE(report.lacks_structure());

  ThreadPool one(1);
  CHECK(identify(nominal, {{"body/cart/mass"}, {"body/pole/mass"}}, data, one).values == report.values);
}

TEST_CASE(
    "mujoco parameters: a friction that the model does not have shows, and is found when it is sought") {
  const PetsCartPoleTask task;
  const Model truth = with(task.model(), {{"body/pole/mass", 3.1}, {"joint/slider/frictionloss", 4.0}});
  const IdentificationData data = experience(CartPole(task, truth), 200, 2);
  const ParametricDynamics nominal(task.model(), task.frame_skip());
  ThreadPool pool(2);
  const auto without = identify(nominal, {{"body/cart/mass"}, {"body/pole/mass"}}, data, pool);
  CHECK(without.lacks_structure());
  const auto found = identify(
      nominal, {{"body/cart/mass"}, {"body/pole/mass"}, {"joint/slider/frictionloss", 1.0}}, data, pool);
  CHECK(found.parameters[1].value == Approx(3.1).epsilon(0.01));
  CHECK(found.parameters[2].value == Approx(4.0).epsilon(0.01));
  CHECK(found.dimensions[2].left < 0.01 * without.dimensions[2].left);
}

TEST_CASE("mujoco parameters: what cannot be seen is named") {
  const PetsCartPoleTask task;
  const IdentificationData data = experience(CartPole(task), 100, 3);
  const ParametricDynamics nominal(task.model(), task.frame_skip());
  ThreadPool pool(2);
  // Nothing touches the pole.
  const auto friction = identify(nominal, {{"body/pole/mass"}, {"geom/pole/friction"}}, data, pool);
  REQUIRE(friction.remarks().size() == 1);
  CHECK_THAT(friction.remarks()[0], Catch::StartsWith("geom/pole/friction is not determined"));
  CHECK(friction.parameters[0].determined);
  // Masses, frictions and the motor's strength, all larger, move the same.
  const auto all = identify(nominal,
                            {{"body/cart/mass"},
                             {"body/pole/mass"},
                             {"joint/slider/damping"},
                             {"joint/hinge/damping"},
                             {"actuator/slide/gear"}},
                            data, pool);
  REQUIRE(all.undetermined.size() == 1);
  CHECK(all.undetermined[0].parts.size() == 5);
}

TEST_CASE("mujoco parameters: values read back, and those that are as they were change nothing") {
  const Model model = TaskEnvironment<AntTask>(AntTask(AntTask::Version::kV4)).task().model();
  const std::vector<ModelParameter> all = model_parameters(model);
  Vecd values(static_cast<Index>(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i) values(static_cast<Index>(i)) = all[i].value;
  const Model same = with_parameters(model, values);
  CHECK(std::equal(model->body_inertia, model->body_inertia + 3 * model->nbody, same->body_inertia));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    names.push_back(all[i].name);
    Vecd moved = values;
    moved(static_cast<Index>(i)) = 1.3 * all[i].value + 0.1;
    const double back = model_parameters(with_parameters(model, moved))[i].value;
    CAPTURE(all[i].name);
    const bool factor = all[i].name.ends_with("/size") || all[i].name.ends_with("/inertia");
    CHECK(back == Approx(factor ? 1.0 : moved(static_cast<Index>(i))));
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK_THROWS_WITH(with_parameters(model, values.head(3)), Catch::Contains("values has dimension 3"));
  values(0) = NAN;
  CHECK_THROWS_WITH(with_parameters(model, values), Catch::Contains("not finite"));
  CHECK_THROWS_WITH(with_parameters(model, values), Catch::Contains(model_parameters(model)[0].name));
}

TEST_CASE("mujoco parameters: a larger body swings as one that was built so") {
  // A rod of 0.6 m made 1.5 times as large, against one of 0.9 m and 1.5 times the radius, of the same mass.
  const auto rod = [](const std::string& to, const std::string& radius) {
    return Model::from_string(
        R"(<mujoco><option timestep="0.01"/><worldbody><body name="rod"><joint name="hinge" axis="0 1 0"/>
      <geom type="capsule" fromto="0 0 0 0 0 )" +
        to + R"(" size=")" + radius +
        R"(" mass="2"/></body></worldbody><actuator><motor joint="hinge"/></actuator></mujoco>)");
  };
  const ParametricDynamics small(rod("-0.6", "0.04"), 2), large(rod("-0.9", "0.06"), 2);
  Batchd x(2, 3), u(1, 3), a(2, 3), b(2, 3);
  x << 0.5, -1, 2, 0, 3, -2;
  u << 0, 1, -1;
  ObservedDynamics::Workspace w;
  const Model grown = with(rod("-0.6", "0.04"), {{"body/rod/size", 1.5}});
  ObservedDynamics(Dynamics(grown, 2), {0, 1}).step(x, u, a, w);
  ObservedDynamics::Workspace w2;
  ObservedDynamics(Dynamics(rod("-0.9", "0.06"), 2), {0, 1}).step(x, u, b, w2);
  CHECK((a - b).norm() < 1e-12);
}

TEST_CASE("mujoco parameters: observations are matched with the state") {
  AnyEnvironment cartpole = all_environments().make("pets/CartPole");
  CHECK(observed_entries(cartpole) == std::vector<int>{0, 1, 2, 3});
  AnyEnvironment cheetah = all_environments().make("HalfCheetah-v4");
  std::vector<int> all_but_the_first(17);
  for (int i = 0; i < 17; ++i) all_but_the_first[static_cast<std::size_t>(i)] = i + 1;
  CHECK(observed_entries(cheetah) == all_but_the_first);
  AnyEnvironment reacher = all_environments().make("Reacher-v4");
  CHECK_THROWS_WITH(observed_entries(reacher), Catch::Contains("none of positions and velocities"));

  // Through such a part of the state, a thigh's mass.
  const HalfCheetahTask task(versioned("HalfCheetah", GymVersion::kV4));
  const Model truth = with(task.model(), {{"body/bthigh/mass", 2.0}});
  const IdentificationData data = experience(TaskEnvironment<HalfCheetahTask>(task, truth), 60, 4);
  ThreadPool pool(2);
  const auto report = identify(ParametricDynamics(task.model(), task.frame_skip(), all_but_the_first),
                               {{"body/bthigh/mass"}}, data, pool);
  CHECK(report.parameters[0].value == Approx(2.0).epsilon(0.01));
}

TEST_CASE("mujoco parameters: what was found is written as a model file") {
  const TemporaryFolder folder;
  const std::string source = (folder.path() / "arm.xml").string(),
                    out = (folder.path() / "fitted.xml").string();
  write_file_atomically(source, R"(<mujoco><worldbody><body name="arm">
    <joint name="hinge" axis="0 1 0" damping="0.1"/>
    <geom name="rod" type="capsule" fromto="0 0 0 0 0 -0.6" size="0.04" mass="1"/>
    <body name="hand" pos="0 0 -0.6"><joint name="wrist" axis="0 1 0"/>
    <inertial pos="0 0 -0.1" mass="0.5" diaginertia="0.01 0.01 0.01"/><geom name="palm" size="0.05"/></body>
    <body name="badge" pos="0 0.1 0"/>
    </body></worldbody><actuator><motor name="m" joint="hinge" gear="2"/></actuator></mujoco>)");
  const Model model = Model::from_file(source);
  std::vector<ModelParameter> all = model_parameters(model);
  Vecd values(static_cast<Index>(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    values(static_cast<Index>(i)) = all[i].value;
    if (all[i].name == "body/arm/mass") values(static_cast<Index>(i)) = 1.75;
    if (all[i].name == "body/hand/mass") values(static_cast<Index>(i)) = 0.25;
    if (all[i].name == "joint/hinge/damping") values(static_cast<Index>(i)) = 0.25;
  }
  save_mjcf(source, values, out);
  const Model again = Model::from_file(out);
  CHECK(parameter(again, "body/arm/mass") == Approx(1.75).epsilon(1e-5));
  CHECK(parameter(again, "body/hand/mass") == Approx(0.25).epsilon(1e-5));
  CHECK(again->body_inertia[6] == Approx(0.005).epsilon(1e-5));  // goes along with the mass
  CHECK(parameter(again, "joint/hinge/damping") == Approx(0.25).epsilon(1e-5));
  CHECK(parameter(again, "actuator/m/gear") == 2);

  // What the engine does not take is said of the file that was asked for, in one line, and none is left behind.
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].name == "body/arm/mass") values(static_cast<Index>(i)) = 1e-300;
  const std::string refused = (folder.path() / "refused.xml").string();
  CHECK_THROWS_WITH(save_mjcf(source, values, refused),
                    Catch::Contains("refused.xml' is not written") && Catch::Contains("mass") &&
                        !Catch::Contains("draft") && !Catch::Contains("\n"));
  CHECK_FALSE(std::filesystem::exists(refused));
  CHECK_FALSE(std::filesystem::exists(refused + ".draft.xml"));
}

TEST_CASE("mujoco parameters: gravity and gears may start with the other sign, masses may not") {
  const PetsCartPoleTask task;
  const ParametricDynamics nominal(task.model(), task.frame_skip());
  const IdentificationData data = experience(CartPole(task, task.model()), 100, 7);
  ThreadPool pool(2);
  const auto upwards = identify(nominal, {{"option/gravity", 9.81}}, data, pool);
  REQUIRE(upwards.undetermined.size() == 1);
  CHECK(upwards.undetermined[0].blindness == Blindness::kToZero);
  CHECK_THAT(upwards.remarks().front(), Catch::Contains("ran to 0") && Catch::Contains("sign"));
  CHECK_THROWS_WITH(identify(nominal, {{"body/cart/mass", -1.0}}, data, pool),
                    Catch::Contains("'body/cart/mass' starts at -1, expected more than 0"));
}

}  // namespace
