// Network layers, noise and the state update run in the vector kernels; rewards and terminations see one tile
// at a time, transposed.
#include "models/neural/ensemble_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "models/neural/ensemble_kernels.hpp"
#include "models/neural/ensemble_uncertainty.hpp"
#include "models/neural/packed_layout.hpp"

namespace mbrl {
namespace {

using simd::TileRange;

// Floats a column of the reward's scratch is padded to: then every column lies equally in memory, and a
// reward that sums over a column gives the same bits wherever its column sits in the tile.
constexpr int kColumnPad = static_cast<int>(simd::kAlignment / sizeof(float));

int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

using Columns = Eigen::Map<const Batchf, 0, Eigen::OuterStride<>>;

// A tile's rows as columns of a batch.
Columns transpose(const float* from, int rows, int width, float* to) {
  const int stride = round_up(std::max(rows, 1), kColumnPad);
  for (int j = 0; j < width; ++j)
    for (int i = 0; i < rows; ++i) to[j * stride + i] = from[i * width + j];
  return {to, rows, width, Eigen::OuterStride<>(stride)};
}

bool none_alive(const ColumnStatus* status, int width) {
  return std::none_of(status, status + width, [](ColumnStatus s) { return s == ColumnStatus::kAlive; });
}

}  // namespace

SamplerColumns::Place SamplerColumns::place(std::size_t column, int rows) const {
  std::size_t t = 0;
  while (t + 1 < tiles.size() && column >= static_cast<std::size_t>(tiles[t + 1].first)) ++t;
  const auto first = static_cast<std::size_t>(tiles[t].first);
  return {first * static_cast<std::size_t>(rows) + column - first,
          static_cast<std::size_t>(tiles[t].vectors) * static_cast<std::size_t>(lanes)};
}

bool SamplerColumns::any_alive() const { return !none_alive(status.data(), static_cast<int>(count)); }

EnsembleSampler::EnsembleSampler(const char* where, const MlpEnsemble& model, RewardFunction<float> reward,
                                 TerminationFunction<float> termination, MemberUse members, bool noise)
    : packed_(model),
      reward_(std::move(reward)),
      termination_(std::move(termination)),
      members_(members),
      noise_(noise),
      sampled_(noise && (model.settings.gaussian || members == MemberUse::kAll)) {
  require(static_cast<bool>(reward_) || model.settings.learned_reward, where,
          ": the reward is empty and the ensemble has not learned one; give a reward or set learned_reward");
  for (int i = 0; i < model.obs_dim(); ++i)
    if (model.encoding.targets[static_cast<std::size_t>(i)] != TargetKind::kConstant) observed_.push_back(i);
  predicted_ = observed_;
  if (model.settings.learned_reward) predicted_.push_back(model.reward_row());
}

const simd::EnsembleKernels& EnsembleSampler::kernels() const { return *packed_.impl().kernels; }
int EnsembleSampler::lanes() const { return kernels().lanes; }
int EnsembleSampler::tile_width() const { return kernels().lanes * simd::kMaxVectors; }
std::size_t EnsembleSampler::padded(std::size_t count) const {
  return static_cast<std::size_t>(round_up(static_cast<int>(count), lanes()));
}

void EnsembleSampler::begin(std::size_t count, SamplerColumns& c) const {
  c.count = count;
  c.lanes = lanes();
  simd::split_tiles(static_cast<int>(count), c.lanes, c.tiles);
  const auto tile = static_cast<std::size_t>(tile_width());
  const std::size_t columns = std::max(padded(count), tile);
  if (columns > c.capacity) {
    const MlpEnsemble& m = model();
    const auto size = [](int rows, std::size_t n) {
      return AlignedFloats(static_cast<std::size_t>(rows) * n);
    };
    c.obs = size(m.obs_dim(), columns);
    c.next_obs = size(m.obs_dim(), columns);
    c.action = size(m.action_dim, columns);
    c.input = size(m.input_dim(), columns);
    c.mean = size(m.target_dim(), columns);
    c.deviation = size(m.target_dim(), columns);
    c.noise = size(m.obs_dim() + 4, tile);
    const int widest = packed_.impl().widest;
    c.layer_a = size(widest, tile);
    c.layer_b = size(widest, tile);
    c.gathered = size(m.input_dim(), tile);
    c.member_means = size(m.target_dim() * elites(), tile);
    c.obs_columns = size(round_up(m.obs_dim(), kColumnPad), tile);
    c.next_columns = size(round_up(m.obs_dim(), kColumnPad), tile);
    c.action_columns = size(round_up(std::max(m.action_dim, 1), kColumnPad), tile);
    c.output = size(1, tile);
    c.reward.resize(columns);
    c.id.resize(columns);
    c.particle.resize(columns);
    c.member.resize(columns);
    c.status.resize(columns);
    c.finite.resize(tile);
    c.inside.resize(tile);
    c.chosen.reserve(columns);
    c.parts.reserve(columns / static_cast<std::size_t>(c.lanes) + 1);
    c.capacity = columns;
  }
  const auto end = static_cast<std::ptrdiff_t>(count);
  std::fill(c.status.begin(), c.status.begin() + end, ColumnStatus::kAlive);
  std::fill(c.status.begin() + end, c.status.end(), ColumnStatus::kPadding);
}

void EnsembleSampler::step(const Step& s, SamplerColumns& c) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  for (const TileRange& tile : c.tiles) encode(tile, c);
  if (members_ == MemberUse::kOwn) predict_own(c);
  for (const TileRange& tile : c.tiles) {
    if (members_ == MemberUse::kShared) predict_member(s.member, tile, c);
    if (members_ == MemberUse::kAll) predict_all(tile, c);
    const int width = tile.vectors * k.lanes;
    const float* deviation = nullptr;
    if (sampled_) {
      k.normals(s.noise_key, c.id.data() + tile.first, c.particle.data() + tile.first, s.step, m.obs_dim(),
                width, c.noise.data());
      deviation = c.deviation.data() + tile.first * m.target_dim();
    }
    k.sample(c.mean.data() + tile.first * m.target_dim(), deviation, c.noise.data(),
             c.obs.data() + tile.first * m.obs_dim(), m.encoding.targets.data(), m.obs_dim(), width,
             c.next_obs.data() + tile.first * m.obs_dim());
    if (s.uncertainty != EnsembleUncertainty::kNone) measure(s.uncertainty, tile, c);
    guard(s, tile, c);
    earn(s, tile, c);
  }
}

