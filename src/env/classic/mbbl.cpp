// mbbl/Pendulum, mbbl/MountainCar, mbbl/CartPole and mbbl/Acrobot.
#include "mbrl/env/classic/mbbl.hpp"

#include "mbrl/env/check_action.hpp"
#include "mbrl/env/classic/acrobot.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/mountain_car.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

AnyEnvironment gym_environment(MbblClassic::Task task) {
  switch (task) {
    case MbblClassic::Task::kPendulum:
      return AnyEnvironment(Pendulum());
    case MbblClassic::Task::kMountainCar:
      return AnyEnvironment(MountainCar());
    case MbblClassic::Task::kCartPole:
      return AnyEnvironment(CartPole());
    default:
      return AnyEnvironment(Acrobot());
  }
}

double inner_action(MbblClassic::Task task, double action) {
  switch (task) {
    case MbblClassic::Task::kPendulum:
      return 2.0 * action;
    case MbblClassic::Task::kMountainCar:
      return std::clamp(action, -1.0, 1.0);
    case MbblClassic::Task::kCartPole:
      return action > 0.0 ? 1.0 : 0.0;
    default:
      return action < -0.33 ? 0.0 : action < 0.33 ? 1.0 : 2.0;
  }
}

}  // namespace

MbblClassic::MbblClassic(Task task) : Wrapper(gym_environment(task)), task_(task) {
  const auto set = [this](const char* name, RewardFunction<double> reward, RewardFunction<float> planned) {
    spec_.name = name;
    reward_ = std::move(reward);
    spec_.reward = std::move(planned);
  };
  switch (task) {
    case Task::kPendulum:
      set("mbbl/Pendulum", MbblPendulumReward<double>{}, MbblPendulumReward<float>{});
      break;
    case Task::kMountainCar:
      set("mbbl/MountainCar", MbblMountainCarReward<double>{}, MbblMountainCarReward<float>{});
      break;
    case Task::kCartPole:
      set("mbbl/CartPole", MbblCartPoleReward<double>{}, MbblCartPoleReward<float>{});
      break;
    case Task::kAcrobot:
      set("mbbl/Acrobot", MbblAcrobotReward<double>{}, MbblAcrobotReward<float>{});
      break;
  }
  spec_.source = "mbbl (Wang et al. 2019)";
  spec_.action_low = Vecd::Constant(1, -1.0);
  spec_.action_high = Vecd::Constant(1, 1.0);
  spec_.choices = 0;
  spec_.max_steps = 200;
  spec_.termination = {};
  spec_.action_names = {task == Task::kPendulum || task == Task::kAcrobot
                            ? "torque"
                            : "force"};  // discrete ones are thresholds of it
  check_spec(spec_);
  reset(0);
  episode_.forget();
}

StepResult MbblClassic::step(ConstVecRef<double> action) {
  episode_.require_running(spec_.name);
  check_action(spec_, action);
  Vecd reward(1);
  reward_(obs_, action, obs_, steps_, reward);
  // Not `step`: the inner task's end is not this one's, and it goes on beyond it.
  const bool broken = env_.advance(Vecd::Constant(1, inner_action(task_, action(0)))).broken;
  env_.observe(obs_);
  StepResult result;
  result.obs = obs_;
  result.reward = broken ? 0.0 : reward(0);
  result.terminated = broken;
  result.truncated = ++steps_ >= spec_.max_steps;
  if (broken) result.fault = "the state is not finite";
  episode_.after(result);
  return result;
}

// [steps, last observation, the inner environment's]
std::vector<double> MbblClassic::state() const {
  std::vector<double> own = {static_cast<double>(steps_)};
  own.insert(own.end(), obs_.begin(), obs_.end());
  return joined(std::move(own));
}

void MbblClassic::set_state(const std::vector<double>& state) {
  const std::vector<double> own = split(state, static_cast<std::size_t>(1 + obs_.size()));
  steps_ = static_cast<int>(own[0]);
  obs_ = Eigen::Map<const Vecd>(own.data() + 1, obs_.size());
  episode_.begin();
}

Vecd MbblClassic::begin(const Vecd& obs) {
  steps_ = 0;
  episode_.begin();
  return obs_ = obs;
}

}  // namespace mbrl
