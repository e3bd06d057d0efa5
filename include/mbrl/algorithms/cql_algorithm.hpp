// Conservative Q-learning from a data set that cannot be added to. Kumar, Zhou, Tucker, Levine, "Conservative
// Q-learning for offline reinforcement learning", NeurIPS 2020.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {

struct CqlConfiguration {
  std::string data;                // a data set of the environment's: `mbrl dataset`, docs/files.md
  std::int64_t updates = 100'000;  // the budget
  int updates_per_round =
      1000;  // after which the policy acts for an episode, to be seen, not to be learned from
  int batch_size = 256;
  SacSettings sac = {.conservatism = 5.0};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("data", s.data, "data set to learn from, a file that 'mbrl dataset' wrote or one like it");
    field("updates", s.updates, "gradient steps; they are what 'step' counts");
    field("updates_per_round", s.updates_per_round,
          "gradient steps between two episodes that show the policy");
    field("batch_size", s.batch_size, "transitions drawn for each gradient step");
    field("sac", s.sac, "policy, critics, temperature and the weight of the penalty, conservatism");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "cql".
void register_cql(AlgorithmRegistry& registry);

}  // namespace mbrl
