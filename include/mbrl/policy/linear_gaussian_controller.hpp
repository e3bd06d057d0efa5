// A controller that acts by a Gaussian around a linear function of the state, another one at every step: the solution
// of a linear-quadratic problem, with noise where an action matters little.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/policy/policy_actor.hpp"

namespace mbrl {

/// u_t ~ N(K_t x_t + k_t, Sigma_t), t = 0 ... T - 1, and the last step's from there on. An Actor; what it draws is a
/// function of (the seed of the episode, t).
class LinearGaussianController {
 public:
  LinearGaussianController() = default;
  /// Throws mbrl::Error for no steps, and steps that do not go together or are not finite.
  explicit LinearGaussianController(std::vector<ConditionalGaussian> steps);
  /// The same at every step: no feedback, these actions (action_dim) and deviations around them.
  static LinearGaussianController constant(int state_dim, int horizon, ConstVecRef<double> action,
                                           ConstVecRef<double> deviation);

  int horizon() const { return static_cast<int>(steps_.size()); }
  int state_dim() const { return static_cast<int>(steps_.front().in()); }
  int action_dim() const { return static_cast<int>(steps_.front().out()); }
  const ConditionalGaussian& at(int t) const;
  const std::vector<ConditionalGaussian>& steps() const { return steps_; }

  /// Whether it draws actions or takes their mean.
  void set_mode(ActMode mode) { mode_ = mode; }
  void begin(std::uint64_t seed) { seed_ = seed; }
  Vecd act(ConstVecRef<double> state, int t) const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  std::vector<ConditionalGaussian> steps_;
  std::vector<Batchd> roots_;  // of the covariances
  ActMode mode_ = ActMode::kSample;
  std::uint64_t seed_ = 0;
};

}  // namespace mbrl
