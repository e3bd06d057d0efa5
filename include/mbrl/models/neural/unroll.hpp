// A deterministic network unrolled along recorded actions: its loss over several steps, and the gradient of that, led back
// step by step through the network's input gradient. Oh, Guo, Lee, Lewis, Singh, "Action-conditional video prediction
// using deep networks in Atari games", NIPS 2015, section 3.2; Luo, Xu, Li, Tian, Darrell, Ma, "Algorithmic framework for
// model-based deep reinforcement learning with theoretical guarantees", ICLR 2019, section 6.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

enum class MultiStepLoss : int { kSquared = 0, kNorm = 1 };

constexpr auto enum_names(MultiStepLoss) {
  return std::array{std::pair{MultiStepLoss::kSquared, "squared"}, std::pair{MultiStepLoss::kNorm, "norm"}};
}

/// Recorded stretches of H steps, step after step.
struct Windows {
  std::vector<Batchf> obs;     // H + 1 of obs_dim x n
  std::vector<Batchf> action;  // H of action_dim x n
  std::vector<Vecf> reward;    // H of n

  int steps() const { return static_cast<int>(action.size()); }
  Index count() const { return obs.empty() ? 0 : obs.front().cols(); }
};

/// Those that begin in these rows; see TransitionBuffer::window_starts.
Windows windows_at(const TransitionBuffer& data, int steps, std::span<const std::uint32_t> starts);

/// With x_0 = s_0 and x_{i+1} = decode(x_i, y_i), y_i the prediction at (x_i, a_i), in units of target_std:
///   squared: 1/(H D) sum_i |x_{i+1} - s_{i+1}|^2, D the targets; a learned reward's error beside the states'
///   norm:    1/H sum_i |y_i - target(s_i, s_{i+1})|, not squared (Luo et al., equation 6.1: of changes)
/// Both are the mean over windows. The memory of H forward passes is kept until the backward ones.
class Unroll {
 public:
  Unroll(const nn::Network& shape, int max_steps, int max_windows);

  /// Of windows [first, first + count), divided by all of them: parts add up. `model` gives encoding and scaling, `network`
  /// stands in for its member. The gradient is in gradient() afterwards. Throws mbrl::Error for more steps or windows than
  /// there is room for.
  double run(const MlpEnsemble& model, const nn::Network& network, const Windows& windows, Index first,
             Index count, MultiStepLoss loss);
  /// Of the parameters, laid out as they are.
  const AlignedFloats& gradient() const { return sum_; }

 private:
  double errors(const MlpEnsemble& model, const Windows& windows, Index first, Index count,
                MultiStepLoss loss);
  void lead_back(const MlpEnsemble& model, const nn::Network& network, std::size_t steps, Index count,
                 MultiStepLoss loss);

  std::vector<nn::Pass> passes_;   // of each step
  std::vector<Batchf> predicted_;  // x_0 ... x_H
  std::vector<Batchf>
      error_;  // gradient of the loss at x_{i+1} and the reward (squared) or y_i (norm); standardised
  AlignedFloats sum_, part_;
};

}  // namespace mbrl
