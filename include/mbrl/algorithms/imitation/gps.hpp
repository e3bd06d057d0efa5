// Guided policy search: controllers for a few start states, improved in dynamics that are fitted around their own
// trajectories, teach one policy, and are held where the policy can follow. Levine and Abbeel, "Learning neural network
// policies with guided policy search under unknown dynamics", NIPS 2014; mirror descent and Bregman ADMM: gps_choices.hpp.
//   repeat:
//     trajectories of each p_i (or of the policy); dynamics, cost to second order, the policy linearised there
//     C-step: p_i <- min E[surrogate] within a bound of the divergence
//     S-step: pi  <- min sum (mu_pi(o) - mu_p(x))'P (mu_pi(o) - mu_p(x)) over all that was visited
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imitation/expert.hpp"
#include "mbrl/algorithms/imitation/gps_choices.hpp"
#include "mbrl/algorithms/imitation/gps_settings.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/switchable_cost.hpp"

namespace mbrl {

struct GpsVisited;

/// An Algorithm. The cost is a function of what controllers see. Episodes must not end before the horizon. A round is
/// as above, and a stopped one is made again.
template <class Surrogate = MirrorDescentSurrogate, class Supervision = PrecisionWeighted,
          class Form = LinearGaussianForm, class Optimizer = KlTrustRegion>
class GuidedPolicySearch final : public PolicyOwner {
 public:
  GuidedPolicySearch(const GpsConfiguration& configuration, const AlgorithmContext& context,
                     SwitchableCost cost);

  bool run(RunObserver& observer);
  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const;
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &policy_; }

  /// Of start state i.
  const GpsCondition& condition(int i) const { return conditions_[static_cast<std::size_t>(i)]; }
  /// The seed that resets an environment to it.
  std::uint64_t start(int i) const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  using Controller = typename Form::Distribution;
  struct Problem {  // around what was visited from one start state
    LocalDynamics dynamics;
    LqrProblem<> cost;
    double constant = 0;  // of the cost
    Controller policy;    // linearised there
  };

  bool spent() const;
  int horizon() const;
  std::optional<GpsVisited> collect(int condition, bool by_policy, RunObserver& observer,
                                    std::int64_t& steps);
  std::optional<double> check(RunObserver& observer);
  std::vector<Problem> problems_around(const std::vector<GpsVisited>& visited);
  LocalPrior prior_of(const std::vector<Batchd>& samples, std::uint32_t which) const;
  void imitate(const std::vector<GpsVisited>& visited, std::uint32_t fit, bool warm);
  void linearise(const std::vector<GpsVisited>& visited, std::vector<Problem>& problems);
  Batchd policy_actions(const Batchf& obs) const;
  std::vector<Batchd> differences(std::size_t condition, const GpsVisited& visited) const;
  static void adapt_step(const GpsConfiguration& settings, double cost, GpsCondition& condition);

  GpsConfiguration c_;
  std::uint64_t seed_;
  SwitchableCost cost_;
  AnyEnvironment env_;
  MlpPolicy policy_;
  Batchd policy_covariance_;  // of its actions, in all states
  std::vector<GpsCondition> conditions_;
  std::vector<Batchd> seen_;  // transitions of the last rounds
  std::int64_t steps_ = 0;
  double loss_ = 0;  // of the last fit
  MetricTable metrics_;
};

extern template class GuidedPolicySearch<MirrorDescentSurrogate>;
extern template class GuidedPolicySearch<BadmmSurrogate>;
extern template class GuidedPolicySearch<MirrorDescentSurrogate, MeanSquared>;

/// Minus an environment's reward, differentiated numerically; one that looks at the next observation sees this one.
SwitchableCost cost_of_reward(const EnvSpec& spec);

/// Registers it as "gps". Costs with derivatives are taken from `experts`, else the environment's reward is.
void register_gps(AlgorithmRegistry& registry, const ExpertSource& experts = {});

}  // namespace mbrl
