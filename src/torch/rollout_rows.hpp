// The rows of a rollout on the device: whose they are, and which member predicts them.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <vector>

#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl::libtorch {

// Which candidate and particle each row is, of a call of a given shape.
struct RolloutRows {
  int candidates = 0, first = 0, last = 0;  // particles [first, last)
  int rows = 0, share = 0;                  // share: rows each elite's network sees at once (TSinf, TS1)
  std::vector<std::int64_t> candidate, particle;
  std::vector<char> real;                      // padding rows repeat a real one
  at::Tensor candidate_index, particle_index;  // [rows]
  at::Tensor noise_row, noise_particle;  // common noise: row -> line of the table; the table's particles
  at::Tensor steps, blocks;              // counters 0, 1, ...
};

// Particles [first, last) of that many candidates.
RolloutRows make_rows(const EnsembleRolloutSettings& settings, int elites, int obs_dim, int candidates,
                      int first, int last, const at::Device& device);

// TS1's tables for all steps (on the CPU): which rows each member's block takes [horizon, elites * share],
// and in `place` where each row's prediction lies [horizon, rows]. ids: the candidates' part of the counter.
at::Tensor deal_members(const RolloutRows& rows, const EnsembleRolloutSettings& settings, int elites,
                        const std::array<std::uint32_t, 2>& key, const std::uint32_t* ids, at::Tensor& place);

}  // namespace mbrl::libtorch
