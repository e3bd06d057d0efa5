// What was experienced: a ring of transitions that knows where episodes begin and end.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// A stretch of one episode: `length` transitions from row `first` on.
struct EpisodeRange {
  std::size_t first = 0, length = 0;
  bool operator==(const EpisodeRange&) const = default;
};

/// What the names in a checkpoint of whatever belongs to a lane of a buffer begin with: without lanes, `prefix`.
inline std::string lane_prefix(const std::string& prefix, std::size_t lane) {
  return lane == 0 ? prefix : prefix + "lane" + std::to_string(lane) + ".";
}

/// Any struct of matrices that transitions can be copied into.
template <class T>
concept TransitionColumns = requires(T& t) {
  { t.obs } -> std::convertible_to<Batchf&>;
  { t.action } -> std::convertible_to<Batchf&>;
  { t.next_obs } -> std::convertible_to<Batchf&>;
  { t.reward } -> std::convertible_to<Vecf&>;
};

/// Row 0 is the oldest transition kept, row size() - 1 the newest; when full, the oldest is overwritten.
/// Numbers are cast to float once, on the way in. Memory grows by doubling up to the capacity.
///
/// Several environments that are stepped together fill it in turn, each on a lane of its own with its own episode under
/// way: none adds a second transition before every other that goes on has added one. Rows of an episode are then not
/// next to each other; following() and episode_rows() find them.
class TransitionBuffer {
 public:
  TransitionBuffer(int obs_dim, int action_dim, std::size_t capacity, int lanes = 1);

  /// An episode goes on until a transition is terminated or truncated, or begin_episode is called for its lane.
  /// Throws mbrl::Error for wrong dimensions and for numbers that are not finite (as floats).
  void add(ConstVecRef<double> obs, ConstVecRef<double> action, ConstVecRef<double> next_obs, double reward,
           bool terminated, bool truncated, int lane = 0);
  void begin_episode(int lane = 0) { lane_at(lane).open = false; }
  void clear();

  int lanes() const { return static_cast<int>(lanes_.size()); }
  /// The row of the next step of this row's episode; none at the end of the episode or of what is known of it.
  std::optional<std::size_t> following(std::size_t row) const;
  /// The rows of the lane's last episode that are kept, in order: of the one under way, or else of the last one.
  std::vector<std::uint32_t> episode_rows(int lane = 0) const;