void EnsembleSampler::encode(const TileRange& tile, SamplerColumns& c) const {
  const MlpEnsemble& m = model();
  kernels().encode(m.encoding.features.data(), m.encoding.feature_dim(), m.action_dim, m.input_mean.data(),
                   packed_.impl().inverse_std.data(), c.obs.data() + tile.first * m.obs_dim(),
                   c.action.data() + tile.first * m.action_dim, tile.vectors * c.lanes,
                   c.input.data() + tile.first * m.input_dim());
}

void EnsembleSampler::predict_member(int member, const TileRange& tile, SamplerColumns& c) const {
  const MlpEnsemble& m = model();
  const float* raw = packed_.impl().forward(member, c.input.data() + tile.first * m.input_dim(), tile.vectors,
                                            c.layer_a.data(), c.layer_b.data());
  const int width = tile.vectors * c.lanes;
  const std::size_t size = static_cast<std::size_t>(m.target_dim()) * static_cast<std::size_t>(width);
  std::copy_n(raw, size, c.mean.data() + tile.first * m.target_dim());
  if (!sampled_) return;
  float* deviation = c.deviation.data() + tile.first * m.target_dim();
  std::copy_n(raw + size, size, deviation);
  kernels().bound_logvar(deviation, m.max_logvar.data(), m.min_logvar.data(), m.obs_dim(), width);
  kernels().deviation(deviation, m.obs_dim(), width, deviation);
}

// Mean of the means; mean of the variances plus the variance of the means.
void EnsembleSampler::predict_all(const TileRange& tile, SamplerColumns& c) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const int width = tile.vectors * k.lanes;
  const auto targets = static_cast<std::size_t>(m.target_dim());
  const std::size_t size = targets * static_cast<std::size_t>(width);
  float* mean = c.mean.data() + static_cast<std::size_t>(tile.first) * targets;
  float* variance = c.deviation.data() + static_cast<std::size_t>(tile.first) * targets;
  std::fill_n(mean, size, 0.0f);
  std::fill_n(variance, size, 0.0f);
  for (int e = 0; e < elites(); ++e) {
    const float* raw = packed_.impl().forward(m.elites[static_cast<std::size_t>(e)],
                                              c.input.data() + tile.first * m.input_dim(), tile.vectors,
                                              c.layer_a.data(), c.layer_b.data());
    std::copy_n(raw, size, c.member_means.data() + static_cast<std::size_t>(e) * size);
    for (std::size_t i = 0; i < size; ++i) mean[i] += raw[i];
    if (!noise_ || !m.settings.gaussian) continue;
    // The other buffer is free now.
    float* logvar = raw == c.layer_a.data() ? c.layer_b.data() : c.layer_a.data();
    std::copy_n(raw + size, size, logvar);
    k.bound_logvar(logvar, m.max_logvar.data(), m.min_logvar.data(), m.target_dim(), width);
    k.deviation(logvar, m.target_dim(), width, logvar);
    for (std::size_t i = 0; i < size; ++i) variance[i] += logvar[i] * logvar[i];
  }
  const float share = 1.0f / static_cast<float>(elites());
  for (std::size_t i = 0; i < size; ++i) mean[i] *= share;
  if (!noise_) return;
  for (int e = 0; e < elites(); ++e) {
    const float* member = c.member_means.data() + static_cast<std::size_t>(e) * size;
    for (std::size_t i = 0; i < size; ++i) variance[i] += (member[i] - mean[i]) * (member[i] - mean[i]);
  }
  for (std::size_t i = 0; i < size; ++i) variance[i] = std::sqrt(variance[i] * share);
}

