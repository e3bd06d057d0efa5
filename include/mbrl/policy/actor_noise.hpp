// What disturbs a policy that explores: Gaussian, Ornstein-Uhlenbeck or pink noise on its actions, or noise on its
// weights.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/policy/exploration.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

enum class NoiseKind : int { kGaussian = 0, kOu = 1, kPink = 2, kParameter = 3 };

constexpr auto enum_names(NoiseKind) {
  return std::array{std::pair{NoiseKind::kGaussian, "gaussian"}, std::pair{NoiseKind::kOu, "ou"},
                    std::pair{NoiseKind::kPink, "pink"}, std::pair{NoiseKind::kParameter, "parameter"}};
}

struct ActorNoiseSettings : ExplorationSettings {
  NoiseKind kind = NoiseKind::kGaussian;
  double theta = 0.15;  // of ou: correlations fall as e^-theta per step

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("kind", s.kind,
          "noise on actions: gaussian, ou (Ornstein-Uhlenbeck) or pink over the whole episode; parameter: on "
          "weights");
    ExplorationSettings::describe(s, field);
    field("theta", s.theta, "ou: its correlations fall as e^-theta per control step");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// The noise on actions, none where it is on weights. Pink noise (Eberhard, Hollenstein, Pinneri, Martius, "Pink noise is
/// all you need: colored noise exploration in deep reinforcement learning", ICLR 2023) and the Ornstein-Uhlenbeck process
/// (Lillicrap et al., ICLR 2016) are those of stretches of `episode_steps`, of 1024 where that is more or 0.
ExplorationNoise<float> actor_noise(const ActionBounds& bounds, const ActorNoiseSettings& settings,
                                    int episode_steps, std::uint64_t seed);

/// Noise on a policy's weights and biases: Plappert et al., "Parameter space noise for exploration", ICLR 2018, section 3.
/// Its direction is drawn once an episode and added, sigma times, to what the policy has learned by then. Every 50
/// control steps sigma becomes 1.01 times as large where the distance of disturbed to undisturbed actions (root mean
/// square, in half action ranges) was below the one asked for, else as much smaller (equation 4).
class ParameterNoise {
 public:
  static constexpr int kAdaptEvery = 50;
  static constexpr double kFactor = 1.01;

  /// `distance`: that of Gaussian noise of this deviation, in half action ranges; it is sigma at first, too.
  ParameterNoise(double distance, std::uint64_t seed) : distance_(distance), sigma_(distance), seed_(seed) {}

  void next_episode() {
    ++episode_;
    drawn_ = false;
  }
  /// The action of the disturbed policy at `obs` (one column each), and sigma adapted.
  void act(const MlpPolicy& policy, ConstBatchRef<float> obs, BatchRef<float> action);
  double sigma() const { return sigma_; }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  void draw(const MlpPolicy& policy);

  double distance_, sigma_;
  std::uint64_t seed_;
  std::int64_t episode_ = 0;
  bool drawn_ = false;
  double squares_ = 0;  // of the distance, since sigma was adapted
  std::int64_t steps_ = 0;
  nn::Network direction_;
  std::optional<MlpPolicy> disturbed_;
  MlpPolicy::Workspace workspace_;
  Batchf undisturbed_, memory_;
};

}  // namespace mbrl
