// The rollout engine: blocks of particles stay in cache from the first step to the last. Network layers,
// noise and the state update run in the vector kernels; rewards see one tile a step, transposed.
#include "mbrl/rollout/ensemble_rollout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/rollout/data_box.hpp"
#include "mbrl/rollout/moment_matching.hpp"
#include "mbrl/rollout/noise.hpp"
#include "mbrl/rollout/particle_checks.hpp"
#include "models/neural/ensemble_kernels.hpp"
#include "models/neural/packed_layout.hpp"
#include "models/neural/tiles.hpp"

namespace mbrl {
namespace {

using simd::AlignedFloats;
using simd::TileRange;

// Floats a column of the reward's scratch is padded to: then every column lies equally in memory, and a
// reward that sums over a column gives the same bits wherever its particle sits in the tile.
constexpr int kColumnPad = static_cast<int>(simd::kAlignment / sizeof(float));

int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// One particle of one candidate.
struct Column {
  Index action = 0;      // its column in the batch of action sequences
  std::uint32_t id = 0;  // the candidate's part of the noise counter
  std::uint32_t particle = 0;
};

enum Status : std::uint8_t { kAlive, kTerminated, kOutOfData, kNotFinite, kPadding };

// Columns that step together.
struct Unit {
  std::size_t first = 0, count = 0;  // range of the columns
  int member = 0;                    // the network, where all columns share one
};

// Scratch memory of one thread; grows to the largest unit and stays.
struct Workspace {
  std::size_t columns = 0;
  AlignedFloats obs, next, action, input, mean, deviation, noise;   // [row][column], tile after tile
  AlignedFloats layer_a, layer_b, gathered, member_means;           // one tile
  AlignedFloats obs_columns, next_columns, action_columns, reward;  // one tile, a column a particle
  std::vector<std::uint32_t> id, particle, member, drawn;
  std::vector<std::uint8_t> status;
  std::vector<double> total;
  std::vector<std::int32_t> finite, inside;
  std::vector<std::size_t> chosen;
  MomentMatching moments;
};

}  // namespace

struct EnsembleRollout::Impl {
  PackedEnsemble packed;
  RewardFunction<float> reward;
  TerminationFunction<float> termination;
  EnsembleRolloutSettings settings;
  ThreadPool* pool;
  RandomStream noise_stream, member_stream;
  RolloutCounts counts;
  DataBox box;
  std::mutex mutex;  // guards a call's counts and idle
  std::vector<std::unique_ptr<Workspace>> idle;
  ParticleMeans<float> means;

  Impl(const MlpEnsemble& model, RewardFunction<float> r, TerminationFunction<float> d,
       const EnsembleRolloutSettings& s, ThreadPool& p, std::uint64_t seed)
      : packed(model),
        reward(std::move(r)),
        termination(std::move(d)),
        settings(s),
        pool(&p),
        noise_stream(seed, Stream::kModelNoise),
        member_stream(seed, Stream::kModelMember) {}

  const MlpEnsemble& model() const { return packed.model(); }
  const simd::EnsembleKernels& kernels() const { return *packed.impl().kernels; }
  int elites() const { return static_cast<int>(model().elites.size()); }
  int tile_width() const { return kernels().lanes * simd::kMaxVectors; }

  void check();
  // The counts of this call.
  RolloutCounts run(const State& obs, const ConstBatchRef<float>& actions, const std::uint32_t* ids,
                    RolloutKey key, int first, int last, Beyond beyond, BatchRef<float>* returns,
                    Batchf* paths);