// Columns of one member are gathered into full tiles.
void EnsembleSampler::predict_own(SamplerColumns& c) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const int inputs = m.input_dim(), targets = m.target_dim(), outputs = m.output_dim();
  for (std::uint32_t e = 0; e < static_cast<std::uint32_t>(elites()); ++e) {
    c.chosen.clear();
    for (std::size_t column = 0; column < c.count; ++column)
      if (c.member[column] == e) c.chosen.push_back(column);
    simd::split_tiles(static_cast<int>(c.chosen.size()), k.lanes, c.parts);
    for (const TileRange& part : c.parts) {
      const int width = part.vectors * k.lanes;
      for (int j = 0; j < width; ++j) {
        const auto from = c.place(c.chosen[static_cast<std::size_t>(part.first) +
                                           static_cast<std::size_t>(std::min(j, part.count - 1))],
                                  inputs);
        const float* input = c.input.data() + from.first;
        for (int i = 0; i < inputs; ++i)
          c.gathered.data()[i * width + j] = input[static_cast<std::size_t>(i) * from.stride];
      }
      const float* raw = packed_.impl().forward(m.elites[e], c.gathered.data(), part.vectors,
                                                c.layer_a.data(), c.layer_b.data());
      for (int j = 0; j < part.count; ++j) {
        const auto to =
            c.place(c.chosen[static_cast<std::size_t>(part.first) + static_cast<std::size_t>(j)], targets);
        float* mean = c.mean.data() + to.first;
        float* logvar = c.deviation.data() + to.first;
        for (int i = 0; i < targets; ++i) mean[static_cast<std::size_t>(i) * to.stride] = raw[i * width + j];
        for (int i = targets; i < outputs; ++i)
          logvar[static_cast<std::size_t>(i - targets) * to.stride] = raw[i * width + j];
      }
    }
  }
  if (!sampled_) return;
  for (const TileRange& tile : c.tiles) {
    float* deviation = c.deviation.data() + tile.first * targets;
    const int width = tile.vectors * k.lanes;
    k.bound_logvar(deviation, m.max_logvar.data(), m.min_logvar.data(), m.obs_dim(), width);
    k.deviation(deviation, m.obs_dim(), width, deviation);
  }
}

void EnsembleSampler::measure(EnsembleUncertainty kind, const TileRange& tile, SamplerColumns& c) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const int members = static_cast<int>(m.members.size()), targets = m.target_dim(),
            width = tile.vectors * k.lanes;
  c.uncertainty.resize(c.capacity);
  const auto half = static_cast<std::size_t>(targets) * static_cast<std::size_t>(tile_width());
  const std::size_t needed =
      2 * half * static_cast<std::size_t>(members) + 2 * static_cast<std::size_t>(tile_width());
  if (c.predictions.size() < needed) c.predictions = AlignedFloats(needed);
  float* out = c.uncertainty.data() + tile.first;
  ColumnStatus* status = c.status.data() + tile.first;
  if (none_alive(status, width)) {
    std::fill_n(out, width, 0.0f);
    return;
  }
  const bool deviations = m.settings.gaussian && kind != EnsembleUncertainty::kDisagreement;
  const auto size = static_cast<std::size_t>(targets) * static_cast<std::size_t>(width);
  float* to = c.predictions.data();
  for (int e = 0; e < members; ++e, to += 2 * size) {
    const float* raw = packed_.impl().forward(e, c.input.data() + tile.first * m.input_dim(), tile.vectors,
                                              c.layer_a.data(), c.layer_b.data());
    std::copy_n(raw, deviations ? 2 * size : size, to);
    if (!deviations) continue;
    k.bound_logvar(to + size, m.max_logvar.data(), m.min_logvar.data(), targets, width);
    k.deviation(to + size, targets, width, to + size);
  }
  measure_uncertainty(kind, {c.predictions.data(), members, targets, width},
                      kind == EnsembleUncertainty::kDisagreement ? observed_ : predicted_, to, out);
  for (int j = 0; j < width; ++j)
    if (status[j] == ColumnStatus::kAlive && !std::isfinite(out[j])) status[j] = ColumnStatus::kNotFinite;
}

