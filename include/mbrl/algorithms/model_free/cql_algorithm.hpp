// Conservative Q-learning from a data set that cannot be added to. Kumar, Zhou, Tucker, Levine, "Conservative
// Q-learning for offline reinforcement learning", NeurIPS 2020.
#pragma once

#include "mbrl/algorithms/offline_data.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {

struct CqlConfiguration : OfflineSettings {
  SacSettings sac = {.conservatism = 5.0};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    OfflineSettings::describe(s, field);
    field("sac", s.sac, "policy, critics, temperature and the weight of the penalty, conservatism");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "cql".
void register_cql(AlgorithmRegistry& registry);

}  // namespace mbrl
