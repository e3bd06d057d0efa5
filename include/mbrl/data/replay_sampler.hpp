// What is drawn from a replay buffer: uniformly or by priority, single steps or several at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/sum_tree.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// The rows named, each over up to n steps of its episode: the first step's obs and action, the last one's
/// next_obs and how it ended, reward = sum_k discount^k r_{t+k}, and in `discount` what the value of next_obs
/// counts, discount^m after m steps: fewer than n where the episode ends, or the buffer. The target
///   y = reward + (1 - terminated) discount Q(next_obs, a')
/// is the n-step return (Sutton and Barto, "Reinforcement learning", 2018, section 7.1); its actions are those
/// that were taken, without a correction for the policy having changed since. Throws for n < 1, a discount
/// outside [0, 1] and rows that are not there.
void gather_n_step(const TransitionBuffer& buffer, std::span<const std::uint32_t> rows, int n,
                   double discount, Transitions& out);

/// Of prioritised replay: Schaul, Quan, Antonoglou, Silver, "Prioritized experience replay", ICLR 2016.
struct PrioritySettings {
  double alpha = 0;       // drawn in proportion to |TD error|^alpha; 0: uniformly
  double beta = 0.4;      // how much of the bias that this brings the weights take back, at first
  double epsilon = 1e-3;  // added to every |TD error|, so that all rows are drawn now and then

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("alpha", s.alpha, "transitions are drawn in proportion to |TD error|^alpha; 0: uniformly");
    field("beta", s.beta,
          "share of the bias of this that weights in the loss take back, growing to 1 with the steps");
    field("epsilon", s.epsilon, "added to every |TD error|");
  }

  /// Throws mbrl::Error, which begins with `who`.
  void validate(const char* who) const;
};

/// Draws rows of one buffer. What is drawn is a function of (seed, number of the draw, buffer, errors told).
class ReplaySampler {
 public:
  /// capacity: the buffer's.
  ReplaySampler(const PrioritySettings& settings, std::size_t capacity, std::uint64_t seed);

  bool prioritized() const { return settings_.alpha > 0; }
  /// Said after every row that was added to the buffer: it gets the largest priority so far.
  void added();

  /// One row for each of `rows`, from a buffer of `size` rows, with repeats; `weight` becomes
  /// (size P(row))^-beta over the largest of the draw, or empty where all are 1. `beta` grows from the
  /// settings' to 1 with `progress`, 0 to 1. By priority one row is drawn from each of as many equal shares of
  /// the sum (section 3.3 of the paper). Throws for an empty buffer.
  void draw(std::size_t size, std::uint32_t number, double progress, std::span<std::uint32_t> rows,
            Vecf& weight);
  /// |TD errors| of the rows last drawn. Does nothing where rows are drawn uniformly.
  void tell(std::span<const std::uint32_t> rows, const Vecf& errors);

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  std::size_t held() const;  // rows of the buffer
  std::size_t slot(std::size_t row) const;

  PrioritySettings settings_;
  std::size_t capacity_;
  std::int64_t added_ = 0;
  RandomStream random_;
  SumTree tree_;        // of |error|^alpha; a row keeps its slot while it is in the buffer
  double largest_ = 1;  // of what has been told, and 1
};

}  // namespace mbrl
