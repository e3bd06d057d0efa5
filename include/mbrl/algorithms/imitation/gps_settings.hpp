// Settings of guided policy search.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/learning/cloning.hpp"
#include "mbrl/models/local/gaussian_mixture.hpp"
#include "mbrl/planning/local/kl_trust_region.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

enum class GpsMethod : int { kMirror = 0, kBadmm = 1 };

constexpr auto enum_names(GpsMethod) {
  return std::array{std::pair{GpsMethod::kMirror, "mirror"}, std::pair{GpsMethod::kBadmm, "badmm"}};
}

/// What controllers see: the observation as the policy does, or the simulator's state (input remapping).
enum class PlanOn : int { kObservation = 0, kState = 1 };

constexpr auto enum_names(PlanOn) {
  return std::array{std::pair{PlanOn::kObservation, "observation"}, std::pair{PlanOn::kState, "state"}};
}

/// `mbrl train gps`.
struct GpsConfiguration {
  std::int64_t steps = 0;  // a round under way is finished; 0: `rounds` decides
  int rounds = 12;
  GpsMethod method = GpsMethod::kMirror;
  bool on_policy = false;  // mirror: the policy makes the trajectories, after the first round
  PlanOn plan_on = PlanOn::kObservation;
  int conditions = 4;                     // start states, a controller for each
  int samples = 5;                        // trajectories from each of them, a round
  int horizon = 0;                        // control steps; 0: the environment's limit
  double initial_std = 0.3;               // of the first controllers' actions, in half action ranges
  double kl_step = 1.0;                   // bound of a step's divergence, a control step; adapted in between
  double min_step = 0.01, max_step = 10;  // of that bound, in multiples of kl_step
  double prior_strength = 1;              // samples that the mixture counts as
  int prior_rounds = 4;                   // rounds whose trajectories it is fitted to
  MixtureSettings mixture = {.max_clusters = 10, .iterations = 20};
  int inner = 4;           // badmm: steps of controllers, policy and multipliers, a round
  double penalty = 0.01;   // badmm: nu at first
  double dual_rate = 0.1;  // badmm: of the multipliers' steps
  TrustRegionSettings trust_region;
  CloningSettings cloning = {.policy = {.hidden = {40, 40}, .activation = Activation::kTanh},
                             .loss = CloningLoss::kPrecision,
                             .epochs = 50,
                             .validation = 0};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps; a round under way is finished. 0: 'rounds' decides");
    field("rounds", s.rounds, "rounds of acting, fitting dynamics, improving controllers and the policy");
    field("method", s.method, "mirror: mirror descent; badmm: Bregman ADMM, with multipliers");
    field("on_policy", s.on_policy, "mirror: the policy makes the trajectories, after the first round");
    field("plan_on", s.plan_on, "what controllers see: the observation, or the simulator's state");
    field("conditions", s.conditions, "start states, a controller for each");
    field("samples", s.samples, "trajectories from each start state, a round");
    field("horizon", s.horizon, "control steps of a trajectory; 0: the environment's limit");
    field("initial_std", s.initial_std,
          "standard deviation of the first controllers' actions, in half action ranges");
    field("kl_step", s.kl_step, "bound of the divergence of a controller's step, a control step");
    field("min_step", s.min_step, "the bound is adapted to no less than this multiple of kl_step");
    field("max_step", s.max_step, "and to no more than this");
    field("prior_strength", s.prior_strength, "samples that the mixture counts as in fits of dynamics");
    field("prior_rounds", s.prior_rounds, "rounds whose trajectories the mixture is fitted to");
    field("mixture", s.mixture, "the prior of dynamics and of the policy's linearisation");
    field("inner", s.inner, "badmm: steps of controllers, policy and multipliers, a round");
    field("penalty", s.penalty, "badmm: weight of the divergence from the policy at first");
    field("dual_rate", s.dual_rate, "badmm: rate of the multipliers' steps");
    field("trust_region", s.trust_region, "how a controller's step is found");
    field("cloning", s.cloning, "the policy and how it is fitted");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

}  // namespace mbrl