 private:
  struct Call {
    const State& obs;
    const ConstBatchRef<float>& actions;
    RolloutKey key;
    int first;
    std::array<std::uint32_t, 2> noise_key, member_key;
    const std::vector<Column>& columns;
    Beyond beyond;
    BatchRef<float>* returns;
    Batchf* paths;
    RolloutCounts* counts;
  };
  std::unique_ptr<Workspace> take_workspace();
  void reserve(Workspace& w, std::size_t columns) const;
  void run_unit(const Call& call, const Unit& unit, Workspace& w);
  void load_actions(const Call& call, const Unit& unit, const TileRange& tile, int step, Workspace& w) const;
  void predict_member_tile(int member, const TileRange& tile, Workspace& w) const;
  void predict_all_members(const TileRange& tile, Workspace& w) const;
  void predict_drawn_members(const Call& call, const Unit& unit, const std::vector<TileRange>& tiles,
                             int step, Workspace& w) const;
  void store_prediction(const float* raw, int width, std::size_t first, Workspace& w) const;
  void guard(const Call& call, const TileRange& tile, int width, Workspace& w) const;
  void earn(const TileRange& tile, int width, int t, double discount, Workspace& w) const;
  void redraw(const Call& call, const Unit& unit, const std::vector<TileRange>& tiles, int step,
              Workspace& w) const;
  void record(const Call& call, const Unit& unit, const std::vector<TileRange>& tiles, int step,
              const Workspace& w) const;
};

// Throws unless settings and model go together.
void EnsembleRollout::Impl::check() {
  constexpr const char* kWhere = "EnsembleRollout";
  check_particle_settings(kWhere, settings, elites());
  require(static_cast<bool>(reward) || model().settings.learned_reward, kWhere,
          ": the reward is empty and the ensemble has not learned one; give a reward or set learned_reward");
  box = DataBox(kWhere, model(), settings.data_margin);
}

std::unique_ptr<Workspace> EnsembleRollout::Impl::take_workspace() {
  {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      auto w = std::move(idle.back());
      idle.pop_back();
      return w;
    }
  }
  return std::make_unique<Workspace>();
}

void EnsembleRollout::Impl::reserve(Workspace& w, std::size_t columns) const {
  if (columns <= w.columns) return;
  const MlpEnsemble& m = model();
  const auto size = [](std::size_t rows, std::size_t n) { return AlignedFloats(rows * n); };
  const auto obs_rows = static_cast<std::size_t>(m.obs_dim());
  const auto action_rows = static_cast<std::size_t>(m.action_dim);
  const auto targets = static_cast<std::size_t>(m.target_dim());
  const auto inputs = static_cast<std::size_t>(m.input_dim());
  const auto tile = static_cast<std::size_t>(tile_width());
  w.obs = size(obs_rows, columns);
  w.next = size(obs_rows, columns);
  w.action = size(action_rows, columns);
  w.input = size(inputs, columns);
  w.mean = size(targets, columns);
  w.deviation = size(targets, columns);
  w.noise = size(obs_rows + 4, columns);
  const auto widest = static_cast<std::size_t>(packed.impl().widest);
  w.layer_a = size(widest, tile);
  w.layer_b = size(widest, tile);
  w.gathered = size(inputs, tile);
  w.member_means = size(targets * static_cast<std::size_t>(elites()), tile);
  w.obs_columns = size(static_cast<std::size_t>(round_up(m.obs_dim(), kColumnPad)), tile);
  w.next_columns = size(static_cast<std::size_t>(round_up(m.obs_dim(), kColumnPad)), tile);
  w.action_columns = size(static_cast<std::size_t>(round_up(std::max(m.action_dim, 1), kColumnPad)), tile);
  w.reward = size(1, tile);
  w.id.resize(columns);
  w.particle.resize(columns);
  w.status.resize(columns);
  w.member.resize(columns);
  w.total.resize(columns);
  w.finite.resize(tile);
  w.inside.resize(tile);
  w.columns = columns;
}

