// Episodes of an actor in an environment: for evaluation while learning, for `mbrl eval`, for films.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/run/configuration.hpp"
#include "mbrl/run/metrics.hpp"

namespace mbrl {

struct EpisodeResult {
  double total = 0;   // sum of rewards
  int steps = 0;      // control steps
  bool over = false;  // it came to its end, rather than being cut off
  std::string fault;  // see StepResult
};

/// Called at the start, with 0 and the first observation, and after every control step, with its number from
/// 1 on, its result, and the return so far; false cuts the episode off. May be empty.
using OnStep = std::function<bool(int done, const StepResult& step, double total)>;

/// One episode from the start state that `seed` fixes, of at most `most_steps` control steps (0: to its end).
EpisodeResult run_episode(AnyEnvironment& env, AnyActor& actor, std::uint64_t seed,
                          const OnStep& on_step = {}, int most_steps = 0);

/// When a run's actor is evaluated, and what came of it. All evaluations begin in the same start states,
/// which the seed of the run fixes and no episode of the learning shares.
class Evaluations {
 public:
  Evaluations(const EvaluationSettings& settings, std::uint64_t seed);

  /// Whether an evaluation is due after a round that ended at this environment step.
  bool due(std::int64_t step) const;
  /// Evaluates `actor` and notes the mean return for the round that ended at `step`. False if `stop` asked to
  /// stop in between: then nothing is noted, and the evaluation stays owed.
  bool evaluate(AnyEnvironment& env, AnyActor& actor, std::int64_t step,
                const std::function<void(int episode, int done, double total)>& on_step,
                const std::function<bool()>& stop);
  /// An evaluation was begun and not finished: a run that is taken up again makes it before it goes on.
  bool owed() const { return owed_; }
  int episodes() const { return settings_.episodes; }

  /// The table with the column eval_return: the evaluation after each round, NaN where there was none.
  MetricTable joined(const MetricTable& metrics) const;

  void save(StateDict& out) const;
  void load(const StateDict& in);  // checkpoints without evaluations leave it empty

 private:
  EvaluationSettings settings_;
  std::uint64_t seed_;
  std::vector<double> steps_, returns_;
  bool owed_ = false;
};

}  // namespace mbrl