  int obs_dim() const { return obs_dim_; }
  int action_dim() const { return action_dim_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

  /// One row. Throws nothing; row < size().
  Eigen::Map<const Vecf> obs(std::size_t row) const { return column(obs_, obs_dim_, row); }
  Eigen::Map<const Vecf> action(std::size_t row) const { return column(action_, action_dim_, row); }
  Eigen::Map<const Vecf> next_obs(std::size_t row) const { return column(next_obs_, obs_dim_, row); }
  float reward(std::size_t row) const { return reward_[slot(row)]; }
  bool terminated(std::size_t row) const { return (flags_[slot(row)] & kTerminated) != 0; }
  bool truncated(std::size_t row) const { return (flags_[slot(row)] & kTruncated) != 0; }
  std::uint64_t episode(std::size_t row) const {
    return episode_[slot(row)];
  }  // counts from 0 and never repeats
  std::uint32_t step(std::size_t row) const { return step_[slot(row)]; }  // control step within the episode

  /// Rows [first, first + count) as a matrix without a copy (dim x count), where the ring does not wrap
  /// between them: always, as long as nothing has been overwritten. Throws mbrl::Error otherwise; ask
  /// contiguous() first.
  bool contiguous(std::size_t first, std::size_t count) const;
  Eigen::Map<const Batchf> obs_view(std::size_t first, std::size_t count) const;
  Eigen::Map<const Batchf> action_view(std::size_t first, std::size_t count) const;
  Eigen::Map<const Batchf> next_obs_view(std::size_t first, std::size_t count) const;

  /// Copies of all rows, of a range, or of the rows named (in that order; repeats allowed).
  Transitions batch() const { return batch(0, size_); }
  Transitions batch(std::size_t first, std::size_t count) const;
  template <class Int>
  Transitions batch(std::span<const Int> rows) const {
    Transitions out;
    gather(rows, out);
    return out;
  }
  /// Into matrices of the caller's, which are resized only if they have another shape: no allocation in a
  /// loop.
  template <class Int, TransitionColumns T>
  void gather(std::span<const Int> rows, T& out) const {
    const auto n = static_cast<Index>(rows.size());
    out.obs.resize(obs_dim_, n);
    out.action.resize(action_dim_, n);
    out.next_obs.resize(obs_dim_, n);
    out.reward.resize(n);
    if constexpr (std::same_as<T, Transitions>) {
      out.terminated.resize(rows.size());
      out.truncated.resize(rows.size());
    }
    for (Index i = 0; i < n; ++i) {
      const auto k = static_cast<std::size_t>(i);
      const auto row = static_cast<std::size_t>(rows[k]);
      check_row(row);
      out.obs.col(i) = obs(row);
      out.action.col(i) = action(row);
      out.next_obs.col(i) = next_obs(row);
      out.reward(i) = reward(row);
      if constexpr (std::same_as<T, Transitions>) {
        out.terminated[k] = terminated(row);
        out.truncated[k] = truncated(row);
      }
    }
  }

  /// The episodes kept, oldest first; the first may have lost its beginning to overwriting. Throws mbrl::Error where
  /// there are several lanes.
  std::vector<EpisodeRange> episodes() const;
  /// Every row at which at least k consecutive transitions of one episode begin, ascending: starts for
  /// open-loop predictions over k steps. Throws mbrl::Error unless k >= 1.
  std::vector<std::uint32_t> window_starts(int k) const;
  /// n of them drawn with replacement, indexed by `index`; empty if there are none.
  std::vector<std::uint32_t> sample_windows(int k, std::size_t n, const RandomStream& random,
                                            std::uint32_t index) const;

  /// Checkpoint: rows in order, and where the episodes in progress stand. load throws mbrl::Error for other
  /// dimensions or lanes, a larger size than the capacity, or numbers that are not finite; the buffer is then
  /// unchanged. Rows that the checkpoint has already (StateDict::stored) are left out.
  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

  /// The same arrays as a data set of their own in a safetensors file (obs, action, next_obs: [n, dim];
  /// reward; terminated; truncated; episode; step), episode by episode. In a file without episode and step, episodes end where
  /// terminated or truncated is set, or where next_obs is not the following obs. The capacity is the number of
  /// rows unless given. `environment`: the name of what they are transitions of, empty where the file does not say.
  void save_dataset(const std::filesystem::path& path, const std::string& environment = {}) const;
  [[nodiscard]] static TransitionBuffer load_dataset(const std::filesystem::path& path,
                                                     std::size_t capacity = 0,
                                                     std::string* environment = nullptr);

 private:
  static constexpr std::uint8_t kTerminated = 1, kTruncated = 2;

  // Whose episode is under way, or has been.
  struct Lane {
    bool open = false;
    std::uint64_t episode = 0;
    std::uint32_t next_step = 0;
  };

  Lane& lane_at(int lane);
  std::size_t slot(std::size_t row) const {
    const std::size_t s = begin_ + row;
    return s < capacity_ ? s : s - capacity_;
  }
  Eigen::Map<const Vecf> column(const std::vector<float>& values, int dim, std::size_t row) const {
    return {values.data() + slot(row) * static_cast<std::size_t>(dim), dim};
  }
  Eigen::Map<const Batchf> view(const std::vector<float>& values, int dim, std::size_t first,
                                std::size_t count) const;
  void check_row(std::size_t row) const;
  void append(const float* obs, const float* action, const float* next_obs, float reward, std::uint8_t flags,
              std::uint64_t episode, std::uint32_t step);
  void read_rows(const StateDict& in, const std::string& prefix, const std::string& where);

  int obs_dim_, action_dim_;
  std::size_t capacity_;
  std::size_t begin_ = 0, size_ = 0;          // slot of row 0; rows kept
  std::uint64_t appended_ = 0, history_ = 0;  // rows ever added since the last clear; how many clears
  std::vector<Lane> lanes_;
  std::uint64_t next_episode_ = 0;  // number of the next episode to begin
  std::vector<float> obs_, action_, next_obs_, reward_;
  std::vector<std::uint8_t> flags_;
  std::vector<std::uint64_t> episode_;
  std::vector<std::uint32_t> step_;
};

}  // namespace mbrl