RolloutCounts EnsembleRollout::Impl::run(const State& obs, const ConstBatchRef<float>& actions,
                                         const std::uint32_t* ids, RolloutKey key, int first, int last,
                                         Beyond beyond, BatchRef<float>* returns, Batchf* paths) {
  // Without noise and with the mean of all members every particle is the same: one is computed.
  const bool expectation = settings.propagation == Propagation::kExpectation;
  const int end = expectation ? first + 1 : last;
  std::vector<Column> columns;
  std::vector<Unit> units;
  const auto add = [&](Index k, int p) {
    columns.push_back({k, settings.common_noise ? 0u : ids[k], static_cast<std::uint32_t>(p)});
  };
  const auto add_tiles = [&](std::size_t from, int member) {
    for (const TileRange& t : simd::split_tiles(static_cast<int>(columns.size() - from), kernels().lanes))
      units.push_back({from + static_cast<std::size_t>(t.first), static_cast<std::size_t>(t.count), member});
  };
  columns.reserve(static_cast<std::size_t>(actions.cols()) * static_cast<std::size_t>(end - first));
  if (settings.propagation == Propagation::kTSinf) {
    for (int e = 0; e < elites(); ++e) {
      const std::size_t from = columns.size();
      for (Index k = 0; k < actions.cols(); ++k)
        for (int p = first; p < end; ++p)
          if (p % elites() == e) add(k, p);
      add_tiles(from, model().elites[static_cast<std::size_t>(e)]);
    }
  } else {
    for (Index k = 0; k < actions.cols(); ++k)
      for (int p = first; p < end; ++p) add(k, p);
    if (settings.propagation == Propagation::kTS1 || settings.propagation == Propagation::kMomentMatching) {
      // Whole candidates, as many as fill a tile for each member: members change from step to step.
      const int per_candidate = end - first;
      const int wanted = tile_width() * (settings.propagation == Propagation::kTS1 ? elites() : 4);
      const auto group = static_cast<std::size_t>(std::max(1, wanted / per_candidate) * per_candidate);
      for (std::size_t from = 0; from < columns.size(); from += group)
        units.push_back({from, std::min(group, columns.size() - from), 0});
    } else {
      add_tiles(0, 0);
    }
  }

  RolloutCounts counted;
  const Call call{obs,
                  actions,
                  key,
                  first,
                  evaluation_key(noise_stream, key),
                  evaluation_key(member_stream, key),
                  columns,
                  beyond,
                  returns,
                  paths,
                  &counted};
  pool->run(static_cast<int>(units.size()), [&](int i) {
    auto w = take_workspace();
    run_unit(call, units[static_cast<std::size_t>(i)], *w);
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(w));
  });

  if (expectation) {
    if (returns)
      for (Index p = 1; p < returns->rows(); ++p) returns->row(p) = returns->row(0);
    if (paths) {
      const Index steps = settings.horizon + 1;
      for (Index p = 1; p < settings.particles; ++p)
        paths->middleCols(p * steps, steps) = paths->leftCols(steps);
    }
  }
  return counted;
}

