// Dynamics that switch between a few linear-Gaussian maps, as contacts make them, with the mode a Markov chain:
// x' = A_k x + B_k u + b_k + e. States are seen, modes are not: expectation maximisation by the forward-backward
// recursion (Rabiner, Proceedings of the IEEE 1989) and weighted least squares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/models/local/state_trajectory.hpp"

namespace mbrl {

struct SwitchingSettings {
  int modes = 2;
  int iterations = 100;      // of expectation maximisation at most
  int restarts = 8;          // beginnings, of which the likeliest end is kept
  double tolerance = 1e-6;   // a smaller gain of the log-likelihood per transition ends a fit
  double ridge = 1e-8;       // of variances, in those of all transitions
  double transitions = 1.0;  // imagined, of each mode to each, so that none is impossible

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("modes", s.modes, "linear maps");
    field("iterations", s.iterations, "steps of expectation maximisation at most");
    field("restarts", s.restarts, "beginnings, of which the likeliest end is kept");
    field("tolerance", s.tolerance, "a smaller gain of the log-likelihood per transition ends a fit");
    field("ridge", s.ridge, "added to variances, in variances of all transitions");
    field("transitions", s.transitions, "imagined transitions of each mode to each");
  }
  /// Throws mbrl::Error for settings that make no sense.
  void validate() const;
};

class SwitchingLinearModel {
 public:
  SwitchingLinearModel() = default;

  /// Every beginning takes stretches of a few consecutive transitions, drawn as functions of (seed, restart), as the
  /// first guess of what a mode does. Throws mbrl::Error as check_trajectories, and for fewer transitions than twice the
  /// coefficients of all modes.
  static SwitchingLinearModel fit(const std::vector<StateTrajectory>& trajectories,
                                  const SwitchingSettings& settings, std::uint64_t seed);

  int modes() const { return static_cast<int>(maps_.size()); }
  /// x' | [x; u] in mode k.
  const ConditionalGaussian& map(int k) const { return maps_[static_cast<std::size_t>(k)]; }
  /// p(mode of the first step), and p(next mode | mode) in row `mode`.
  const Vecd& initial() const { return initial_; }
  const Batchd& transition() const { return transition_; }

  /// p(mode of step t | the whole trajectory), modes x T.
  Batchd mode_probabilities(const StateTrajectory& trajectory) const;
  /// log p(x_1 ... x_T | x_0, actions).
  double log_likelihood(const StateTrajectory& trajectory) const;
  /// Mean and covariance of x' in a step whose mode has these probabilities.
  GaussianMoments predict(ConstVecRef<double> state, ConstVecRef<double> action,
                          ConstVecRef<double> modes) const;
  /// p(mode of the next step), after a step whose mode had these probabilities before it led to next_state.
  Vecd filter(ConstVecRef<double> modes, ConstVecRef<double> state, ConstVecRef<double> action,
              ConstVecRef<double> next_state) const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Smoothed {
    Batchd modes;  // modes x T
    Batchd pairs;  // expected transitions, modes x modes
    double log_likelihood = 0;
  };
  Smoothed smooth(const Batchd& transitions) const;
  void maximise(const std::vector<Batchd>& transitions, const std::vector<Smoothed>& given, const Vecd& least,
                double imagined);

  std::vector<ConditionalGaussian> maps_;
  Vecd initial_;
  Batchd transition_;
};

}  // namespace mbrl
