// The ring of transitions.
#include "mbrl/data/transition_buffer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

constexpr std::size_t kMostRows = std::numeric_limits<std::uint32_t>::max();

Vecf checked(ConstVecRef<double> values, int dim, const char* what) {
  require_dim("TransitionBuffer::add", what, values.size(), dim);
  Vecf cast = values.cast<float>();
  for (Index i = 0; i < cast.size(); ++i)
    require(std::isfinite(cast(i)), "TransitionBuffer::add: ", what, "[", i, "] is ", values(i),
            ", expected a finite number (as a float)");
  return cast;
}

// A float array of n rows from a checkpoint or data set, all finite. n unset: taken from this array.
std::vector<float> read_floats(const StateDict& in, const std::string& name, const std::string& where,
                               int dim, std::optional<std::size_t>& n) {
  std::vector<float> values = in.get<float>(name);
  const std::vector<std::int64_t>& shape = in.arrays.at(name).shape;
  const std::size_t axes = dim > 0 ? 2 : 1;
  require(shape.size() == axes, where, ": '", name, "' has ", shape.size(), " axes, expected ", axes);
  if (dim > 0) require_dim(where, "'" + name + "'", shape[1], dim);
  if (!n) n = static_cast<std::size_t>(shape[0]);
  require(static_cast<std::size_t>(shape[0]) == *n, where, ": '", name, "' has ", shape[0],
          " rows, expected ", *n);
  for (std::size_t i = 0; i < values.size(); ++i)
    require(std::isfinite(values[i]), where, ": '", name, "' holds ", values[i], " in row ",
            i / static_cast<std::size_t>(std::max(dim, 1)), ", expected finite numbers");
  return values;
}

template <class T>
std::vector<T> read_column(const StateDict& in, const std::string& name, const std::string& where,
                           std::size_t n) {
  std::vector<T> values = in.get<T>(name);
  require(values.size() == n, where, ": '", name, "' has ", values.size(), " rows, expected ", n);
  return values;
}

}  // namespace

TransitionBuffer::TransitionBuffer(int obs_dim, int action_dim, std::size_t capacity, int lanes)
    : obs_dim_(obs_dim),
      action_dim_(action_dim),
      capacity_(capacity),
      lanes_(static_cast<std::size_t>(std::max(lanes, 1))) {
  require(lanes >= 1, "TransitionBuffer: lanes is ", lanes, ", expected at least 1");
  require(obs_dim >= 1, "TransitionBuffer: obs_dim is ", obs_dim, ", expected at least 1");
  require(action_dim >= 1, "TransitionBuffer: action_dim is ", action_dim, ", expected at least 1");
  require(capacity >= 1 && capacity <= kMostRows, "TransitionBuffer: capacity is ", capacity,
          ", expected 1 to ", kMostRows);
}

void TransitionBuffer::add(ConstVecRef<double> obs, ConstVecRef<double> action, ConstVecRef<double> next_obs,
                           double reward, bool terminated, bool truncated, int lane) {
  Lane& own = lane_at(lane);
  const Vecf o = checked(obs, obs_dim_, "obs");
  const Vecf a = checked(action, action_dim_, "action");
  const Vecf n = checked(next_obs, obs_dim_, "next_obs");
  const Vecf r = checked(Vecd::Constant(1, reward), 1, "reward");
  if (!own.open) own = {.open = true, .episode = next_episode_++};
  const auto flags = static_cast<std::uint8_t>((terminated ? kTerminated : 0) | (truncated ? kTruncated : 0));
  append(o.data(), a.data(), n.data(), r(0), flags, own.episode, own.next_step++);
  if (flags != 0) own.open = false;
}

TransitionBuffer::Lane& TransitionBuffer::lane_at(int lane) {
  require(lane >= 0 && lane < lanes(), "TransitionBuffer: lane ", lane, " asked for, there are ", lanes());
  return lanes_[static_cast<std::size_t>(lane)];
}

std::optional<std::size_t> TransitionBuffer::following(std::size_t row) const {
  for (std::size_t next = row + 1; next < size_ && next <= row + lanes_.size(); ++next)
    if (episode(next) == episode(row)) return next;
  return std::nullopt;
}