void EnsembleRollout::Impl::run_unit(const Call& call, const Unit& unit, Workspace& w) {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const auto tiles = simd::split_tiles(static_cast<int>(unit.count), k.lanes);
  const auto padded = static_cast<std::size_t>(round_up(static_cast<int>(unit.count), k.lanes));
  reserve(w, std::max(padded, static_cast<std::size_t>(tile_width())));
  for (std::size_t c = 0; c < padded; ++c) {
    const Column& column = call.columns[unit.first + std::min(c, unit.count - 1)];
    w.id[c] = column.id;
    w.particle[c] = column.particle;
    w.status[c] = c < unit.count ? kAlive : kPadding;
    w.total[c] = 0.0;
  }
  for (const TileRange& tile : tiles) {
    const int width = tile.vectors * k.lanes;
    float* obs = w.obs.get() + tile.first * m.obs_dim();
    for (int i = 0; i < m.obs_dim(); ++i) std::fill_n(obs + i * width, width, call.obs[i]);
  }
  if (call.paths) record(call, unit, tiles, 0, w);

  const bool sampled = settings.propagation != Propagation::kExpectation &&
                       (m.settings.gaussian || settings.propagation == Propagation::kDistributionSampling ||
                        settings.propagation == Propagation::kMomentMatching);
  double discount = 1.0;
  for (int step = 0; step < settings.horizon; ++step, discount *= settings.discount) {
    for (const TileRange& tile : tiles) load_actions(call, unit, tile, step, w);
    if (settings.propagation == Propagation::kTS1) predict_drawn_members(call, unit, tiles, step, w);
    for (const TileRange& tile : tiles) {
      if (settings.propagation == Propagation::kTSinf) {
        predict_member_tile(unit.member, tile, w);
      } else if (settings.propagation != Propagation::kTS1) {
        predict_all_members(tile, w);
      }
      const int width = tile.vectors * k.lanes;
      float* obs = w.obs.get() + tile.first * m.obs_dim();
      float* next = w.next.get() + tile.first * m.obs_dim();
      const float* mean = w.mean.get() + tile.first * m.target_dim();
      const float* deviation = nullptr;
      if (sampled) {
        k.normals(call.noise_key, w.id.data() + tile.first, w.particle.data() + tile.first,
                  static_cast<std::uint32_t>(step), m.obs_dim(), width, w.noise.get());
        deviation = w.deviation.get() + tile.first * m.target_dim();
      }
      k.sample(mean, deviation, w.noise.get(), obs, m.encoding.targets.data(), m.obs_dim(), width, next);
      guard(call, tile, width, w);
      earn(tile, width, call.key.t + step, discount, w);
    }
    if (settings.propagation == Propagation::kMomentMatching) redraw(call, unit, tiles, step, w);
    std::swap(w.obs, w.next);
    if (call.paths) {
      record(call, unit, tiles, step + 1, w);
    } else if (std::none_of(w.status.begin(), w.status.begin() + static_cast<std::ptrdiff_t>(unit.count),
                            [](std::uint8_t s) { return s == kAlive; })) {
      break;
    }
  }

  std::uint64_t out_of_data = 0, not_finite = 0;
  for (std::size_t c = 0; c < unit.count; ++c) {
    float value = static_cast<float>(w.total[c]);
    if (w.status[c] <= kTerminated && !std::isfinite(value)) w.status[c] = kNotFinite;
    if (w.status[c] > kTerminated) value = std::numeric_limits<float>::quiet_NaN();
    out_of_data += w.status[c] == kOutOfData;
    not_finite += w.status[c] == kNotFinite;
    const Column& column = call.columns[unit.first + c];
    if (call.returns)
      (*call.returns)(static_cast<Index>(column.particle) - call.first, column.action) = value;
  }
  if (!call.returns) return;
  const std::lock_guard lock(mutex);
  *call.counts +=
      {unit.count * static_cast<std::uint64_t>(settings.horizon), unit.count, out_of_data, not_finite};
}

void EnsembleRollout::Impl::load_actions(const Call& call, const Unit& unit, const TileRange& tile, int step,
                                         Workspace& w) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const int width = tile.vectors * k.lanes;
  float* action = w.action.get() + tile.first * m.action_dim;
  for (int j = 0; j < width; ++j) {
    const auto c = std::min(static_cast<std::size_t>(tile.first + j), unit.count - 1);
    const Index column = call.columns[unit.first + c].action;
    for (int i = 0; i < m.action_dim; ++i)
      action[i * width + j] = call.actions(step * m.action_dim + i, column);
  }
  k.encode(m.encoding.features.data(), m.encoding.feature_dim(), m.action_dim, m.input_mean.data(),
           packed.impl().inverse_std.data(), w.obs.get() + tile.first * m.obs_dim(), action, width,
           w.input.get() + tile.first * m.input_dim());
}

// Means and deviations of a tile's raw outputs into the unit's arrays, from column `first` of the unit.
void EnsembleRollout::Impl::store_prediction(const float* raw, int width, std::size_t first,
                                             Workspace& w) const {
  const MlpEnsemble& m = model();
  const auto targets = static_cast<std::size_t>(m.target_dim());
  const std::size_t size = targets * static_cast<std::size_t>(width);
  std::copy_n(raw, size, w.mean.get() + first * targets);
  if (!m.settings.gaussian) return;
  float* deviation = w.deviation.get() + first * targets;
  std::copy_n(raw + size, size, deviation);
  kernels().bound_logvar(deviation, m.max_logvar.data(), m.min_logvar.data(), m.obs_dim(), width);
  kernels().deviation(deviation, m.obs_dim(), width, deviation);
}

