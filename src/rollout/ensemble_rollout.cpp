// Rollouts of action sequences: blocks of particles stay in cache from the first step to the last.
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
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/moment_matching.hpp"
#include "mbrl/rollout/noise.hpp"
#include "mbrl/rollout/particle_checks.hpp"
#include "models/neural/ensemble_sampler.hpp"
#include "rollout/member_use.hpp"

namespace mbrl {
namespace {

using simd::TileRange;

// One particle of one candidate.
struct Column {
  Index action = 0;      // its column in the batch of action sequences
  std::uint32_t id = 0;  // the candidate's part of the noise counter
  std::uint32_t particle = 0;
};

// Columns that step together.
struct Unit {
  std::size_t first = 0, count = 0;  // range of the columns
  int member = 0;                    // the network, where all columns share one
};

// Scratch memory of one thread; grows to the largest unit and stays.
struct EvaluationScratch {
  SamplerColumns columns;
  std::vector<double> total;
  std::vector<std::uint32_t> drawn;
  std::vector<std::size_t> chosen;
  MomentMatching moments;
};

}  // namespace

struct EnsembleRollout::Impl {
  EnsembleRolloutSettings settings;
  EnsembleSampler sampler;
  DataBox box;
  TerminalValueFunction<float> terminal_value;
  ThreadPool* pool;
  RandomStream noise_stream, member_stream;
  RolloutCounts counts;
  std::mutex mutex;  // guards a call's counts
  WorkspacePool<EvaluationScratch> workspaces;
  ParticleMeans<float> means;

  // Throws unless settings and model go together.
  Impl(const MlpEnsemble& model, RewardFunction<float> reward, TerminationFunction<float> termination,
       const EnsembleRolloutSettings& s, ThreadPool& p, std::uint64_t seed)
      : settings(s),
        sampler("EnsembleRollout", model, std::move(reward), std::move(termination),
                members_of(s.propagation), s.propagation != Propagation::kExpectation),
        box("EnsembleRollout", model, s.data_margin),
        pool(&p),
        noise_stream(seed, Stream::kModelNoise),
        member_stream(seed, Stream::kModelMember) {
    check_particle_settings("EnsembleRollout", settings, elites());
  }

  const MlpEnsemble& model() const { return sampler.model(); }
  int elites() const { return sampler.elites(); }

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
    std::vector<float> low, high;  // obs_dim each: the box around this start
    Beyond beyond;
    BatchRef<float>* returns;
    Batchf* paths;
    RolloutCounts* counts;
  };
  void split(std::size_t candidates, int per_candidate, std::vector<Column>& columns,
             std::vector<Unit>& units, const std::uint32_t* ids, int first) const;
  void run_unit(const Call& call, const Unit& unit, EvaluationScratch& w);
  void load_actions(const Call& call, const Unit& unit, int step, SamplerColumns& c) const;
  void draw(const Call& call, int step, EvaluationScratch& w) const;
  void redraw(const Call& call, int step, EvaluationScratch& w) const;
  void record(const Call& call, const Unit& unit, int step, const SamplerColumns& c) const;
  void finish(const Call& call, const Unit& unit, EvaluationScratch& w);
};

// Columns in an order in which units are ranges of them.
void EnsembleRollout::Impl::split(std::size_t candidates, int per_candidate, std::vector<Column>& columns,
                                  std::vector<Unit>& units, const std::uint32_t* ids, int first) const {
  const auto add = [&](std::size_t k, int p) {
    columns.push_back(
        {static_cast<Index>(k), settings.common_noise ? 0u : ids[k], static_cast<std::uint32_t>(p)});
  };
  const auto add_tiles = [&](std::size_t from, int member) {
    for (const TileRange& t : simd::split_tiles(static_cast<int>(columns.size() - from), sampler.lanes()))
      units.push_back({from + static_cast<std::size_t>(t.first), static_cast<std::size_t>(t.count), member});
  };
  const int end = first + per_candidate;
  columns.reserve(candidates * static_cast<std::size_t>(per_candidate));
  if (settings.propagation == Propagation::kTSinf) {
    for (int e = 0; e < elites(); ++e) {
      const std::size_t from = columns.size();
      for (std::size_t k = 0; k < candidates; ++k)
        for (int p = first; p < end; ++p)
          if (p % elites() == e) add(k, p);
      add_tiles(from, model().elites[static_cast<std::size_t>(e)]);
    }
    return;
  }
  for (std::size_t k = 0; k < candidates; ++k)
    for (int p = first; p < end; ++p) add(k, p);
  if (settings.propagation == Propagation::kTS1 || settings.propagation == Propagation::kMomentMatching) {
    // Whole candidates, as many as fill a tile for each member: members change from step to step.
    const int wanted = sampler.tile_width() * (settings.propagation == Propagation::kTS1 ? elites() : 4);
    const auto group = static_cast<std::size_t>(std::max(1, wanted / per_candidate) * per_candidate);
    for (std::size_t from = 0; from < columns.size(); from += group)
      units.push_back({from, std::min(group, columns.size() - from), 0});
  } else {
    add_tiles(0, 0);
  }
}

