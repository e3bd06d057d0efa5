// Q-learning in a table, from experience and from what a model that remembers experience says would happen.
// Sutton, "Integrated architectures for learning, planning, and reacting", ICML 1990; Sutton and Barto,
// "Reinforcement learning: an introduction", 2nd ed., 2018, section 8.2: tabular Dyna-Q.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

struct DynaQSettings {
  int planning_steps =
      50;  // n: remembered transitions learned from for each that is experienced; 0: Q-learning
  double learning_rate = 0.1;  // alpha
  double discount = 0.95;      // gamma
  double epsilon = 0.1;        // share of actions that are random
  int max_states = 100'000;    // rows of the table

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("planning_steps", s.planning_steps,
          "remembered transitions learned from for each that is experienced; 0: Q-learning");
    field("learning_rate", s.learning_rate, "share of a difference that a value takes over");
    field("discount", s.discount, "of rewards, per step");
    field("epsilon", s.epsilon, "share of actions that are random");
    field("max_states", s.max_states, "different observations at most");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// Values Q(s, a) of every observation s that was seen and every choice a. After a transition to s' with reward r
///   Q(s, a) <- Q(s, a) + alpha (r + gamma max_a' Q(s', a') - Q(s, a)),   0 in place of the maximum where s' is an end,
/// and the same for n pairs (s, a) drawn from all that were tried, with the r and s' that came last. Numbers are
/// functions of (seed, number of transitions).
class DynaQ {
 public:
  DynaQ(int obs_dim, int choices, const DynaQSettings& settings, std::uint64_t seed);

  /// The choice for control step `step` of the run: random with probability epsilon, else one of the best.
  int explore(ConstVecRef<double> obs, std::int64_t step) const;
  /// The first of the best choices; 0 for an observation that was never seen.
  int best(ConstVecRef<double> obs) const;
  /// Learns from one transition, then plans. Throws mbrl::Error for more observations than the table may have.
  void learn(ConstVecRef<double> obs, int choice, double reward, ConstVecRef<double> next_obs,
             bool terminated);

  /// Q(s, .), one a choice; zeros for an observation that was never seen.
  Vecd values(ConstVecRef<double> obs) const;
  int choices() const { return static_cast<int>(values_.rows()); }
  std::size_t states() const { return row_of_.size(); }  // observations seen
  std::size_t tried() const { return tried_.size(); }    // pairs of one and a choice

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Outcome {
    int next = -1;  // row of s'; -1: never tried
    double reward = 0;
    bool terminated = false;
  };
  int find(ConstVecRef<double> obs) const;  // -1 where it was never seen
  int row(ConstVecRef<double> obs);
  void update(int row, int choice, const Outcome& outcome);
  Outcome& outcome(int row, int choice) {
    return model_[static_cast<std::size_t>(row) * static_cast<std::size_t>(choices()) +
                  static_cast<std::size_t>(choice)];
  }

  DynaQSettings settings_;
  std::uint64_t seed_;
  int obs_dim_;
  std::map<std::vector<double>, int> row_of_;
  Batchd values_;                    // choices x rows, with room for more
  std::vector<Outcome> model_;       // row by row
  std::vector<std::int64_t> tried_;  // row * choices + choice, in the order of the first time
  std::int64_t transitions_ = 0;
};

}  // namespace mbrl