std::vector<std::uint32_t> TransitionBuffer::episode_rows(int lane) const {
  require(lane >= 0 && lane < lanes(), "TransitionBuffer: lane ", lane, " asked for, there are ", lanes());
  const Lane& own = lanes_[static_cast<std::size_t>(lane)];
  std::vector<std::uint32_t> rows;
  std::uint32_t left = own.next_step;  // transitions, the newest first
  for (std::size_t row = size_; row-- > 0 && left > 0;)
    if (episode(row) == own.episode) {
      rows.push_back(static_cast<std::uint32_t>(row));
      --left;
    }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

void TransitionBuffer::append(const float* obs, const float* action, const float* next_obs, float reward,
                              std::uint8_t flags, std::uint64_t episode, std::uint32_t step) {
  const auto o = static_cast<std::size_t>(obs_dim_), a = static_cast<std::size_t>(action_dim_);
  ++appended_;
  if (size_ < capacity_) {
    if (reward_.size() == reward_.capacity()) {
      const std::size_t rows = std::min(capacity_, std::max<std::size_t>(1024, 2 * reward_.size()));
      obs_.reserve(rows * o);
      action_.reserve(rows * a);
      next_obs_.reserve(rows * o);
      reward_.reserve(rows);
      flags_.reserve(rows);
      episode_.reserve(rows);
      step_.reserve(rows);
    }
    obs_.insert(obs_.end(), obs, obs + o);
    action_.insert(action_.end(), action, action + a);
    next_obs_.insert(next_obs_.end(), next_obs, next_obs + o);
    reward_.push_back(reward);
    flags_.push_back(flags);
    episode_.push_back(episode);
    step_.push_back(step);
    ++size_;
    return;
  }
  const std::size_t s = begin_;  // the oldest makes room
  std::copy_n(obs, o, obs_.begin() + static_cast<std::ptrdiff_t>(s * o));
  std::copy_n(action, a, action_.begin() + static_cast<std::ptrdiff_t>(s * a));
  std::copy_n(next_obs, o, next_obs_.begin() + static_cast<std::ptrdiff_t>(s * o));
  reward_[s] = reward;
  flags_[s] = flags;
  episode_[s] = episode;
  step_[s] = step;
  begin_ = begin_ + 1 < capacity_ ? begin_ + 1 : 0;
}

void TransitionBuffer::clear() {
  obs_.clear();
  action_.clear();
  next_obs_.clear();
  reward_.clear();
  flags_.clear();
  episode_.clear();
  step_.clear();
  begin_ = size_ = 0;
  appended_ = 0;
  ++history_;
  for (Lane& lane : lanes_) lane = {};
}

void TransitionBuffer::check_row(std::size_t row) const {
  require(row < size_, "TransitionBuffer: row ", row, " asked for, ", size_, " are kept");
}

bool TransitionBuffer::contiguous(std::size_t first, std::size_t count) const {
  if (first > size_ || count > size_ - first) return false;
  return count == 0 || slot(first) + count <= capacity_;
}

Eigen::Map<const Batchf> TransitionBuffer::view(const std::vector<float>& values, int dim, std::size_t first,
                                                std::size_t count) const {
  require(first <= size_ && count <= size_ - first, "TransitionBuffer: rows ", first, " to ", first + count,
          " asked for, ", size_, " are kept");
  require(contiguous(first, count), "TransitionBuffer: rows ", first, " to ", first + count,
          " wrap around the end of the ring; copy them with batch()");
  const std::size_t offset = count == 0 ? 0 : slot(first) * static_cast<std::size_t>(dim);
  return {values.data() + offset, dim, static_cast<Index>(count)};
}
Eigen::Map<const Batchf> TransitionBuffer::obs_view(std::size_t first, std::size_t count) const {
  return view(obs_, obs_dim_, first, count);
}
Eigen::Map<const Batchf> TransitionBuffer::action_view(std::size_t first, std::size_t count) const {
  return view(action_, action_dim_, first, count);
}
Eigen::Map<const Batchf> TransitionBuffer::next_obs_view(std::size_t first, std::size_t count) const {
  return view(next_obs_, obs_dim_, first, count);
}

Transitions TransitionBuffer::batch(std::size_t first, std::size_t count) const {
  require(first <= size_ && count <= size_ - first, "TransitionBuffer: rows ", first, " to ", first + count,
          " asked for, ", size_, " are kept");
  std::vector<std::size_t> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i] = first + i;
  return batch(std::span<const std::size_t>(rows));
}

