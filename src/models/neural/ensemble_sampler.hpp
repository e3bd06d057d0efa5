// One stochastic step of an ensemble for columns that step together: encoding, networks, noise, state update,
// reward and termination. Rollouts of action sequences and imagination under a policy are loops over it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/models/neural/ensemble_uncertainty.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/task/task_functions.hpp"
#include "models/neural/tiles.hpp"

namespace mbrl {

// Which network predicts a column.
enum class MemberUse {
  kShared,  // one for all columns of a call: Step::member
  kOwn,     // each column's own: SamplerColumns::member
  kAll,     // the elites as one Gaussian
};

// Once not alive, a column keeps its last sound observation and earns nothing.
enum class ColumnStatus : std::uint8_t { kAlive, kTerminated, kOutOfData, kNotFinite, kPadding };

// Columns that step together and the scratch memory of their steps. Arrays are [row][width], tile after tile:
// entry i of column c of a tile lies at (tile.first * rows + i * width + c - tile.first) with width =
// tile.vectors * lanes. Filled by EnsembleSampler::begin and the caller; grows to the most columns asked for
// and stays.
struct SamplerColumns {
  std::size_t count = 0;  // columns; what fills the last tile up is padding
  std::vector<simd::TileRange> tiles;
  AlignedFloats obs, action, next_obs;      // obs_dim, action_dim, obs_dim rows
  std::vector<float> reward;                // of the last step; 0 where nothing was earned
  std::vector<float> uncertainty;           // of the last step, where it asked for one
  std::vector<std::uint32_t> id, particle;  // name the column's noise, together with key, step and dimension
  std::vector<std::uint32_t> member;        // with kOwn: which elite
  std::vector<ColumnStatus> status;

  // Where a column's entries lie in an array of that many rows, and how far apart they are.
  struct Place {
    std::size_t first = 0, stride = 0;
  };
  Place place(std::size_t column, int rows) const;
  bool any_alive() const;

  std::size_t capacity = 0;
  int lanes = 0;
  AlignedFloats input, mean, deviation, noise;              // all tiles; noise: one
  AlignedFloats layer_a, layer_b, gathered, member_means;   // one tile
  AlignedFloats obs_columns, next_columns, action_columns;  // one tile, a column a sample
  AlignedFloats output;                                     // one row of a tile
  AlignedFloats predictions;                                // of all networks, one tile; where asked for
  std::vector<std::int32_t> finite, inside;                 // one tile
  std::vector<std::size_t> chosen;
  std::vector<simd::TileRange> parts;
};

// Const after construction and safe to share between threads, each with columns of its own. A column's
// results do not depend on the columns beside it.
class EnsembleSampler {
 public:
  // The reward may be empty if the ensemble has learned it. An empty termination is the ensemble's own where it
  // has learned one (a step ends where its logit is above 0), and else ends nothing. noise:
  // draw the next observation; else take its mean. Throws mbrl::Error for an invalid model, or if nothing gives
  // the reward.
  EnsembleSampler(const char* where, const MlpEnsemble& model, RewardFunction<float> reward,
                  TerminationFunction<float> termination, MemberUse members, bool noise);

  const MlpEnsemble& model() const { return packed_.model(); }
  const RewardFunction<float>& reward() const { return reward_; }
  const TerminationFunction<float>& termination() const { return termination_; }
  int elites() const { return static_cast<int>(model().elites.size()); }
  int lanes() const;
  int tile_width() const;  // columns of the widest tile

  // Room for `count` columns, all alive; those that pad the last tile are given by `status`. obs, id,
  // particle and member are the caller's to fill, padding included.
  void begin(std::size_t count, SamplerColumns& c) const;
  std::size_t padded(std::size_t count) const;

  struct Step {
    std::array<std::uint32_t, 2> noise_key;
    std::uint32_t step = 0;  // its part of the noise's counter
    int t = 0;               // control step, for rewards and terminations
    int member = 0;          // with kShared
    // obs_dim each: a column that leaves [low, high] in any entry is stopped, or held at the edge; null: none
    // is.
    const float* low = nullptr;
    const float* high = nullptr;
    bool hold = false;
    EnsembleUncertainty uncertainty = EnsembleUncertainty::kNone;  // to c.uncertainty: every network predicts
  };
  // From c.obs and c.action (padding filled too) to c.next_obs, c.reward and c.status. The reward of the
  // terminating step is earned. A column whose uncertainty is not finite is not finite.
  void step(const Step& s, SamplerColumns& c) const;

  // value(obs, t) for the columns alive: added to nothing, written to c.reward (0 for the others).
  void evaluate(const TerminalValueFunction<float>& value, int t, SamplerColumns& c) const;

 private:
  const simd::EnsembleKernels& kernels() const;
  void encode(const simd::TileRange& tile, SamplerColumns& c) const;
  void predict_member(int member, const simd::TileRange& tile, SamplerColumns& c) const;
  void predict_own(SamplerColumns& c) const;
  void predict_all(const simd::TileRange& tile, SamplerColumns& c) const;
  void measure(EnsembleUncertainty kind, const simd::TileRange& tile, SamplerColumns& c) const;
  void guard(const Step& s, const simd::TileRange& tile, SamplerColumns& c) const;
  void earn(const Step& s, const simd::TileRange& tile, SamplerColumns& c) const;

  PackedEnsemble packed_;
  RewardFunction<float> reward_;
  TerminationFunction<float> termination_;
  MemberUse members_;
  bool noise_, sampled_;
  std::vector<int> observed_,
      predicted_;  // targets that are not constant; learned reward not included, or included
};

}  // namespace mbrl
