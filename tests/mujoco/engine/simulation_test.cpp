// The engine's traps: errors that wait for a key, warnings that write files, divergence that is silently
// reset.
#include "mbrl/mujoco/engine/simulation.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

// A mass on a spring too stiff for its time step: k dt^2 / m = 100, where 4 is the limit of stability.
constexpr const char* kUnstable = R"(
<mujoco>
  <option timestep="0.01" integrator="Euler" gravity="0 0 0"/>
  <worldbody>
    <body>
      <joint name="slide" type="slide" axis="1 0 0" stiffness="1000000" limited="false"/>
      <geom type="sphere" size="0.1" mass="1"/>
    </body>
  </worldbody>
  <actuator><motor joint="slide" ctrllimited="false"/></actuator>
</mujoco>)";

// The least a task needs.
struct UnstableTask {
  EnvSpec spec() const {
    EnvSpec spec;
    spec.name = "unstable";
    spec.obs_dim = 2;
    spec.action_low = Vecd::Constant(1, -1.0);
    spec.action_high = Vecd::Constant(1, 1.0);
    spec.max_steps = 100;
    spec.dt = 0.02;
    spec.encoding = ObsEncoding::identity(2);
    return spec;
  }
  Model model() const { return Model::from_string(kUnstable, "unstable"); }
  int frame_skip() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd&) const {
    qpos(0) = random.uniform(0.1, 0.2, 0);
  }
  void observe(const TaskView& view, Vecd& obs) const { obs << view.data.qpos[0], view.data.qvel[0]; }
  double reward(const TaskView&, ConstVecRef<double>) const { return 1.0; }
};