void EnsembleRollout::Impl::predict_member_tile(int member, const TileRange& tile, Workspace& w) const {
  const float* raw = packed.impl().forward(member, w.input.get() + tile.first * model().input_dim(),
                                           tile.vectors, w.layer_a.get(), w.layer_b.get());
  store_prediction(raw, tile.vectors * kernels().lanes, static_cast<std::size_t>(tile.first), w);
}

// The ensemble as one Gaussian: mean of the means; mean of the variances plus the variance of the means.
void EnsembleRollout::Impl::predict_all_members(const TileRange& tile, Workspace& w) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const int width = tile.vectors * k.lanes;
  const auto targets = static_cast<std::size_t>(m.target_dim());
  const std::size_t size = targets * static_cast<std::size_t>(width);
  const bool variance_wanted = settings.propagation != Propagation::kExpectation;
  float* mean = w.mean.get() + static_cast<std::size_t>(tile.first) * targets;
  float* variance = w.deviation.get() + static_cast<std::size_t>(tile.first) * targets;
  std::fill_n(mean, size, 0.0f);
  std::fill_n(variance, size, 0.0f);
  for (int e = 0; e < elites(); ++e) {
    const float* raw = packed.impl().forward(m.elites[static_cast<std::size_t>(e)],
                                             w.input.get() + tile.first * m.input_dim(), tile.vectors,
                                             w.layer_a.get(), w.layer_b.get());
    std::copy_n(raw, size, w.member_means.get() + static_cast<std::size_t>(e) * size);
    for (std::size_t i = 0; i < size; ++i) mean[i] += raw[i];
    if (!variance_wanted || !m.settings.gaussian) continue;
    float* logvar =
        raw == w.layer_a.get() ? w.layer_b.get() : w.layer_a.get();  // the other buffer is free now
    std::copy_n(raw + size, size, logvar);
    k.bound_logvar(logvar, m.max_logvar.data(), m.min_logvar.data(), m.target_dim(), width);
    k.deviation(logvar, m.target_dim(), width, logvar);
    for (std::size_t i = 0; i < size; ++i) variance[i] += logvar[i] * logvar[i];
  }
  const float share = 1.0f / static_cast<float>(elites());
  for (std::size_t i = 0; i < size; ++i) mean[i] *= share;
  if (!variance_wanted) return;
  for (int e = 0; e < elites(); ++e) {
    const float* member = w.member_means.get() + static_cast<std::size_t>(e) * size;
    for (std::size_t i = 0; i < size; ++i) variance[i] += (member[i] - mean[i]) * (member[i] - mean[i]);
  }
  for (std::size_t i = 0; i < size; ++i) variance[i] = std::sqrt(variance[i] * share);
}

