// Noise on executed actions, so that a controller also visits what its plans would not.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/candidate_noise.hpp"
#include "mbrl/math/coloured_noise.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

struct ExplorationSettings {
  double std = 0;         // of the noise, in half action ranges; 0: none
  double noise_beta = 0;  // its power falls as f^-beta within stretches of 64 control steps; 0: white

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("std", s.std, "standard deviation of noise on executed actions, in half action ranges; 0: none");
    field("noise_beta", s.noise_beta,
          "power of that noise falls as f^-beta within stretches of 64 control steps; 0: white");
  }
};

/// Gaussian noise, white or coloured (coloured_noise.hpp), added to an action and clipped to the bounds: a
/// function of (seed, episode, control step) alone, with other random numbers than planners draw from the same
/// seed. Memory is allocated by the constructor.
template <class S>
class ExplorationNoise {
 public:
  static constexpr int kStretch = 64;  // control steps whose noise is drawn together

  ExplorationNoise(const ActionBounds& bounds, const ExplorationSettings& settings, std::uint64_t seed)
      : ExplorationNoise(bounds, settings.std, coloured_noise_mixing(kStretch, settings.noise_beta), seed) {
    white_noise_ = settings.noise_beta == 0;
  }
  /// Other noise of deviation `std`, in half action ranges: `mixing` (rows of unit norm) times white noise is that of
  /// a stretch of as many control steps.
  ExplorationNoise(const ActionBounds& bounds, double std, const Batchd& mixing, std::uint64_t seed)
      : std_(std), stretch_(static_cast<int>(mixing.rows())), noise_(seed) {
    bounds.validate<S>("exploration", bounds.dim());
    const auto dim = static_cast<Index>(bounds.dim());
    low_.resize(dim);
    high_.resize(dim);
    for (Index i = 0; i < dim; ++i) {
      low_(i) = bounds.inner_low<S>(static_cast<std::size_t>(i));
      high_(i) = bounds.inner_high<S>(static_cast<std::size_t>(i));
    }
    mid_ = S(0.5) * (low_ + high_);
    if (bounds.choices > 0) mid_ = mid_.array().floor();
    require(std::isfinite(std) && std >= 0, "exploration: std is ", std, ", expected 0 or more");
    require(std == 0 || bounds.choices == 0, "exploration: std is ", std,
            ", but the actions are choices, to which no noise can be added");
    mixing_ = mixing.template cast<S>();
    scale_ = static_cast<S>(std) * S(0.5) * (high_ - low_);
    white_.setZero(low_.size(), stretch_);
    noises_.setZero(low_.size(), stretch_);
  }

  /// Adds the noise of control step t of this episode.
  void disturb(int t, VecRef<S> action) {
    if (std_ == 0) return;
    require_dim("exploration", "the action", action.size(), low_.size());
    if (drawn_ != t / stretch_) draw(t / stretch_);
    action += scale_.cwiseProduct(noises_.col(t % stretch_));
    action = action.cwiseMax(low_).cwiseMin(high_);
  }
  void next_episode() {
    ++episode_;
    drawn_ = -1;
  }
  /// The middle of the bounds; of choices the lower of the two there.
  const Vec<S>& mid() const { return mid_; }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_scalar(prefix + "seed", noise_.seed());
    out.put_scalar(prefix + "episode", episode_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    noise_ = CandidateNoise<S>(in.get_scalar<std::uint64_t>(prefix + "seed"));
    episode_ = in.get_scalar<std::int64_t>(prefix + "episode");
    drawn_ = -1;
  }

 private:
  void draw(int stretch) {
    constexpr std::uint32_t kNoPlanner = 0x80000000u;  // planners count iterations from 0
    noise_.normal(static_cast<std::uint32_t>(episode_), kNoPlanner + static_cast<std::uint32_t>(stretch),
                  white_);
    if (white_noise_)
      noises_ = white_;
    else
      noises_.noalias() = white_.lazyProduct(mixing_.transpose());
    drawn_ = stretch;
  }

  double std_;
  int stretch_;
  bool white_noise_ = false;
  CandidateNoise<S> noise_;
  std::int64_t episode_ = 0;
  int drawn_ = -1;  // stretch whose noise is drawn
  Vec<S> low_, high_, mid_;
  Vec<S> scale_;             // one standard deviation, in units of the action
  Batch<S> mixing_;          // stretch x stretch
  Batch<S> white_, noises_;  // action_dim x stretch
};

}  // namespace mbrl
