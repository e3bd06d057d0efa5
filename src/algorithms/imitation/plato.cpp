#include "mbrl/algorithms/imitation/plato.hpp"

#include <array>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/disc_field.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"

namespace mbrl {
namespace {

using Field = DiscFieldTask;

// What changes from plan to plan.
struct Scene {
  std::vector<std::array<double, 2>> discs;  // that can be reached within the horizon
  std::array<double, 2> policy{};            // its action at control step `at`
  double weight = 0;                         // lambda / std^2
  int at = -1;
};

struct FieldCost {
  std::shared_ptr<const Scene> scene;

  // exp(...) is 1 where the body is 0.15 m from touching a disc, or 0.3 m from a wall.
  template <class T>
  T stage(const std::array<T, 4>& x, const std::array<T, 2>& u, int t) const {
    using std::exp;
    constexpr double kCost = 4, kSteep = 4, kOff = Field::kDisc + Field::kBody + 0.15;
    constexpr double kLane = Field::kWall - Field::kBody - 0.3;
    const T off = x[2] - Field::kSpeed;
    T cost = (off * off + x[3] * x[3]) * 0.25 + x[1] * x[1] * 0.02 + (u[0] * u[0] + u[1] * u[1]) * 0.05;
    for (const std::array<double, 2>& disc : scene->discs) {
      const T dx = x[0] - disc[0], dy = x[1] - disc[1];
      cost = cost + exp((dx * dx + dy * dy - kOff * kOff) * -kSteep) * kCost;
    }
    cost = cost + (exp((x[1] - kLane) * kSteep) + exp((x[1] + kLane) * -kSteep)) * kCost;
    if (t != scene->at) return cost;
    const T first = u[0] - scene->policy[0], second = u[1] - scene->policy[1];
    return cost + (first * first + second * second) * (0.5 * scene->weight);
  }
  template <class T>
  T final_cost(const std::array<T, 4>& x, int) const {
    std::array<T, 2> rest{x[0] * 0.0, x[0] * 0.0};
    return stage(x, rest, -2);
  }
};

class FieldController {
 public:
  FieldController(const FieldTeacherSettings& s, std::uint64_t seed)
      : reach_(2 + 0.5 * s.horizon),
        planner_(AnalyticModel(PointMassSystem{.mass = 1 / Field::kPush},
                               {.dt = Field::kStep, .method = Integrator::kSemiImplicit}),
                 Cost(FieldCost{scene_}), s.horizon, s.ilqr, ActionBounds::uniform(2, -1, 1), {}, nullptr,
                 s.starts, seed) {}

  // `weight` 0: without the policy.
  Vecd act(const AnyEnvironment& env, int t, ConstVecRef<double> policy_action, double weight) {
    const std::vector<double> state = env.physics_state();
    scene_->discs.clear();
    for (std::size_t i = 4; i < state.size(); i += 2)
      if (state[i] > state[0] - 2 && state[i] < state[0] + reach_)
        scene_->discs.push_back({state[i], state[i + 1]});
    scene_->policy = {policy_action(0), policy_action(1)};
    scene_->weight = weight;
    scene_->at = weight > 0 ? t : -1;
    planner_.plan(Eigen::Map<const Vecd>(state.data(), 4), t, plan_);
    planner_.advance(1);
    return plan_.actions.col(0);
  }

 private:
  using Cost = AutoDiffCost<FieldCost, 4, 2>;
  std::shared_ptr<Scene> scene_ = std::make_shared<Scene>();
  double reach_;  // m ahead
  IlqrPlanner<AnalyticModel<PointMassSystem>, Cost> planner_;
  ActionPlan<double> plan_;
};

}  // namespace

void FieldTeacherSettings::validate() const {
  require(lambda >= 0 && std::isfinite(lambda), "plato: teacher.lambda is ", lambda, ", expected at least 0");
  require(std > 0 && std::isfinite(std), "plato: teacher.std is ", std, ", expected more than 0");
  require(horizon >= 1, "plato: teacher.horizon is ", horizon, ", expected at least 1");
}

ImitationConfiguration PlatoConfiguration::imitation() const {
  ImitationConfiguration c;
  c.steps = steps;
  c.rounds = rounds;
  c.episodes = episodes;
  c.check_episodes = check_episodes;
  c.cloning = cloning;
  return c;
}

Expert field_expert(const FieldTeacherSettings& settings) {
  settings.validate();
  return [settings](std::uint64_t seed) -> Adviser {
    const auto controller = std::make_shared<FieldController>(settings, seed);
    return [controller, std = settings.std](const AnyEnvironment& env, ConstVecRef<double>, int t) {
      return Advice{controller->act(env, t, Vecd::Zero(2), 0), Vecd::Constant(2, std), {}};
    };
  };
}

Teacher field_teacher(const FieldTeacherSettings& settings) {
  settings.validate();
  return [settings](std::uint64_t seed) -> Compromise {
    const auto controller = std::make_shared<FieldController>(settings, seed);
    const double weight = settings.lambda / (settings.std * settings.std);
    return [controller, weight](const AnyEnvironment& env, ConstVecRef<double> policy_action, int t) {
      return controller->act(env, t, policy_action, weight);
    };
  };
}

void register_plato(AlgorithmRegistry& registry) {
  AlgorithmDescription<PlatoConfiguration> d;
  d.name = "plato";
  d.summary = "PLATO (Kahn et al. 2017): a policy imitates control that keeps near it, without crashing.";
  d.details =
      "  mbrl train plato --env DiscField --out runs/plato\n"
      "  mbrl train plato --env DiscField --preset dagger --out runs/dagger";
  d.environment = "DiscField";
  d.steps_key = "steps";
  d.rounds_key = "rounds";
  d.check = [](const PlatoConfiguration& c, const EnvSpec& spec) {
    require(spec.name == Field::spec().name, "plato: the teacher knows DiscField alone, not ", spec.name,
            "; expected --env DiscField, or Imitation with a teacher of your own");
    c.imitation().validate("plato", spec);
    c.teacher.validate();
  };
  d.presets.push_back({"dagger", "DAgger with the same expert", [](const EnvSpec&) {
                         PlatoConfiguration c;
                         c.dagger = true;
                         return c;
                       }});
  d.make = [](const PlatoConfiguration& c, const AlgorithmContext& context) {
    return AnyAlgorithm(std::make_unique<Imitation<MlpPolicy>>(
        c.imitation(), context, field_expert(c.teacher), c.dagger ? Teacher() : field_teacher(c.teacher)));
  };
  d.load_actor = [](const PlatoConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    return loaded_actor(
        Imitation<MlpPolicy>::new_policy(context.make_environment().spec(), c.cloning, context.seed, 0), in,
        prefix + "policy.");
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
