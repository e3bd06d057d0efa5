// A learned model whose predictions hand gradients back: to where they were made from and to the action, by the
// networks' own backward passes. What policies need that learn by the gradient of a model. An ensemble of networks for
// the mean, each with a noise of its own that does not depend on the input: Kubo, Parmas, Ishii, "Double horizon model-based
// policy optimization", TMLR 2025 (after Lakshminarayanan, Pritzel, Blundell, NeurIPS 2017).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

struct DifferentiableEnsembleSettings {
  int members = 8;
  nn::NetworkSettings network{
      .hidden = {256, 256, 256}, .activation = Activation::kSilu, .layer_norm = true, .dropout = 0.01};
  double min_deviation = 1e-3;  // of the noise, in units of the targets' standard deviation

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("members", s.members, "networks");
    field("network", s.network, "the layers of each");
    field("min_deviation", s.min_deviation,
          "smallest standard deviation of the noise, in units of the targets' own");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const char* who) const;
};

/// It lives in its own coordinates z = (obs - mean) / scale of the data; actions u are scaled to [-1, 1]. Member k is
///   z' = z + m + d (f_k(z, u) + s_k e),  e ~ N(0, 1);   r = m_r + d_r g_k(z, u)
/// with m, d: mean and standard deviation of the targets z' - z and r, f_k and g_k outputs of one network, s_k >= the
/// least deviation. Before the first training the coordinates are those of the observations.
class DifferentiableEnsemble {
 public:
  /// Weights are functions of (seed, member). Throws mbrl::Error for settings that make no sense and for actions that
  /// are choices.
  DifferentiableEnsemble(int obs_dim, const ActionBounds& bounds,
                         const DifferentiableEnsembleSettings& settings, std::uint64_t seed);

  int obs_dim() const { return static_cast<int>(obs_mean_.size()); }
  int action_dim() const { return static_cast<int>(mid_.size()); }
  int members() const { return settings_.members; }
  const DifferentiableEnsembleSettings& settings() const { return settings_; }
  nn::Network& network(int member) { return networks_.at(static_cast<std::size_t>(member)); }
  const nn::Network& network(int member) const { return networks_.at(static_cast<std::size_t>(member)); }
  /// Logarithms of s_k, (obs_dim + 1) x members; the last row, of the reward, counts in training alone.
  Batchf& log_deviation() { return log_deviation_; }
  const Batchf& log_deviation() const { return log_deviation_; }

  /// Mean and scale of the data's observations and targets become the model's. A dimension that does not vary has
  /// scale 1.
  void set_statistics(const TransitionBatch& data);
  const Vecf& obs_mean() const { return obs_mean_; }
  const Vecf& obs_scale() const { return obs_scale_; }
  /// Into and out of its coordinates; `in` and `out` may be the same.
  void normalise(ConstBatchRef<float> in, BatchRef<float> out) const;
  void denormalise(ConstBatchRef<float> in, BatchRef<float> out) const;
  /// What networks learn: [(z' - z - m) / d; (r - m_r) / d_r], (obs_dim + 1) x n.
  void targets(const TransitionBatch& data, BatchRef<float> out) const;

  /// Of entry i of an action, in [-1, 1]: what networks read.
  float scaled_action(Index i, float action) const {
    const auto k = static_cast<std::size_t>(i);
    return (action - mid_[k]) / half_[k];
  }

  /// One step of a member; noise: obs_dim x n. The pass belongs to the caller and keeps what step_backward needs.
  void step(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> noise,
            BatchRef<float> next_obs, VecRef<float> reward, nn::Pass& pass) const;
  /// After step with the same member and pass, of a loss whose gradients with respect to next_obs and reward are given:
  /// its gradients with respect to obs and action. Noise is held.
  void step_backward(int member, ConstBatchRef<float> next_weight, ConstVecRef<float> reward_weight,
                     BatchRef<float> obs_gradient, BatchRef<float> action_gradient, nn::Pass& pass) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  DifferentiableEnsembleSettings settings_;
  std::vector<float> mid_, half_;  // of the actions' bounds
  std::vector<nn::Network> networks_;
  Batchf log_deviation_;
  Vecf obs_mean_, obs_scale_, target_mean_, target_scale_;
};

}  // namespace mbrl