RolloutCounts EnsembleRollout::Impl::run(const State& obs, const ConstBatchRef<float>& actions,
                                         const std::uint32_t* ids, RolloutKey key, int first, int last,
                                         Beyond beyond, BatchRef<float>* returns, Batchf* paths) {
  // Without noise and with the mean of all members every particle is the same: one is computed.
  const bool expectation = settings.propagation == Propagation::kExpectation;
  std::vector<Column> columns;
  std::vector<Unit> units;
  split(static_cast<std::size_t>(actions.cols()), expectation ? 1 : last - first, columns, units, ids, first);
  RolloutCounts counted;
  Call call{obs,
            actions,
            key,
            first,
            evaluation_key(noise_stream, key),
            evaluation_key(member_stream, key),
            columns,
            {},
            {},
            beyond,
            returns,
            paths,
            &counted};
  for (int i = 0; i < model().obs_dim(); ++i) {
    call.low.push_back(box.low(i, obs[i]));
    call.high.push_back(box.high(i, obs[i]));
  }
  pool->run(static_cast<int>(units.size()), [&](int i) {
    auto w = workspaces.take();
    run_unit(call, units[static_cast<std::size_t>(i)], *w);
    workspaces.give(std::move(w));
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

void EnsembleRollout::Impl::run_unit(const Call& call, const Unit& unit, EvaluationScratch& w) {
  SamplerColumns& c = w.columns;
  sampler.begin(unit.count, c);
  w.total.assign(c.capacity, 0.0);
  for (std::size_t j = 0; j < sampler.padded(unit.count); ++j) {
    const Column& column = call.columns[unit.first + std::min(j, unit.count - 1)];
    c.id[j] = column.id;
    c.particle[j] = column.particle;
  }
  const int dims = model().obs_dim();
  for (const TileRange& tile : c.tiles) {
    const int width = tile.vectors * c.lanes;
    float* obs = c.obs.data() + tile.first * dims;
    for (int i = 0; i < dims; ++i) std::fill_n(obs + i * width, width, call.obs[i]);
  }
  if (call.paths) record(call, unit, 0, c);

  EnsembleSampler::Step s{
      call.noise_key, 0, 0, unit.member, call.low.data(), call.high.data(), call.beyond == Beyond::kHeld};
  double discount = 1.0;
  for (int step = 0; step < settings.horizon; ++step) {
    load_actions(call, unit, step, c);
    if (settings.propagation == Propagation::kTS1) draw(call, step, w);
    s.step = static_cast<std::uint32_t>(step);
    s.t = call.key.t + step;
    sampler.step(s, c);
    for (std::size_t j = 0; j < unit.count; ++j) w.total[j] += discount * static_cast<double>(c.reward[j]);
    discount *= settings.discount;
    if (settings.propagation == Propagation::kMomentMatching) redraw(call, step, w);
    std::swap(c.obs, c.next_obs);
    if (call.paths) {
      record(call, unit, step + 1, c);
    } else if (!c.any_alive()) {
      break;
    }
  }
  if (!call.returns) return;
  if (terminal_value && c.any_alive()) {
    sampler.evaluate(terminal_value, call.key.t + settings.horizon, c);
    for (std::size_t j = 0; j < unit.count; ++j) w.total[j] += discount * static_cast<double>(c.reward[j]);
  }
  finish(call, unit, w);
}

void EnsembleRollout::Impl::finish(const Call& call, const Unit& unit, EvaluationScratch& w) {
  std::uint64_t out_of_data = 0, not_finite = 0;
  for (std::size_t j = 0; j < unit.count; ++j) {
    const ColumnStatus status = w.columns.status[j];
    const float value = static_cast<float>(w.total[j]);
    const bool usable =
        (status == ColumnStatus::kAlive || status == ColumnStatus::kTerminated) && std::isfinite(value);
    out_of_data += status == ColumnStatus::kOutOfData;
    not_finite += !usable && status != ColumnStatus::kOutOfData;
    const Column& column = call.columns[unit.first + j];
    (*call.returns)(static_cast<Index>(column.particle) - call.first, column.action) =
        usable ? value : std::numeric_limits<float>::quiet_NaN();
  }
  const std::lock_guard lock(mutex);
  *call.counts +=
      {unit.count * static_cast<std::uint64_t>(settings.horizon), unit.count, out_of_data, not_finite};
}

void EnsembleRollout::Impl::load_actions(const Call& call, const Unit& unit, int step,
                                         SamplerColumns& c) const {
  const int action_dim = model().action_dim;
  for (const TileRange& tile : c.tiles) {
    const int width = tile.vectors * c.lanes;
    float* action = c.action.data() + tile.first * action_dim;
    for (int j = 0; j < width; ++j) {
      const auto from = std::min(static_cast<std::size_t>(tile.first + j), unit.count - 1);
      const Index column = call.columns[unit.first + from].action;
      for (int i = 0; i < action_dim; ++i)
        action[i * width + j] = call.actions(step * action_dim + i, column);
    }
  }
}

// TS1: each particle's member is drawn anew every step, balanced within a candidate: a random permutation of
// its particles is dealt out to the elites.
void EnsembleRollout::Impl::draw(const Call& call, int step, EvaluationScratch& w) const {
  SamplerColumns& c = w.columns;
  for (std::size_t j = 0; j < c.count; ++j) {
    if (j == 0 || c.id[j] != c.id[j - 1])
      draw_members(call.member_key, c.id[j], static_cast<std::uint32_t>(step), settings.particles, elites(),
                   w.drawn);
    c.member[j] = w.drawn[c.particle[j]];
  }
}

// Moment matching: each candidate's live particles are redrawn from the Gaussian with their mean and
// covariance.
void EnsembleRollout::Impl::redraw(const Call& call, int step, EvaluationScratch& w) const {
  SamplerColumns& c = w.columns;
  const int dims = model().obs_dim();
  using Entries = Eigen::Map<Vecf, 0, Eigen::InnerStride<>>;
  const auto next_obs = [&](std::size_t j) {
    const auto at = c.place(j, dims);
    return Entries(c.next_obs.data() + at.first, dims, Eigen::InnerStride<>(static_cast<Index>(at.stride)));
  };
  const auto particles = static_cast<std::size_t>(settings.particles);
  for (std::size_t first = 0; first < c.count; first += particles) {
    w.chosen.clear();
    for (std::size_t j = first; j < first + particles; ++j)
      if (c.status[j] == ColumnStatus::kAlive) w.chosen.push_back(j);
    if (w.chosen.size() < 2) continue;
    Batchd& x = w.moments.samples(dims, static_cast<Index>(w.chosen.size()));
    for (std::size_t s = 0; s < w.chosen.size(); ++s)
      x.col(static_cast<Index>(s)) = next_obs(w.chosen[s]).cast<double>();
    w.moments.fit();
    for (const std::size_t j : w.chosen) {
      const Vecd& drawn =
          w.moments.draw(call.noise_key, c.id[j], c.particle[j], static_cast<std::uint32_t>(step));
      next_obs(j) = drawn.cast<float>();
    }
  }
}

void EnsembleRollout::Impl::record(const Call& call, const Unit& unit, int step,
                                   const SamplerColumns& c) const {
  const int dims = model().obs_dim();
  for (std::size_t j = 0; j < unit.count; ++j) {
    const auto from = c.place(j, dims);
    const Column& column = call.columns[unit.first + j];
    const Index at = static_cast<Index>(column.particle) * (settings.horizon + 1) + step;
    for (int i = 0; i < dims; ++i)
      (*call.paths)(i, at) = c.obs[from.first + static_cast<std::size_t>(i) * from.stride];
  }
}

EnsembleRollout::EnsembleRollout(const MlpEnsemble& model, RewardFunction<float> reward,
                                 TerminationFunction<float> termination,
                                 const EnsembleRolloutSettings& settings, ThreadPool& pool,
                                 std::uint64_t seed)
    : impl_(std::make_unique<Impl>(model, std::move(reward), std::move(termination), settings, pool, seed)) {}
EnsembleRollout::~EnsembleRollout() = default;
EnsembleRollout::EnsembleRollout(EnsembleRollout&&) noexcept = default;
EnsembleRollout& EnsembleRollout::operator=(EnsembleRollout&&) noexcept = default;

void EnsembleRollout::set_model(const MlpEnsemble& model) {
  constexpr const char* kWhere = "EnsembleRollout";
  Impl& self = *impl_;
  require_dim("EnsembleRollout::set_model", "obs", model.obs_dim(), self.model().obs_dim());
  require_dim("EnsembleRollout::set_model", "action", model.action_dim, action_dim());
  // Whatever throws, the old model stays.
  EnsembleSampler sampler(kWhere, model, self.sampler.reward(), self.sampler.termination(),
                          members_of(settings().propagation),
                          settings().propagation != Propagation::kExpectation);
  check_particle_settings(kWhere, settings(), sampler.elites());
  self.box = DataBox(kWhere, model, settings().data_margin);
  self.sampler = std::move(sampler);
  self.workspaces.clear();  // layer widths may have changed
}

void EnsembleRollout::set_terminal_value(TerminalValueFunction<float> value) {
  impl_->terminal_value = std::move(value);
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