std::string load_error(const std::string& mjcf) {
  try {
    Model::from_string(mjcf, "broken");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("simulation: divergence ends the episode with its cause and is not reset in silence") {
  TaskEnvironment<UnstableTask> env;
  Vecd last = env.reset(1);
  StepResult result;
  int steps = 0;
  for (; steps < 100; ++steps) {
    result = env.step(Vecd::Zero(1));
    if (!result.fault.empty()) break;
    REQUIRE_FALSE(result.terminated);
    last = result.obs;
  }
  REQUIRE(steps < 100);
  CHECK(result.terminated);
  CHECK_FALSE(result.truncated);
  CHECK(result.fault.find("BAD") != std::string::npos);
  CHECK(result.reward == 0.0);
  CHECK(result.obs == last);  // not the model's reference pose, to which mj_step went back
  CHECK(std::abs(last(0)) > 1.0);
  const auto state = env.state();
  for (const double value : state) CHECK(std::isfinite(value));
  CHECK_THROWS_AS(env.step(Vecd::Zero(1)), Error);
  CHECK(env.state() == state);

  TaskEnvironment<UnstableTask> other;
  other.set_state(state);
  CHECK_THROWS_AS(other.step(Vecd::Zero(1)), Error);  // a checkpoint remembers
  env.reset(1);
  CHECK(env.step(Vecd::Zero(1)).fault.empty());
}

TEST_CASE(
    "simulation: a huge velocity is caught in the step that begins with it, and the next episode is clean") {
  HalfCheetah env, reference;
  env.reset(2);
  auto start = env.physics_state();
  start[9] = 1e11;
  env.set_physics_state(start);
  const StepResult result = env.step(Vecd::Zero(6));
  CHECK(result.terminated);
  CHECK(result.fault.find("BADQ") != std::string::npos);
  env.reset(2);
  reference.reset(2);
  for (int t = 0; t < 20; ++t) {
    const Vecd action = random_action(env.spec(), 2, t);
    const StepResult a = env.step(action), b = reference.step(action);
    CHECK(a.fault.empty());
    CHECK(a.obs == b.obs);
  }
}

TEST_CASE("simulation: warnings of the engine write no file") {
  const auto log = std::filesystem::current_path() / "MUJOCO_LOG.TXT";
  const bool was_there = std::filesystem::exists(log);
  TaskEnvironment<UnstableTask> env;
  env.reset(1);
  for (int t = 0; t < 100 && env.step(Vecd::Zero(1)).fault.empty(); ++t) {
  }
  CHECK(std::filesystem::exists(log) == was_there);
}

TEST_CASE("simulation: an error of the engine is an exception, not a wait for a key") {
  prepare_engine();
  CHECK_THROWS_AS(mju_error("raised by a test"), Error);
}

TEST_CASE("model: a broken one is refused with the compiler's words and the model's name") {
  CHECK(load_error("<mujoco><worldbody><body><nonsense/></body></worldbody></mujoco>").find("nonsense") !=
        std::string::npos);
  CHECK(load_error("<mujoco>").find("'broken'") != std::string::npos);
  CHECK_FALSE(load_error("").empty());
  CHECK_THROWS_AS(Model::from_file("/nonexistent/model.xml"), Error);
}

TEST_CASE("model: a file that is missing or is no MJCF is named") {
  const auto error_of = [](const std::string& path) {
    try {
      Model::from_file(path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(error_of("/nonexistent/model.xml").find("/nonexistent/model.xml") != std::string::npos);
  const auto path = std::filesystem::temp_directory_path() / "mbrl_malformed_test.xml";
  std::ofstream(path) << "<mujoco><worldbody><body></worldbody></mujoco>";
  const std::string message = error_of(path.string());
  std::filesystem::remove(path);
  CHECK(message.find("mbrl_malformed_test.xml") != std::string::npos);
  CHECK(message.size() > std::string("MuJoCo model '': ").size() + path.string().size());
}

TEST_CASE("model: a joint that does not exist is named, by the compiler and by us") {
  const std::string text = kUnstable;
  std::string wrong = text;
  wrong.replace(wrong.find("joint=\"slide\""), 13, "joint=\"slyde\"");
  CHECK(load_error(wrong).find("slyde") != std::string::npos);

  const Model model = Model::from_string(text);
  CHECK(model.id(mjOBJ_JOINT, "slide") == 0);
  CHECK(model.id(mjOBJ_BODY, "world") == 0);
  try {
    model.id(mjOBJ_JOINT, "slde");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "MuJoCo model: no joint named 'slde', did you mean 'slide'?");
  }
  CHECK_THROWS_AS(model.id(mjOBJ_SENSOR, "touch"), Error);
  CHECK_THROWS_AS(model.id(mjOBJ_TEXTURE, "sky"), Error);
}

TEST_CASE("model: everything with a name is found by it, keyframes, equalities and meshes too") {
  const Model model = Model::from_string(R"(<mujoco><asset>
      <mesh name="wedge" vertex="0 0 0  1 0 0  0 1 0  0 0 1"/><texture name="sky" type="skybox" builtin="flat" width="8"
      height="8"/><material name="steel"/></asset><worldbody><light name="sun"/><body name="a"><joint name="slide"
      type="slide"/><geom type="mesh" mesh="wedge" mass="1"/></body><body name="b"><joint name="other" type="slide"/><geom
      size="0.1"/></body></worldbody><equality><joint name="coupled" joint1="slide" joint2="other"/></equality><custom>
      <numeric name="gain" data="3"/></custom><keyframe><key name="home" qpos="0 0"/><key name="out" qpos="1 1"/></keyframe>
      </mujoco>)");
  CHECK(model.id(mjOBJ_KEY, "out") == 1);
  CHECK(model.id(mjOBJ_EQUALITY, "coupled") == 0);
  CHECK(model.id(mjOBJ_MESH, "wedge") == 0);
  CHECK(model.id(mjOBJ_TEXTURE, "sky") == 0);
  CHECK(model.id(mjOBJ_MATERIAL, "steel") == 0);
  CHECK(model.id(mjOBJ_LIGHT, "sun") == 0);
  CHECK(model.id(mjOBJ_NUMERIC, "gain") == 0);
  CHECK_THROWS_AS(model.id(mjOBJ_KEY, "hom"), Error);
}

TEST_CASE("model: text and file give the same model, and the same text one model") {
  const auto path = std::filesystem::temp_directory_path() / "mbrl_model_test.xml";
  std::ofstream(path) << kUnstable;
  const Model from_file = Model::from_file(path.string());
  std::filesystem::remove(path);
  const Model from_string = Model::from_string(kUnstable), again = Model::from_string(kUnstable);
  CHECK(from_file->nq == from_string->nq);
  CHECK(from_file->opt.timestep == from_string->opt.timestep);
  CHECK(from_file.get() != from_string.get());
  CHECK(again.get() == from_string.get());
}

TEST_CASE("task environment: a specification that does not fit the model is refused") {
  struct WrongActions : UnstableTask {
    EnvSpec spec() const {
      EnvSpec spec = UnstableTask::spec();
      spec.action_low = Vecd::Constant(2, -1.0);
      return spec;
    }
  };
  struct WrongTime : UnstableTask {
    int frame_skip() const { return 3; }
  };
  struct WrongEncoding : UnstableTask {
    EnvSpec spec() const {
      EnvSpec spec = UnstableTask::spec();
      spec.encoding = ObsEncoding::identity(3);
      return spec;
    }
  };
  CHECK_THROWS_AS(TaskEnvironment<WrongActions>(), Error);
  CHECK_THROWS_AS(TaskEnvironment<WrongEncoding>(), Error);
  CHECK_THROWS_AS(TaskEnvironment<WrongTime>(), Error);
}

TEST_CASE("task environment: a task that ends episodes, and what it measures before and after a step") {
  struct Measured : UnstableTask {
    int measured_dim() const { return 1; }
    void measure(const mjModel&, mjData& data, Vecd& out) const { out(0) = data.qpos[0]; }
    double reward(const TaskView& view, ConstVecRef<double>) const { return view.after(0) - view.before(0); }
    bool terminated(const TaskView& view) const { return std::abs(view.after(0)) > 1.0; }
  };
  TaskEnvironment<Measured> env;
  const double start = env.reset(1)(0);
  double x = start, sum = 0;
  bool ended = false;
  for (int t = 0; t < 20 && !ended; ++t) {
    const StepResult result = env.step(Vecd::Zero(1));
    sum += result.reward;
    CHECK(result.terminated == (std::abs(result.obs(0)) > 1.0));
    x = result.obs(0);
    ended = result.terminated;
  }
  CHECK(ended);
  CHECK(sum == Approx(x - start));
}

TEST_CASE("task environment: a task that computes NaN is named") {
  struct NanReward : UnstableTask {
    double reward(const TaskView&, ConstVecRef<double>) const { return std::sqrt(-1.0); }
  };
  struct NanObservation : UnstableTask {
    void observe(const TaskView&, Vecd& obs) const { obs << 0.0, std::sqrt(-1.0); }
  };
  TaskEnvironment<NanReward> env;
  env.reset(1);
  CHECK_THROWS_AS(env.step(Vecd::Zero(1)), Error);
  CHECK_THROWS_AS(TaskEnvironment<NanObservation>(), Error);
}

TEST_CASE("simulation: where the velocities stand in the state of every environment") {
  for (const std::string& name : all_environments().names()) {
    const auto model = find_model(name);
    if (!model) continue;
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    env.reset(1);
    env.step(random_action(env.spec(), 1, 0));
    std::vector<double> state = env.state(), expected = env.physics_state();
    const auto nq = static_cast<std::size_t>((*model)->nq), nv = static_cast<std::size_t>((*model)->nv);
    const std::size_t begin = state.size() - static_cast<std::size_t>(velocities_from_end(**model));
    for (std::size_t i = 0; i < nv; ++i) {
      state[begin + i] += 0.5 + static_cast<double>(i);
      expected[nq + i] += 0.5 + static_cast<double>(i);
    }
    env.set_state(state);
    CHECK(env.physics_state() == expected);
  }
}

TEST_CASE("simulation: a task that does not say how long an episode is is refused") {
  struct Endless : UnstableTask {
    EnvSpec spec() const {
      EnvSpec spec = UnstableTask::spec();
      spec.max_steps = 0;
      return spec;
    }
  };
  CHECK(contains(error_of([] { TaskEnvironment<Endless> env; }), "max_steps is 0, expected 1 or more"));
}
