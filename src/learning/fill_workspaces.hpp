// Memory of a policy for the ranges of a batch that are worked on at a time.
#pragma once

#include <algorithm>
#include <vector>

#include "mbrl/core/scratch_pool.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// At most `at_a_time` pieces, grown to the longest range here, so that nothing is allocated later.
inline void fill_workspaces(ScratchPool<MlpPolicy::Workspace>& workspaces, const MlpPolicy& policy,
                            const std::vector<BatchRange>& ranges, int at_a_time) {
  Index longest = 1;
  for (const BatchRange& range : ranges) longest = std::max(longest, range.count);
  workspaces.fill(std::min(at_a_time, static_cast<int>(ranges.size())), [&] {
    MlpPolicy::Workspace w;
    const Batchf obs = Batchf::Zero(policy.obs_dim(), longest);
    Batchf memory(0, longest), action(policy.action_dim(), longest);
    policy.mode(obs, memory, action, w);
    return w;
  });
}

}  // namespace mbrl