// Stops (or holds) columns outside the limits, and stops those no longer finite, so that nothing infinite
// travels on.
void EnsembleSampler::guard(const Step& s, const TileRange& tile, SamplerColumns& c) const {
  const int dims = model().obs_dim(), width = tile.vectors * c.lanes;
  const float* obs = c.obs.data() + tile.first * dims;
  float* next = c.next_obs.data() + tile.first * dims;
  std::fill_n(c.finite.begin(), width, 1);
  std::fill_n(c.inside.begin(), width, 1);
  std::int32_t* finite = c.finite.data();
  std::int32_t* inside = c.inside.data();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (int i = 0; i < dims; ++i) {
    float low = -kInfinity, high = kInfinity;
    if (s.low) low = s.low[i];
    if (s.high) high = s.high[i];
    float* row = next + i * width;
    for (int j = 0; j < width; ++j) {
      finite[j] &= static_cast<std::int32_t>(std::abs(row[j]) <= std::numeric_limits<float>::max());
      if (s.hold) row[j] = std::min(std::max(row[j], low), high);
      inside[j] &= static_cast<std::int32_t>(row[j] >= low) & static_cast<std::int32_t>(row[j] <= high);
    }
  }
  for (int j = 0; j < width; ++j) {
    ColumnStatus& status = c.status[static_cast<std::size_t>(tile.first) + static_cast<std::size_t>(j)];
    if (status == ColumnStatus::kAlive && !finite[j]) status = ColumnStatus::kNotFinite;
    if (status == ColumnStatus::kAlive && !inside[j]) status = ColumnStatus::kOutOfData;
    if (status != ColumnStatus::kAlive)
      for (int i = 0; i < dims; ++i) next[i * width + j] = obs[i * width + j];
  }
}

// Rewards and terminations see whole tiles; only columns still alive earn.
void EnsembleSampler::earn(const Step& s, const TileRange& tile, SamplerColumns& c) const {
  const MlpEnsemble& m = model();
  const int dims = m.obs_dim(), width = tile.vectors * c.lanes;
  ColumnStatus* status = c.status.data() + tile.first;
  float* reward = c.reward.data() + tile.first;
  std::fill_n(reward, width, 0.0f);
  if (none_alive(status, width)) return;
  const Columns obs = transpose(c.obs.data() + tile.first * dims, dims, width, c.obs_columns.data());
  const Columns action =
      transpose(c.action.data() + tile.first * m.action_dim, m.action_dim, width, c.action_columns.data());
  const Columns next = transpose(c.next_obs.data() + tile.first * dims, dims, width, c.next_columns.data());
  const auto predicted = [&](int row) { return c.mean.data() + tile.first * m.target_dim() + row * width; };
  Eigen::Map<Vecf> out(c.output.data(), width);
  if (reward_) {
    reward_(obs, action, next, s.t, out);
  } else {
    std::copy_n(predicted(m.reward_row()), width, out.data());
  }
  for (int j = 0; j < width; ++j) {
    if (status[j] != ColumnStatus::kAlive) continue;
    if (std::isfinite(out[j])) {
      reward[j] = out[j];
    } else {
      status[j] = ColumnStatus::kNotFinite;
    }
  }
  float ends_above = 0.5f;
  if (termination_) {
    termination_(obs, action, next, s.t, out);
  } else if (m.settings.learned_termination) {
    std::copy_n(predicted(m.termination_row()), width, out.data());
    ends_above = 0;  // a logit
  } else {
    return;
  }
  for (int j = 0; j < width; ++j)
    if (status[j] == ColumnStatus::kAlive && out[j] > ends_above) status[j] = ColumnStatus::kTerminated;
}

void EnsembleSampler::evaluate(const TerminalValueFunction<float>& value, int t, SamplerColumns& c) const {
  const int dims = model().obs_dim();
  for (const TileRange& tile : c.tiles) {
    const int width = tile.vectors * c.lanes;
    const ColumnStatus* status = c.status.data() + tile.first;
    float* reward = c.reward.data() + tile.first;
    std::fill_n(reward, width, 0.0f);
    if (none_alive(status, width)) continue;
    Eigen::Map<Vecf> out(c.output.data(), width);
    value(transpose(c.obs.data() + tile.first * dims, dims, width, c.obs_columns.data()), t, out);
    for (int j = 0; j < width; ++j)
      if (status[j] == ColumnStatus::kAlive) reward[j] = out[j];
  }
}

}  // namespace mbrl
