// PLATO: a policy that imitates model-predictive control, which on its part keeps near the policy. Kahn, Zhang, Levine, Abbeel,
// "PLATO: Policy learning using adaptive trajectory optimization", ICRA 2017, algorithm 1:
//   for i = 1 ... N, t = 1 ... T:
//     act by  pi_lambda = argmin_pi J(pi | x_t) + lambda KL(pi(u | x_t) || pi_theta(u | o_t))
//     D <- D + (o_t, pi*(u | x_t)),  pi* the same with lambda = 0
//   pi_theta <- argmin sum_D KL(pi_theta(u | o) || pi*(u | x))
// Unlike DAgger's, the states of training are never those of a policy that has not learned yet to keep out of trouble, and unlike the
// expert's they are those that the policy comes to.
#pragma once

#include <cstdint>

#include "mbrl/algorithms/imitation/expert.hpp"
#include "mbrl/algorithms/imitation/imitation.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/cloning.hpp"
#include "mbrl/planning/trajectory/ilqr_settings.hpp"
#include "mbrl/planning/trajectory/multi_start.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// Control of DiscField's point mass by iLQR, from its whole state (env/classic/disc_field.hpp). Its cost of a step is minus the
/// reward but for the crash, in place of which discs and walls cost the more the nearer they are. All Gaussians have the standard
/// deviation `std` (half action ranges), so that with the action u of the first step and the policy's action mu
///   KL = |u - mu|^2 / (2 std^2),
/// which `lambda` times is added to the cost of that step.
struct FieldTeacherSettings {
  double lambda = 0.1;
  double std = 0.3;
  int horizon = 20;
  IlqrSettings ilqr = {.iterations = 15};
  MultiStartSettings starts = {.samples = 16, .starts = 2};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("lambda", s.lambda, "weight of the divergence from the policy; 0: the teacher acts as the expert");
    field("std", s.std, "standard deviation of all actions, in half action ranges");
    field("horizon", s.horizon, "steps that the teacher looks ahead");
    field("ilqr", s.ilqr, "its iLQR");
    field("starts", s.starts, "what it starts from");
  }

  /// Throws mbrl::Error for settings that make no sense.
  void validate() const;
};

/// `mbrl train plato`.
struct PlatoConfiguration {
  std::int64_t steps = 0;  // as in ImitationConfiguration, as all others here
  int rounds = 10;
  int episodes = 5;
  int check_episodes = 10;
  bool dagger = false;  // the policy acts in place of the teacher: DAgger with the same expert
  FieldTeacherSettings teacher;
  CloningSettings cloning = {.loss = CloningLoss::kKl};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "states that the expert judges; a round under way is finished. 0: 'rounds' decides");
    field("rounds", s.rounds, "rounds of acting, asking and fitting");
    field("episodes", s.episodes, "episodes of a round");
    field("check_episodes", s.check_episodes, "episodes of the policy alone after every round");
    field("dagger", s.dagger, "the policy acts in place of the teacher: DAgger with the same expert");
    field("teacher", s.teacher, "model-predictive control that keeps near the policy");
    field("cloning", s.cloning, "the policy and how it is fitted");
  }

  ImitationConfiguration imitation() const;
};

/// lambda = 0: what the policy is taught.
Expert field_expert(const FieldTeacherSettings& settings);
/// What acts.
Teacher field_teacher(const FieldTeacherSettings& settings);

/// Registers it as "plato".
void register_plato(AlgorithmRegistry& registry);

}  // namespace mbrl
