// What replay agents are made of besides their optimiser: who explores, and what is said of the updates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/policy/actor_noise.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/policy/policy_actor.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// Acts at random during the first environment steps, then by a policy, whose actions are disturbed where the settings
/// say so. Everything is a function of (seed, step, obs) and of the noise's episode. It may act in several environments,
/// each with an episode and noise of its own (`lane`).
template <StochasticPolicy P>
class PolicyExplorer {
 public:
  PolicyExplorer(const EnvSpec& spec, const ActorNoiseSettings& noise, std::int64_t random_steps,
                 std::uint64_t seed);

  void begin_episode(int lane = 0);
  Vecd act(const P& policy, ConstVecRef<double> obs, std::int64_t step, int t, int lane = 0);

  /// Where the noise stands.
  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Noise {
    ExplorationNoise<float> on_actions;
    std::optional<ParameterNoise> on_weights;
  };

  Noise new_noise(std::size_t lane) const;
  Noise& noise_of(std::size_t lane);

  EnvSpec spec_;
  ActorNoiseSettings noise_settings_;
  std::int64_t random_steps_;
  std::uint64_t seed_;
  std::vector<Noise> noise_;  // of each lane that has been asked for
  typename P::Workspace workspace_;
  Batchf obs_, action_, memory_;
};

extern template class PolicyExplorer<MlpPolicy>;
extern template class PolicyExplorer<CategoricalPolicy>;

/// Means of some figures over the updates of an episode.
class UpdateMeans {
 public:
  explicit UpdateMeans(std::size_t figures) : sums_(figures, 0.0) {}

  void clear();
  void add(std::initializer_list<double> figures);
  /// NaN where there was no update.
  std::vector<double> values() const;

  void save(StateDict& out, const std::string& name) const;
  /// Throws mbrl::Error for another number of figures.
  void load(const StateDict& in, const std::string& name);

 private:
  std::vector<double> sums_;
  double count_ = 0;
};

/// Acts by the policy's mode; owns a copy of it.
template <StochasticPolicy P>
AnyActor mode_actor(const P& policy) {
  return AnyActor(PolicyActor<P>(policy, ActMode::kMode));
}
/// The same after it has loaded its arrays, which begin with `prefix`, from a checkpoint.
template <StochasticPolicy P>
AnyActor loaded_actor(P policy, const StateDict& in, const std::string& prefix) {
  policy.load(in, prefix);
  return mode_actor(policy);
}

}  // namespace mbrl
