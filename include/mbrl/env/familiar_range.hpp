// How far a task's observations get when nobody steers it, as a measure for what a planner makes of it: a
// planner that finds a weakness of the simulator reaches speeds and angles that no random episode comes near.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/environment.hpp"

namespace mbrl {

class FamiliarRange {
 public:
  struct Excursion {
    Index entry = 0;   // of the observation
    double value = 0;  // the largest magnitude seen
    double usual = 0;  // the largest that random episodes reached
    double times() const { return value / usual; }
  };

  /// Plays `episodes` episodes of at most `steps` steps with uniform actions, seeds seed, seed + 1, ...; the
  /// environment is left in the last of them. Throws mbrl::Error without at least one of each.
  template <class Environment>
  FamiliarRange(Environment& env, int episodes, int steps, std::uint64_t seed) {
    require(episodes >= 1 && steps >= 1, "FamiliarRange: ", episodes, " episodes of ", steps,
            " steps, expected at least one of each");
    const EnvSpec& spec = env.spec();
    const RandomStream random(seed, Stream::kRandomAction);
    usual_ = seen_ = Vecd::Zero(spec.obs_dim);
    for (int episode = 0; episode < episodes; ++episode) {
      usual_ = usual_.cwiseMax(env.reset(seed + static_cast<std::uint64_t>(episode)).cwiseAbs());
      for (int t = 0; t < steps; ++t) {
        const StepResult step = env.step(spec.random_action([&](double low, double high, std::uint32_t i) {
          return random.uniform(low, high, static_cast<std::uint32_t>(t), i,
                                static_cast<std::uint32_t>(episode));
        }));
        usual_ = usual_.cwiseMax(step.obs.cwiseAbs());
        if (step.terminated || step.truncated) break;
      }
    }
  }

  /// Takes an observation of the episode in question. Throws for another dimension.
  void see(ConstVecRef<double> obs) {
    require_dim("FamiliarRange::see", "obs", obs.size(), usual_.size());
    seen_ = seen_.cwiseMax(obs.cwiseAbs());
  }

  /// The entry that went furthest, in multiples of the usual; entries that chance never moved from zero have
  /// no measure and do not count.
  Excursion furthest() const {
    Excursion far{0, 0, std::numeric_limits<double>::infinity()};
    for (Index i = 0; i < usual_.size(); ++i)
      if (usual_(i) > 0 && seen_(i) / usual_(i) > far.times()) far = {i, seen_(i), usual_(i)};
    return far;
  }

 private:
  Vecd usual_, seen_;  // obs_dim, magnitudes
};

}  // namespace mbrl