// TS1: each particle's member is drawn anew every step, balanced within a candidate: a random permutation of
// its particles is dealt out to the elites. Particles of one member are gathered into full tiles.
void EnsembleRollout::Impl::predict_drawn_members(const Call& call, const Unit& unit,
                                                  const std::vector<TileRange>& tiles, int step,
                                                  Workspace& w) const {
  const simd::EnsembleKernels& k = kernels();
  const MlpEnsemble& m = model();
  const auto n = static_cast<std::uint32_t>(elites());
  for (std::size_t c = 0; c < unit.count; ++c) {
    if (c == 0 || w.id[c] != w.id[c - 1])
      draw_members(call.member_key, w.id[c], static_cast<std::uint32_t>(step), settings.particles, elites(),
                   w.drawn);
    w.member[c] = w.drawn[w.particle[c]];
  }

  const auto locate = [&](std::size_t c) -> const TileRange& {
    return *std::find_if(tiles.begin(), tiles.end(), [&](const TileRange& t) {
      return c < static_cast<std::size_t>(t.first) + static_cast<std::size_t>(t.vectors * k.lanes);
    });
  };
  const int inputs = m.input_dim(), targets = m.target_dim();
  const int outputs = m.output_dim();
  for (std::uint32_t e = 0; e < n; ++e) {
    w.chosen.clear();
    for (std::size_t c = 0; c < unit.count; ++c)
      if (w.member[c] == e) w.chosen.push_back(c);
    for (const TileRange& part : simd::split_tiles(static_cast<int>(w.chosen.size()), k.lanes)) {
      const int part_width = part.vectors * k.lanes;
      for (int j = 0; j < part_width; ++j) {
        const std::size_t c = w.chosen[static_cast<std::size_t>(part.first + std::min(j, part.count - 1))];
        const TileRange& home = locate(c);
        const int home_width = home.vectors * k.lanes;
        const float* from = w.input.get() + home.first * inputs + (static_cast<int>(c) - home.first);
        for (int i = 0; i < inputs; ++i) w.gathered.get()[i * part_width + j] = from[i * home_width];
      }
      const float* raw = packed.impl().forward(m.elites[e], w.gathered.get(), part.vectors, w.layer_a.get(),
                                               w.layer_b.get());
      for (int j = 0; j < part.count; ++j) {
        const std::size_t c = w.chosen[static_cast<std::size_t>(part.first + j)];
        const TileRange& home = locate(c);
        const int home_width = home.vectors * k.lanes;
        const int lane = static_cast<int>(c) - home.first;
        float* mean = w.mean.get() + home.first * targets + lane;
        float* logvar = w.deviation.get() + home.first * targets + lane;
        for (int i = 0; i < targets; ++i) mean[i * home_width] = raw[i * part_width + j];
        for (int i = targets; i < outputs; ++i) logvar[(i - targets) * home_width] = raw[i * part_width + j];
      }
    }
  }
  if (!m.settings.gaussian) return;
  for (const TileRange& tile : tiles) {
    float* deviation = w.deviation.get() + tile.first * targets;
    const int home_width = tile.vectors * k.lanes;
    k.bound_logvar(deviation, m.max_logvar.data(), m.min_logvar.data(), m.obs_dim(), home_width);
    k.deviation(deviation, m.obs_dim(), home_width, deviation);
  }
}

// Stops (or holds) particles outside the box, and stops those no longer finite; a stopped particle keeps
// its last sound state, so that nothing infinite travels on.
void EnsembleRollout::Impl::guard(const Call& call, const TileRange& tile, int width, Workspace& w) const {
  const int dims = model().obs_dim();
  const float* obs = w.obs.get() + tile.first * dims;
  float* next = w.next.get() + tile.first * dims;
  std::fill_n(w.finite.begin(), width, 1);
  std::fill_n(w.inside.begin(), width, 1);
  std::int32_t* finite = w.finite.data();
  std::int32_t* inside = w.inside.data();
  for (int i = 0; i < dims; ++i) {
    const float low = box.low(i, call.obs[i]), high = box.high(i, call.obs[i]);
    float* row = next + i * width;
    for (int j = 0; j < width; ++j) {
      finite[j] &= static_cast<std::int32_t>(std::abs(row[j]) <= std::numeric_limits<float>::max());
      if (call.beyond == Beyond::kHeld) row[j] = std::min(std::max(row[j], low), high);
      inside[j] &= static_cast<std::int32_t>(row[j] >= low) & static_cast<std::int32_t>(row[j] <= high);
    }
  }
  for (int j = 0; j < width; ++j) {
    std::uint8_t& status = w.status[static_cast<std::size_t>(tile.first + j)];
    if (status == kAlive && !finite[j]) status = kNotFinite;
    if (status == kAlive && !inside[j]) status = kOutOfData;
    if (status != kAlive)
      for (int i = 0; i < dims; ++i) next[i * width + j] = obs[i * width + j];
  }
}

