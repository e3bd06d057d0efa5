#include "mbrl/algorithms/imagined/imagined_replay.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "mbrl/run/metrics.hpp"

namespace mbrl {
namespace {

// Row by row behind each other: `first` columns of a, then those of b.
void join(const Transitions& a, const Transitions& b, Transitions& out) {
  const Index n = a.obs.cols(), m = b.obs.cols();
  const auto both = [&](const Batchf& x, const Batchf& y, Batchf& z) {
    z.resize(std::max(x.rows(), y.rows()), n + m);
    if (n > 0) z.leftCols(n) = x;
    if (m > 0) z.rightCols(m) = y;
  };
  both(a.obs, b.obs, out.obs);
  both(a.action, b.action, out.action);
  both(a.next_obs, b.next_obs, out.next_obs);
  out.reward.resize(n + m);
  out.reward.head(n) = a.reward;
  out.reward.tail(m) = b.reward;
  out.terminated.assign(a.terminated.begin(), a.terminated.end());
  out.terminated.insert(out.terminated.end(), b.terminated.begin(), b.terminated.end());
  out.truncated.assign(a.truncated.begin(), a.truncated.end());
  out.truncated.insert(out.truncated.end(), b.truncated.begin(), b.truncated.end());
}

}  // namespace

ImaginedReplay::ImaginedReplay(const EnvSpec& spec, int rounds, std::size_t rows_per_round,
                               std::uint64_t seed)
    : rounds_(static_cast<std::size_t>(rounds)),
      buffer_(spec.obs_dim, spec.action_dim(), rounds_ * rows_per_round),
      random_(seed, Stream::kReplay) {}

double ImaginedReplay::add(const Trajectories& paths) {
  std::int64_t rows = 0;
  double reward = 0;
  for (int h = 0; h < paths.horizon; ++h) {
    const auto obs = paths.obs_at(h), next = paths.obs_at(h + 1), action = paths.action_at(h);
    for (Index i = 0; i < paths.count(); ++i) {
      if (h >= paths.length[static_cast<std::size_t>(i)]) continue;
      buffer_.begin_episode();
      buffer_.add(obs.col(i).cast<double>(), action.col(i).cast<double>(), next.col(i).cast<double>(),
                  static_cast<double>(paths.reward(i, h)), paths.terminated(i, h) != 0, false);
      reward += static_cast<double>(paths.reward(i, h));
      ++rows;
    }
  }
  round_rows_.push_back(rows);
  if (round_rows_.size() > rounds_) round_rows_.erase(round_rows_.begin());
  return rows > 0 ? reward / static_cast<double>(rows) : MetricTable::kNone;
}

std::int64_t ImaginedReplay::kept() const {
  return std::accumulate(round_rows_.begin(), round_rows_.end(), std::int64_t{0});
}

void ImaginedReplay::draw_part(const TransitionBuffer& from, std::size_t newest, int count,
                               std::uint32_t number, std::uint32_t what, Transitions& out) {
  rows_.resize(static_cast<std::size_t>(count));
  const std::size_t first = from.size() - newest;
  for (std::size_t i = 0; i < rows_.size(); ++i)
    rows_[i] = static_cast<std::uint32_t>(first +
                                          random_.below(newest, number, static_cast<std::uint32_t>(i), what));
  from.gather(std::span<const std::uint32_t>(rows_), out);
}

void ImaginedReplay::draw(const TransitionBuffer& real, double real_ratio, int batch_size,
                          std::uint32_t number, Transitions& out) {
  const auto experienced = static_cast<int>(std::lround(real_ratio * batch_size));
  draw_part(real, real.size(), experienced, number, 0, real_part_);
  draw_part(buffer_, static_cast<std::size_t>(kept()), batch_size - experienced, number, 1, imagined_part_);
  join(real_part_, imagined_part_, out);
}

void ImaginedReplay::save(StateDict& out, const std::string& prefix) const {
  buffer_.save(out, prefix + "imagined.");
  out.put(prefix + "round_rows", round_rows_);
}

void ImaginedReplay::load(const StateDict& in, const std::string& prefix) {
  buffer_.load(in, prefix + "imagined.");
  round_rows_ = in.get<std::int64_t>(prefix + "round_rows");
}

}  // namespace mbrl
