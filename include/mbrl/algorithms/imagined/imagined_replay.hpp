// What a model imagined in its last rounds, and batches of which a part was experienced: MBPO and its relatives learn
// from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

class ImaginedReplay {
 public:
  /// Transitions of the last `rounds` rounds are drawn from, of at most rows_per_round each.
  ImaginedReplay(const EnvSpec& spec, int rounds, std::size_t rows_per_round, std::uint64_t seed);

  /// The sound steps of these trajectories as the newest round, step after step. Returns their mean reward (NaN for
  /// none).
  double add(const Trajectories& paths);

  /// Rows of the newest round, and of all rounds that are drawn from.
  std::int64_t newest() const { return round_rows_.empty() ? 0 : round_rows_.back(); }
  std::int64_t kept() const;
  const TransitionBuffer& buffer() const { return buffer_; }

  /// The batch of update `number`: real_ratio of it from `real`, the rest from the rounds kept, uniformly with
  /// replacement. A function of (seed, number) and of what there is.
  void draw(const TransitionBuffer& real, double real_ratio, int batch_size, std::uint32_t number,
            Transitions& out);

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  void draw_part(const TransitionBuffer& from, std::size_t newest, int count, std::uint32_t number,
                 std::uint32_t what, Transitions& out);

  std::size_t rounds_;
  TransitionBuffer buffer_;
  RandomStream random_;
  std::vector<std::int64_t> round_rows_;  // of the rounds kept
  std::vector<std::uint32_t> rows_;
  Transitions real_part_, imagined_part_;
};

}  // namespace mbrl