// Adds the step's reward and asks for the end. Rewards and terminations see whole tiles; only particles still
// alive earn.
void EnsembleRollout::Impl::earn(const TileRange& tile, int width, int t, double discount,
                                 Workspace& w) const {
  const MlpEnsemble& m = model();
  std::uint8_t* status = w.status.data() + tile.first;
  if (std::none_of(status, status + width, [](std::uint8_t s) { return s == kAlive; })) return;
  const int dims = m.obs_dim();
  const int obs_stride = round_up(dims, kColumnPad);
  const int action_stride = round_up(std::max(m.action_dim, 1), kColumnPad);
  const auto transpose = [width](const float* from, int rows, int stride, float* to) {
    for (int j = 0; j < width; ++j)
      for (int i = 0; i < rows; ++i) to[j * stride + i] = from[i * width + j];
  };
  using Columns = Eigen::Map<const Batchf, 0, Eigen::OuterStride<>>;
  const Columns next_columns(w.next_columns.get(), dims, width, Eigen::OuterStride<>(obs_stride));
  if (reward || termination)
    transpose(w.next.get() + tile.first * dims, dims, obs_stride, w.next_columns.get());

  Eigen::Map<Vecf> out(w.reward.get(), width);
  if (reward) {
    transpose(w.obs.get() + tile.first * dims, dims, obs_stride, w.obs_columns.get());
    transpose(w.action.get() + tile.first * m.action_dim, m.action_dim, action_stride,
              w.action_columns.get());
    const Columns obs_columns(w.obs_columns.get(), dims, width, Eigen::OuterStride<>(obs_stride));
    const Columns action_columns(w.action_columns.get(), m.action_dim, width,
                                 Eigen::OuterStride<>(action_stride));
    reward(obs_columns, action_columns, next_columns, t, out);
  } else {
    std::copy_n(w.mean.get() + tile.first * m.target_dim() + dims * width, width, w.reward.get());
  }
  for (int j = 0; j < width; ++j) {
    if (status[j] != kAlive) continue;
    if (std::isfinite(out[j])) {
      w.total[static_cast<std::size_t>(tile.first + j)] += discount * static_cast<double>(out[j]);
    } else {
      status[j] = kNotFinite;
    }
  }
  if (!termination) return;
  termination(next_columns, out);
  for (int j = 0; j < width; ++j)
    if (status[j] == kAlive && out[j] > 0.5f) status[j] = kTerminated;
}

// Moment matching: each candidate's live particles are redrawn from the Gaussian with their mean and
// covariance.
void EnsembleRollout::Impl::redraw(const Call& call, const Unit& unit, const std::vector<TileRange>& tiles,
                                   int step, Workspace& w) const {
  const simd::EnsembleKernels& k = kernels();
  const int dims = model().obs_dim();
  const auto entry = [&](std::size_t c) {
    for (const TileRange& tile : tiles) {
      const int width = tile.vectors * k.lanes;
      if (static_cast<int>(c) < tile.first + width)
        return std::pair{w.next.get() + tile.first * dims + (static_cast<int>(c) - tile.first), width};
    }
    return std::pair{static_cast<float*>(nullptr), 0};
  };
  const auto particles = static_cast<std::size_t>(settings.particles);
  for (std::size_t first = 0; first < unit.count; first += particles) {
    w.chosen.clear();
    for (std::size_t c = first; c < first + particles; ++c)
      if (w.status[c] == kAlive) w.chosen.push_back(c);
    if (w.chosen.size() < 2) continue;
    Batchd& x = w.moments.samples(dims, static_cast<Index>(w.chosen.size()));
    for (std::size_t s = 0; s < w.chosen.size(); ++s) {
      const auto [p, width] = entry(w.chosen[s]);
      for (int i = 0; i < dims; ++i) x(i, static_cast<Index>(s)) = static_cast<double>(p[i * width]);
    }
    w.moments.fit();
    for (const std::size_t c : w.chosen) {
      const auto [p, width] = entry(c);
      const Vecd& drawn =
          w.moments.draw(call.noise_key, w.id[c], w.particle[c], static_cast<std::uint32_t>(step));
      for (int i = 0; i < dims; ++i) p[i * width] = static_cast<float>(drawn[i]);
    }
  }
}