std::vector<EpisodeRange> TransitionBuffer::episodes() const {
  require(lanes() == 1, "TransitionBuffer: the rows of an episode are asked for as a range, but ", lanes(),
          " environments take turns; save_dataset puts them in order");
  std::vector<EpisodeRange> out;
  for (std::size_t row = 0; row < size_; ++row) {
    if (row == 0 || episode(row) != episode(row - 1)) out.push_back({row, 0});
    ++out.back().length;
  }
  return out;
}

std::vector<std::uint32_t> TransitionBuffer::window_starts(int k) const {
  require(k >= 1, "TransitionBuffer: windows of ", k, " steps asked for, expected at least 1");
  std::vector<std::uint32_t> starts;
  for (const EpisodeRange& range : episodes())
    for (std::size_t i = 0; i + static_cast<std::size_t>(k) <= range.length; ++i)
      starts.push_back(static_cast<std::uint32_t>(range.first + i));
  return starts;
}

std::vector<std::uint32_t> TransitionBuffer::sample_windows(int k, std::size_t n, const RandomStream& random,
                                                            std::uint32_t index) const {
  const std::vector<std::uint32_t> starts = window_starts(k);
  std::vector<std::uint32_t> out(starts.empty() ? 0 : n);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] =
        starts[static_cast<std::size_t>(random.below(starts.size(), index, static_cast<std::uint32_t>(i)))];
  return out;
}

void TransitionBuffer::save(StateDict& out, const std::string& prefix) const {
  const std::uint64_t oldest = appended_ - size_, first = out.first_to_append(prefix, history_, oldest);
  require(first <= appended_, "TransitionBuffer::save: the checkpoint has ", first, " rows of '", prefix,
          "', but only ", appended_, " were ever added");
  const auto skipped = static_cast<std::size_t>(first - oldest), count = size_ - skipped;
  const Transitions rows = batch(skipped, count);
  const auto n = static_cast<std::int64_t>(count);
  out.put(prefix + "obs", rows.obs.data(), {n, obs_dim_});
  out.put(prefix + "action", rows.action.data(), {n, action_dim_});
  out.put(prefix + "next_obs", rows.next_obs.data(), {n, obs_dim_});
  out.put(prefix + "reward", rows.reward.data(), {n});
  out.put(prefix + "terminated", rows.terminated);
  out.put(prefix + "truncated", rows.truncated);
  std::vector<std::uint64_t> episodes(count), steps(count);
  for (std::size_t i = 0; i < count; ++i) {
    episodes[i] = episode(skipped + i);
    steps[i] = step(skipped + i);
  }
  out.put(prefix + "episode", episodes);
  out.put(prefix + "step", steps);
  const Lane& first_lane = lanes_.front();
  out.put(prefix + "position",
          std::vector<std::uint64_t>{first_lane.open ? 1u : 0u, next_episode_, first_lane.next_step});
  if (lanes() > 1) {
    std::vector<std::uint64_t> all;
    for (const Lane& lane : lanes_)
      all.insert(all.end(), {lane.open ? 1u : 0u, lane.episode, lane.next_step});
    out.put(prefix + "lanes", all);
  }
  out.put(prefix + "rows", std::vector<std::uint64_t>{history_, appended_});
  AppendedRows& appended = out.appended[prefix];
  appended = {history_, oldest, first, appended_, {}};
  for (const char* name :
       {"obs", "action", "next_obs", "reward", "terminated", "truncated", "episode", "step"})
    appended.arrays.push_back(prefix + name);
}

