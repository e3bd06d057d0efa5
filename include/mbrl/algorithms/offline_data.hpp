// What algorithms share that learn from a data set which cannot be added to.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/run/evaluation.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// The base of their settings.
struct OfflineSettings {
  std::string data;                // a data set of the environment's: `mbrl dataset`, docs/files.md
  std::int64_t updates = 100'000;  // the budget
  int updates_per_round =
      1000;  // after which the policy acts for an episode, to be seen, not to be learned from
  int batch_size = 256;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("data", s.data, "data set to learn from, a file that 'mbrl dataset' wrote or one like it");
    field("updates", s.updates, "gradient steps; they are what 'step' counts");
    field("updates_per_round", s.updates_per_round,
          "gradient steps between two episodes that show the policy");
    field("batch_size", s.batch_size, "transitions drawn for each gradient step");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const char* who, const EnvSpec& spec) const;
  /// Whether a round ends with this update, counted from 1.
  bool round_over(std::int64_t update) const { return update % updates_per_round == 0 || update == updates; }
  /// Its place in its round, from 1.
  int in_round(std::int64_t update) const { return static_cast<int>((update - 1) % updates_per_round) + 1; }
};

/// A data set that a run learns from, known again when the run is taken up.
class OfflineData {
 public:
  /// Throws mbrl::Error for a file that cannot be read, without transitions, of other dimensions or with actions
  /// beyond the environment's bounds.
  OfflineData(const char* who, const std::string& file, const EnvSpec& spec);

  const TransitionBuffer& transitions() const { return transitions_; }

  void save(StateDict& out, const std::string& name) const { out.put_scalar(name, fingerprint_); }
  /// Throws mbrl::Error unless it was saved with the same data.
  void check(const StateDict& in, const std::string& name) const;

 private:
  std::string who_, file_;
  TransitionBuffer transitions_;
  std::uint64_t fingerprint_;
};

/// The episode of the policy's mode at the end of a round, which counts from 0.
EpisodeResult show_policy(AnyEnvironment& env, const MlpPolicy& policy, std::uint64_t seed,
                          std::uint32_t round);

}  // namespace mbrl
