// An environment of your own from an MJCF model: a crane whose trolley has to bring a hanging load to a place
// and keep it from swinging. Everything a task needs is on this page.
//
//   ./custom_mujoco_environment
#include <cstdio>

#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/task/per_sample_functions.hpp"

namespace {

// The physics. One motor, so one action.
constexpr const char* kCrane = R"(
<mujoco model="crane">
  <option timestep="0.01" integrator="RK4"/>
  <worldbody>
    <body name="trolley" pos="0 0 3">
      <joint name="drive" type="slide" axis="1 0 0" damping="5" limited="true" range="-3 3"/>
      <geom type="box" size="0.2 0.1 0.1" mass="5"/>
      <body name="load">
        <joint name="swing" type="hinge" axis="0 1 0" damping="0.05" limited="false"/>
        <geom type="sphere" pos="0 0 -2" size="0.15" mass="2"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="drive" gear="40" ctrllimited="true" ctrlrange="-1 1"/></actuator>
</mujoco>)";

constexpr double kRope = 2.0, kGoal = 1.5;  // m

// The reward, written once for simulation (double) and for planning on a learned model (float):
// minus the squared distance of the load from the goal, the squared swing rate, and a little for effort.
template <class S>
S crane_reward(S x, S angle, S rate, S action) {
  const S distance = x - S(kRope) * std::sin(angle) - S(kGoal);
  return -(distance * distance + S(0.1) * rate * rate + S(0.01) * action * action);
}

// obs (4): trolley x (m), angle (rad), their rates.
struct CraneTask {
  mbrl::EnvSpec spec() const {
    mbrl::EnvSpec spec;
    spec.name = "my/Crane";
    spec.source = "examples/custom_mujoco_environment.cpp";
    spec.obs_dim = 4;
    spec.action_low = mbrl::Vecd::Constant(1, -1.0);
    spec.action_high = mbrl::Vecd::Constant(1, 1.0);
    spec.max_steps = 150;
    spec.dt = 0.05;  // frame_skip x timestep
    // A learned model sees sine and cosine of the angle, and predicts changes of all four entries.
    using enum mbrl::ObsFeature::Kind;
    spec.encoding.features = {{kIdentity, 0}, {kSin, 1}, {kCos, 1}, {kIdentity, 2}, {kIdentity, 3}};
    spec.encoding.targets.assign(4, mbrl::TargetKind::kDelta);
    // Leave the reward empty if it is not a function of (obs, action, next_obs): then it has to be learned.
    spec.reward = mbrl::per_sample_reward([](const auto& /*obs*/, const auto& action, const auto& next) {
      return crane_reward(next(0), next(1), next(3), action(0));
    });
    return spec;
  }

  mbrl::mujoco::Model model() const { return mbrl::mujoco::Model::from_string(kCrane, "crane"); }
  int frame_skip() const { return 5; }

  // qpos comes in as the model's own, qvel as zeros. The numbers are indexed, not drawn in sequence.
  void draw_start(const mbrl::RandomStream& random, mbrl::Vecd& qpos, mbrl::Vecd& /*qvel*/) const {
    qpos(0) = random.uniform(-2.0, -1.0, 0);
    qpos(1) = 0.05 * random.normal(1);
  }
  void observe(const mbrl::mujoco::TaskView& view, mbrl::Vecd& obs) const {
    obs << view.data.qpos[0], view.data.qpos[1], view.data.qvel[0], view.data.qvel[1];
  }
  double reward(const mbrl::mujoco::TaskView& view, mbrl::ConstVecRef<double> action) const {
    return crane_reward(view.data.qpos[0], view.data.qpos[1], view.data.qvel[1], action(0));
  }
  bool terminated(const mbrl::mujoco::TaskView& view) const { return std::abs(view.data.qpos[1]) > 1.5; }
};

}  // namespace

int main() {
  using Crane = mbrl::mujoco::TaskEnvironment<CraneTask>;

  // By name, beside the library's own; or simply `Crane env;`.
  mbrl::EnvRegistry registry;
  mbrl::register_analytic_environments(registry);
  registry.add(CraneTask().spec(), [] { return mbrl::AnyEnvironment(Crane()); });
  mbrl::AnyEnvironment env = registry.make("my/Crane");

  // A hand-made controller: drive to the goal, damp the swing.
  mbrl::Vecd obs = env.reset(1);
  double total = 0.0;
  for (bool over = false; !over;) {
    const double force = 0.8 * (kGoal - obs(0)) - obs(1) - 0.6 * obs(2) + 0.5 * obs(3);
    const mbrl::StepResult result = env.step(mbrl::Vecd::Constant(1, force));
    total += result.reward;
    obs = result.obs;
    over = result.terminated || result.truncated;
    if (!result.fault.empty()) std::printf("the simulation broke down: %s\n", result.fault.c_str());
  }
  std::printf("return %.2f, load at %.3f m of %.1f m\n", total, obs(0) - kRope * std::sin(obs(1)), kGoal);
}