void TransitionBuffer::read_rows(const StateDict& in, const std::string& prefix, const std::string& where) {
  const bool took_turns = in.contains(prefix + "lanes");
  const auto held = took_turns ? in.get<std::uint64_t>(prefix + "lanes") : std::vector<std::uint64_t>(3);
  require(held.size() == 3 * lanes_.size(), where, ": transitions of ", held.size() / 3,
          " environments, expected those of ", lanes());
  std::optional<std::size_t> rows;
  const auto obs = read_floats(in, prefix + "obs", where, obs_dim_, rows);
  const auto action = read_floats(in, prefix + "action", where, action_dim_, rows);
  const auto next_obs = read_floats(in, prefix + "next_obs", where, obs_dim_, rows);
  const auto reward = read_floats(in, prefix + "reward", where, 0, rows);
  const std::size_t n = *rows;
  require(n <= capacity_, where, ": ", n, " transitions, expected at most the capacity, ", capacity_);
  const auto terminated = read_column<std::uint8_t>(in, prefix + "terminated", where, n);
  const auto truncated = read_column<std::uint8_t>(in, prefix + "truncated", where, n);

  const auto o = static_cast<std::size_t>(obs_dim_), a = static_cast<std::size_t>(action_dim_);
  std::vector<std::uint64_t> episode(n), step(n);
  if (in.contains(prefix + "episode")) {
    episode = read_column<std::uint64_t>(in, prefix + "episode", where, n);
    step = read_column<std::uint64_t>(in, prefix + "step", where, n);
  } else {
    for (std::size_t i = 1; i < n; ++i) {
      const bool cut = terminated[i - 1] || truncated[i - 1] ||
                       !std::equal(obs.begin() + static_cast<std::ptrdiff_t>(i * o),
                                   obs.begin() + static_cast<std::ptrdiff_t>((i + 1) * o),
                                   next_obs.begin() + static_cast<std::ptrdiff_t>((i - 1) * o));
      episode[i] = episode[i - 1] + (cut ? 1 : 0);
      step[i] = cut ? 0 : step[i - 1] + 1;
    }
  }
  clear();
  for (std::size_t i = 0; i < n; ++i) {
    require(step[i] <= std::numeric_limits<std::uint32_t>::max() &&
                (i == 0 || lanes() > 1 || episode[i] >= episode[i - 1]),
            where, ": 'episode' and 'step' are out of order in row ", i);
    const auto flags =
        static_cast<std::uint8_t>((terminated[i] ? kTerminated : 0) | (truncated[i] ? kTruncated : 0));
    append(&obs[i * o], &action[i * a], &next_obs[i * o], reward[i], flags, episode[i],
           static_cast<std::uint32_t>(step[i]));
  }
  next_episode_ = n == 0 ? 0 : *std::max_element(episode.begin(), episode.end()) + 1;
  if (in.contains(prefix + "position")) {
    const auto position = read_column<std::uint64_t>(in, prefix + "position", where, 3);
    require(position[1] >= next_episode_, where, ": 'position' does not fit the rows");
    next_episode_ = position[1];
    lanes_.front() = {.open = position[0] != 0 && next_episode_ > 0,
                      .episode = std::max<std::uint64_t>(next_episode_, 1) - 1,
                      .next_step = static_cast<std::uint32_t>(position[2])};
  }
  for (std::size_t i = 0; took_turns && i < lanes_.size(); ++i)
    lanes_[i] = {.open = held[3 * i] != 0,
                 .episode = held[3 * i + 1],
                 .next_step = static_cast<std::uint32_t>(held[3 * i + 2])};
  history_ = 0;
  if (in.contains(prefix + "rows")) {
    const auto counted = read_column<std::uint64_t>(in, prefix + "rows", where, 2);
    require(counted[1] >= n, where, ": 'rows' does not fit the rows");
    history_ = counted[0];
    appended_ = counted[1];
  }
}

void TransitionBuffer::load(const StateDict& in, const std::string& prefix) {
  TransitionBuffer fresh(obs_dim_, action_dim_, capacity_, lanes());
  fresh.read_rows(in, prefix, "TransitionBuffer::load");
  *this = std::move(fresh);
}

}  // namespace mbrl