void EnsembleRollout::Impl::record(const Call& call, const Unit& unit, const std::vector<TileRange>& tiles,
                                   int step, const Workspace& w) const {
  const int dims = model().obs_dim();
  for (const TileRange& tile : tiles) {
    const int width = tile.vectors * kernels().lanes;
    const float* obs = w.obs.get() + tile.first * dims;
    for (int j = 0; j < tile.count; ++j) {
      const Column& column = call.columns[unit.first + static_cast<std::size_t>(tile.first + j)];
      const Index at = static_cast<Index>(column.particle) * (settings.horizon + 1) + step;
      for (int i = 0; i < dims; ++i) (*call.paths)(i, at) = obs[i * width + j];
    }
  }
}

EnsembleRollout::EnsembleRollout(const MlpEnsemble& model, RewardFunction<float> reward,
                                 TerminationFunction<float> termination,
                                 const EnsembleRolloutSettings& settings, ThreadPool& pool,
                                 std::uint64_t seed)
    : impl_(std::make_unique<Impl>(model, std::move(reward), std::move(termination), settings, pool, seed)) {
  impl_->check();
}
EnsembleRollout::~EnsembleRollout() = default;
EnsembleRollout::EnsembleRollout(EnsembleRollout&&) noexcept = default;
EnsembleRollout& EnsembleRollout::operator=(EnsembleRollout&&) noexcept = default;

void EnsembleRollout::set_model(const MlpEnsemble& model) {
  require_dim("EnsembleRollout::set_model", "obs", model.obs_dim(), impl_->model().obs_dim());
  require_dim("EnsembleRollout::set_model", "action", model.action_dim, action_dim());
  PackedEnsemble packed(model);
  std::swap(impl_->packed, packed);
  try {
    impl_->check();
  } catch (...) {
    std::swap(impl_->packed, packed);  // the old model stays
    throw;
  }
  impl_->idle.clear();  // layer widths may have changed
}

int EnsembleRollout::horizon() const { return impl_->settings.horizon; }
int EnsembleRollout::action_dim() const { return impl_->model().action_dim; }
int EnsembleRollout::particles() const { return impl_->settings.particles; }
const EnsembleRolloutSettings& EnsembleRollout::settings() const { return impl_->settings; }
const RolloutCounts& EnsembleRollout::counts() const { return impl_->counts; }
void EnsembleRollout::reset_counts() { impl_->counts = {}; }

void EnsembleRollout::evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key,
                               VecRef<float> returns) {
  impl_->means.evaluate("EnsembleRollout::evaluate", *this, obs, actions, key, returns);
}

void EnsembleRollout::evaluate_particles(const State& obs, ConstBatchRef<float> actions,
                                         const std::uint32_t* candidate_ids, RolloutKey key, int first,
                                         int last, BatchRef<float> returns) {
  constexpr const char* kWhere = "EnsembleRollout::evaluate_particles";
  check_start<float>(kWhere, obs, impl_->model().obs_dim(), actions.rows(), horizon() * action_dim());
  check_particle_range(kWhere, settings(), first, last, actions.cols(), returns.rows(), returns.cols());
  if (actions.cols() == 0) return;
  impl_->counts += run_guarded<float>(impl_->box.active(), returns, [&](Beyond beyond) {
    return impl_->run(obs, actions, candidate_ids, key, first, last, beyond, &returns, nullptr);
  });
}

Batchf EnsembleRollout::trajectories(const State& obs, ConstBatchRef<float> actions, RolloutKey key) {
  constexpr const char* kWhere = "EnsembleRollout::trajectories";
  require_dim(kWhere, "actions", actions.rows(), action_dim());
  require_dim(kWhere, "actions' batch (steps)", actions.cols(), horizon());
  const Batchf flat = actions.reshaped(actions.size(), 1);
  check_start<float>(kWhere, obs, impl_->model().obs_dim(), flat.rows(), horizon() * action_dim());
  Batchf paths(impl_->model().obs_dim(), static_cast<Index>(particles()) * (horizon() + 1));
  const std::uint32_t id = 0;
  impl_->run(obs, flat, &id, key, 0, particles(), Beyond::kStopped, nullptr, &paths);
  return paths;
}

}  // namespace mbrl
