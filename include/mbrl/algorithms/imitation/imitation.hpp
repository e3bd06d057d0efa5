// Policies that imitate an expert. DAgger: Ross, Gordon, Bagnell, "A reduction of imitation learning and structured
// prediction to no-regret online learning", AISTATS 2011, algorithm 3.1:
//   for i = 1 ... N:
//     pi_i <- beta_i pi* + (1 - beta_i) pi^_i           (drawn anew at every step; beta_1 = 1)
//     states s of T-step trajectories of pi_i;  D <- D + {(s, pi*(s))}
//     pi^_(i+1) <- the policy fitted to D
//   return the best pi^_i on validation               (the episodes of `check_episodes`)
// With beta_i = 1 throughout it is behaviour cloning. A planner's distillation is DAgger from the planner with the
// distance to its Gaussian as the loss (learning/cloning.hpp). With Monte-Carlo tree search as the expert it is what Guo,
// Singh, Lee, Lewis, Wang, "Deep learning for real-time Atari game play using offline Monte-Carlo tree search planning",
// NIPS 2014, call UCC (cloning its actions), UCR (fitting its values) and UCC-I (DAgger).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imitation/expert.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/cloning.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// `mbrl train dagger`, `mbrl train distill` and `mbrl train mcts-imitation`.
struct ImitationConfiguration {
  std::int64_t steps =
      0;                  // states that the expert judges, a round under way is finished; 0: `rounds` decides
  int rounds = 10;        // N
  int episodes = 2;       // of a round
  int episode_steps = 0;  // of an episode at most; 0: the environment's limit
  double beta = 0;        // beta_i = beta^(i - 1): the expert's share of the steps; 1: behaviour cloning
  int check_episodes = 5;  // of the policy alone, after every round; the expert's once
  ExpertSettings expert;
  CloningSettings cloning;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "states that the expert judges; a round under way is finished. 0: 'rounds' decides");
    field("rounds", s.rounds, "rounds of acting, asking and fitting");
    field("episodes", s.episodes, "episodes of a round");
    field("episode_steps", s.episode_steps, "steps of an episode at most; 0: the environment's limit");
    field("beta", s.beta,
          "the expert acts in a share beta^(i - 1) of the steps of round i; 1: in all of them, behaviour "
          "cloning");
    field("check_episodes", s.check_episodes,
          "episodes of the policy alone after every round, from the same start states as the expert's");
    field("expert", s.expert, "who shows what to do");
    field("cloning", s.cloning, "the policy and how it is fitted");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const std::string& who, const EnvSpec& spec) const;
};

/// An Algorithm; P is MlpPolicy, or CategoricalPolicy for choices. A round is an iteration of DAgger, and a stopped one is
/// made again.
template <class P>
class Imitation final : public PolicyOwner {
 public:
  /// With a teacher, that acts from the second round on, whatever beta is.
  Imitation(const ImitationConfiguration& configuration, const AlgorithmContext& context, Expert expert,
            Teacher teacher = {});

  bool run(RunObserver& observer);
  const MetricTable& metrics() const { return metrics_; }
  /// The best of all rounds' policies by the return of their checks.
  AnyActor actor() const;
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &best_; }
  const Demonstrations& data() const { return data_; }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

  /// Untrained, of the round.
  static P new_policy(const EnvSpec& spec, const CloningSettings& settings, std::uint64_t seed,
                      std::uint32_t round);

 private:
  struct Check {
    double total = 0;    // mean over the episodes
    double seconds = 0;  // of an action, the median
  };
  bool spent() const;
  std::optional<Demonstrations> collect(RunObserver& observer, int& ended);
  std::optional<Check> check(RunObserver& observer, AnyActor actor);

  ImitationConfiguration c_;
  std::uint64_t seed_;
  Expert expert_;
  Teacher teacher_;
  AnyEnvironment env_;
  P latest_, best_;  // the one that acts in the next round, the one that is returned
  Demonstrations data_;
  Check expert_check_, random_check_;
  std::int64_t steps_ = 0;
  MetricTable metrics_;
};

/// Registers them as "dagger", "distill" and "mcts-imitation".
void register_imitation(AlgorithmRegistry& registry, const ExpertSource& experts = {});

}  // namespace mbrl
