// Scratch memory for the ranges of a batch that are worked on at a time, made for the longest of them, so that nothing is
// allocated later.
#pragma once

#include <algorithm>
#include <vector>

#include "mbrl/core/scratch_pool.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// At most `at_a_time` pieces, each make(columns of the longest range).
template <class T, class Make>
void fill_for_ranges(ScratchPool<T>& pool, const std::vector<BatchRange>& ranges, int at_a_time,
                     const Make& make) {
  Index longest = 1;
  for (const BatchRange& range : ranges) longest = std::max(longest, range.count);
  pool.fill(std::min(at_a_time, static_cast<int>(ranges.size())), [&] { return make(longest); });
}

/// Of a policy; it grows when it is used.
inline void fill_for_ranges(ScratchPool<MlpPolicy::Workspace>& pool, const std::vector<BatchRange>& ranges,
                            int at_a_time, const MlpPolicy& policy) {
  fill_for_ranges(pool, ranges, at_a_time, [&](Index columns) {
    MlpPolicy::Workspace w;
    const Batchf obs = Batchf::Zero(policy.obs_dim(), columns);
    Batchf memory(0, columns), action(policy.action_dim(), columns);
    policy.mode(obs, memory, action, w);
    return w;
  });
}

}  // namespace mbrl
