// What of guided policy search does not depend on its choices, and its registration.
#include "mbrl/algorithms/imitation/gps_choices.hpp"

#include <Eigen/LU>
#include <cmath>
#include <memory>
#include <utility>

#include "mbrl/algorithms/imitation/gps.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {
namespace {

constexpr double kLeastPenalty = 1e-6, kMostPenalty = 1e6;

struct NegativeReward {
  RewardFunction<float> reward;

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    const Batchf obs = x.cast<float>(), action = u.cast<float>();
    Vecf out(1);
    reward(obs, action, obs, t, out);
    return -static_cast<double>(out(0));
  }
  double final_cost(ConstVecRef<double>, int) const { return 0; }
};

}  // namespace

void GpsConfiguration::validate(const EnvSpec& spec) const {
  const auto expect = [](bool ok, const char* name, auto value, const char* expected) {
    require(ok, "gps: ", name, " is ", value, ", expected ", expected);
  };
  require(spec.choices == 0, "gps: ", spec.name, " has choices, expected real actions");
  expect(steps >= 0, "steps", steps, "at least 1, or 0 for a budget of rounds");
  expect(rounds >= 1, "rounds", rounds, "at least 1");
  expect(conditions >= 1, "conditions", conditions, "at least 1");
  expect(samples >= 2, "samples", samples, "at least 2");
  require(horizon >= 0 && horizon <= spec.max_steps, "gps: horizon is ", horizon, ", expected 0 to ",
          spec.max_steps, ", the limit of steps of ", spec.name);
  expect(horizon > 0 || spec.max_steps > 0, "horizon", horizon,
         "more than 0, since the environment has no limit");
  expect(initial_std > 0 && std::isfinite(initial_std), "initial_std", initial_std, "more than 0");
  expect(kl_step > 0 && std::isfinite(kl_step), "kl_step", kl_step, "more than 0");
  expect(min_step > 0 && min_step <= 1, "min_step", min_step, "more than 0, at most 1");
  expect(max_step >= 1 && std::isfinite(max_step), "max_step", max_step, "at least 1");
  expect(prior_strength > 0 && std::isfinite(prior_strength), "prior_strength", prior_strength,
         "more than 0");
  expect(prior_rounds >= 1, "prior_rounds", prior_rounds, "at least 1");
  expect(inner >= 1, "inner", inner, "at least 1");
  expect(penalty > 0 && std::isfinite(penalty), "penalty", penalty, "more than 0");
  expect(dual_rate >= 0 && std::isfinite(dual_rate), "dual_rate", dual_rate, "at least 0");
  require(cloning.loss == CloningLoss::kPrecision, "gps: cloning.loss is '", to_string(cloning.loss),
          "', expected precision");
  require(!on_policy || method == GpsMethod::kMirror,
          "gps: on_policy is set, expected method=mirror: Bregman ADMM's controllers make the trajectories");
  mixture.validate();
  trust_region.validate();
  cloning.validate();
}

void GpsCondition::save(StateDict& out, const std::string& prefix) const {
  controller.save(out, prefix + "controller.");
  out.put_matrix(prefix + "multiplier", multiplier);
  out.put_matrix(prefix + "penalty", penalty);
  const double numbers[] = {step, dual, cost, expected};
  out.put(prefix + "numbers", numbers, {4});
}

void GpsCondition::load(const StateDict& in, const std::string& prefix) {
  const std::vector<double> numbers = in.get<double>(prefix + "numbers");
  require_dim("checkpoint", "'" + prefix + "numbers'", numbers.size(), 4);
  controller.load(in, prefix + "controller.");
  multiplier = in.get_matrix<double>(prefix + "multiplier");
  penalty = in.get_matrix<double>(prefix + "penalty").reshaped();
  step = numbers[0];
  dual = numbers[1];
  cost = numbers[2];
  expected = numbers[3];
}

void BadmmSurrogate::update(const GpsConfiguration& settings, const Batchd& off, const Vecd& divergence,
                            GpsCondition& c) {
  for (Index t = 0; t < off.cols(); ++t)
    c.multiplier.col(t) += settings.dual_rate * c.penalty(t) *
                           c.controller.at(static_cast<int>(t)).covariance.inverse() * off.col(t);
  const double mean = divergence.mean();
  const double deviation = std::sqrt((divergence.array() - mean).square().mean());
  for (Index t = 0; t < off.cols(); ++t) {
    if (divergence(t) > mean + 0.5 * deviation) c.penalty(t) *= 2;
    if (divergence(t) < mean - deviation) c.penalty(t) *= 0.5;
  }
  c.penalty = c.penalty.cwiseMax(kLeastPenalty).cwiseMin(kMostPenalty);
}

SwitchableCost cost_of_reward(const EnvSpec& spec) {
  require(static_cast<bool>(spec.reward), "gps: ", spec.name,
          " has no cost with derivatives and no reward function, expected one of them");
  constexpr double kStep = 1e-2;  // rewards are in single precision
  return SwitchableCost(DifferencedCost<NegativeReward>({spec.reward}, kStep));
}

void register_gps(AlgorithmRegistry& registry, const ExpertSource& experts) {
  AlgorithmDescription<GpsConfiguration> d;
  d.name = "gps";
  d.summary =
      "Guided policy search (Levine and Abbeel 2014; Montgomery and Levine 2016): local controllers teach a "
      "policy.";
  d.details =
      "  mbrl train gps --env control/PointMass --out runs/gps\n"
      "  mbrl train gps --env mbbl/Pendulum --set method=badmm --out runs/badmm";
  d.steps_key = "steps";
  d.rounds_key = "rounds";
  d.check = [](const GpsConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  d.make = [cost_of = experts.cost](const GpsConfiguration& c, const AlgorithmContext& context) {
    const EnvSpec spec = context.make_environment().spec();
    std::optional<SwitchableCost> cost = cost_of ? cost_of(spec.name) : std::nullopt;
    require(cost.has_value() || c.plan_on == PlanOn::kObservation,
            "gps: plan_on is state, but the reward of ", spec.name,
            " is a function of the observation; expected observation");
    if (!cost) cost = cost_of_reward(spec);
    if (c.method == GpsMethod::kBadmm)
      return AnyAlgorithm(std::make_unique<GuidedPolicySearch<BadmmSurrogate>>(c, context, *cost));
    return AnyAlgorithm(std::make_unique<GuidedPolicySearch<MirrorDescentSurrogate>>(c, context, *cost));
  };
  d.load_actor = [](const GpsConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(new_cloned_policy(spec.obs_dim, action_bounds(spec), c.cloning, context.seed, 0), in,
                        prefix + "policy.");
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
