// What a run is: the algorithm by name, the task, the seed, and the algorithm's own settings. It is the
// settings.json of a run folder.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/any_settings.hpp"

namespace mbrl {

/// Evaluation while learning: episodes of the algorithm's actor in an environment of their own.
struct EvaluationSettings {
  std::int64_t every = 0;  // environment steps after which it is due, at the end of a round; 0: never
  int episodes = 5;        // whose mean return is `eval_return`

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("every", s.every,
          "environment steps after which what was learned is evaluated, at the end of a round; 0: never");
    field("episodes", s.episodes, "episodes of an evaluation; their mean is eval_return");
  }
};

struct RunConfiguration {
  std::string algorithm;                         // a name of `mbrl train --help`
  std::string environment = "pets/HalfCheetah";  // a name of `mbrl envs`
  std::uint64_t seed = 1;                        // fixes every number of the run
  EvaluationSettings eval;
  AnySettings own;  // the algorithm's, beside these keys

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("algorithm", s.algorithm, "what learns, a name of 'mbrl train --help'");
    field("environment", s.environment, "a name of 'mbrl envs'");
    field("seed", s.seed, "fixes every number of the run");
    field("eval", s.eval, "evaluation while learning");
    field("", s.own, "the algorithm's own");
  }
};

/// The text at a key of the outermost JSON object; "" where the key is missing or the text is not a JSON
/// object, which whoever reads all of it reports. Throws mbrl::Error naming
/// `where` if the value is not a text.
std::string json_text_at(const std::string& json, const std::string& key, const std::string& where);

}  // namespace mbrl
