// Units of trajectories stay in cache from the first step to the last, as rollouts of action sequences do.
#include "mbrl/rollout/imagination.hpp"

#include <algorithm>
#include <functional>
#include <mutex>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/rollout/noise.hpp"
#include "models/neural/ensemble_sampler.hpp"
#include "rollout/member_use.hpp"

namespace mbrl {
namespace {

using simd::TileRange;

// Columns a policy is called with: whole vectors of its networks (16 floats) and whole tiles of ours.
constexpr std::size_t kPolicyColumns = 96;
// Most trajectories that step together, so that weights are read for many of them: where each has a network of
// its own, enough to fill every network's tiles.
std::size_t unit_size(MemberUse members) { return (members == MemberUse::kOwn ? 12 : 2) * kPolicyColumns; }

struct ImaginationScratch {
  SamplerColumns columns;
  Batchf obs, action, memory;  // a column a trajectory
  std::vector<std::uint8_t> running;
};

// A policy's workspace, given back whatever happens.
struct Opened {
  explicit Opened(PolicyPort& p) : policy(p), workspace(p.open()) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { policy.close(workspace); }
  PolicyPort& policy;
  void* workspace;
};

// Throws unless the ensemble has what is to be measured.
void check_uncertainty(const MlpEnsemble& model, EnsembleUncertainty kind) {
  using enum EnsembleUncertainty;
  require(model.settings.gaussian || kind == kNone || kind == kDisagreement,
          "Imagination: the ensemble predicts no variances, expected uncertainty none or disagreement");
  require(kind != kDivergence || model.members.size() > 1,
          "Imagination: the ensemble has one network, expected two or more to diverge from each other");
}

// Columns of a batch into the rows of all tiles; padding repeats the last one.
void load(ConstBatchRef<float> batch, SamplerColumns& c, AlignedFloats& rows) {
  const Index dims = batch.rows();
  for (const TileRange& tile : c.tiles) {
    const int width = tile.vectors * c.lanes;
    float* to = rows.data() + tile.first * dims;
    for (int j = 0; j < width; ++j) {
      const Index from = std::min<Index>(tile.first + j, static_cast<Index>(c.count) - 1);
      for (Index i = 0; i < dims; ++i) to[i * width + j] = batch(i, from);
    }
  }
}

void store(const SamplerColumns& c, const AlignedFloats& rows, BatchRef<float> batch) {
  const Index dims = batch.rows();
  for (const TileRange& tile : c.tiles) {
    const int width = tile.vectors * c.lanes;
    const float* from = rows.data() + tile.first * dims;
    for (int j = 0; j < tile.count; ++j)
      for (Index i = 0; i < dims; ++i) batch(i, tile.first + j) = from[i * width + j];
  }
}

}  // namespace

struct ImaginationEngine::Impl {
  ImaginationSettings settings;
  EnsembleSampler sampler;
  ThreadPool* pool;
  RandomStream noise_stream, member_stream, policy_stream;
  std::mutex mutex;  // guards the counts
  RolloutCounts counts;
  WorkspacePool<ImaginationScratch> workspaces;
  // Trajectories in an order in which units are ranges of them.
  struct Unit {
    std::size_t first = 0, count = 0;
    int member = 0;
  };
  std::vector<std::uint32_t> order;
  std::vector<Unit> units;

  Impl(const MlpEnsemble& model, RewardFunction<float> reward, TerminationFunction<float> termination,
       const ImaginationSettings& s, ThreadPool& p, std::uint64_t seed)
      : settings(s),
        sampler("Imagination", model, std::move(reward), std::move(termination), members_of(s.propagation),
                s.propagation != Propagation::kExpectation),
        pool(&p),
        noise_stream(seed, Stream::kModelNoise),
        member_stream(seed, Stream::kModelMember),
        policy_stream(seed, Stream::kPolicy) {
    require(s.horizon >= 1, "Imagination: horizon is ", s.horizon, ", expected at least 1");
    require(s.propagation != Propagation::kMomentMatching,
            "Imagination: moment matching couples particles of one start, expected E, DS, TS1 or TSinf");
    check_uncertainty(model, s.uncertainty);
  }

  struct Call {
    PolicyPort* policy;
    const ConstBatchRef<float>* starts;
    std::span<const std::uint32_t> ids;
    int t;
    std::array<std::uint32_t, 2> noise_key, member_key, policy_key;
    Trajectories* out;
    std::uint32_t id(std::uint32_t k) const { return ids.empty() ? k : ids[k]; }
  };
  void split(const Call& call, std::size_t n);
  void run_unit(const Call& call, const Unit& unit, ImaginationScratch& w);
  void begin(const Call& call, const Unit& unit, ImaginationScratch& w) const;
  void act(const Call& call, void* policy_workspace, int step, ImaginationScratch& w) const;
  void record(const Call& call, const Unit& unit, int step, ImaginationScratch& w) const;
};

void ImaginationEngine::Impl::split(const Call& call, std::size_t n) {
  const int groups = settings.propagation == Propagation::kTSinf ? sampler.elites() : 1;
  const auto threads = static_cast<std::size_t>((pool->size() + groups - 1) / groups);
  const std::size_t most = unit_size(members_of(settings.propagation));
  order.resize(n);
  units.clear();
  std::size_t end = 0;
  for (int e = 0; e < groups; ++e) {
    const std::size_t first = end;
    for (std::uint32_t k = 0; k < n; ++k)
      if (groups == 1 || call.id(k) % static_cast<std::uint32_t>(groups) == static_cast<std::uint32_t>(e))
        order[end++] = k;
    // Equal sizes, and as many for each of the threads that a group can keep busy.
    const std::size_t round = most * threads, m = end - first;
    const std::size_t parts = std::max<std::size_t>(1, (m + round - 1) / round) * threads;
    const std::size_t size = std::max<std::size_t>(1, sampler.padded((m + parts - 1) / parts));
    for (std::size_t at = first; at < end; at += size)
      units.push_back({at, std::min(size, end - at), sampler.model().elites[static_cast<std::size_t>(e)]});
  }
}

void ImaginationEngine::Impl::begin(const Call& call, const Unit& unit, ImaginationScratch& w) const {
  SamplerColumns& c = w.columns;
  const auto n = static_cast<Index>(unit.count);
  sampler.begin(unit.count, c);
  if (w.obs.cols() < n || w.memory.rows() != call.policy->memory_dim()) {
    w.obs.resize(sampler.model().obs_dim(), n);
    w.action.resize(sampler.model().action_dim, n);
    w.memory.resize(call.policy->memory_dim(), n);
  }
  w.memory.setZero();
  w.running.assign(unit.count, 1);
  for (std::size_t j = 0; j < sampler.padded(unit.count); ++j) {
    const std::uint32_t k = order[unit.first + std::min(j, unit.count - 1)];
    c.id[j] = call.id(k);
    c.particle[j] = 0;
    if (j >= unit.count) continue;
    w.obs.col(static_cast<Index>(j)) = call.starts->col(k);
    call.out->obs.col(k) = call.starts->col(k);
    call.out->length[k] = 0;
    call.out->diverged[k] = 0;
  }
  load(w.obs.leftCols(n), c, c.obs);
}

void ImaginationEngine::Impl::act(const Call& call, void* policy_workspace, int step,
                                  ImaginationScratch& w) const {
  SamplerColumns& c = w.columns;
  for (std::size_t first = 0; first < c.count; first += kPolicyColumns) {
    const std::size_t count = std::min(kPolicyColumns, c.count - first);
    const auto at = static_cast<Index>(first), n = static_cast<Index>(count);
    call.policy->act(policy_workspace, w.obs.middleCols(at, n), w.memory.middleCols(at, n),
                     {call.policy_key, static_cast<std::uint32_t>(step), {c.id.data() + first, count}},
                     w.action.middleCols(at, n));
  }
  load(w.action.leftCols(static_cast<Index>(c.count)), c, c.action);
  if (settings.propagation != Propagation::kTS1) return;
  for (std::size_t j = 0; j < c.count; ++j) {
    const auto words = philox4x32({c.id[j], 0, static_cast<std::uint32_t>(step), 0}, call.member_key);
    c.member[j] = static_cast<std::uint32_t>(
        (std::uint64_t{words[0]} * static_cast<std::uint64_t>(sampler.elites())) >> 32);
  }
}

void ImaginationEngine::Impl::record(const Call& call, const Unit& unit, int step,
                                     ImaginationScratch& w) const {
  const SamplerColumns& c = w.columns;
  Trajectories& out = *call.out;
  store(c, c.next_obs, w.obs.leftCols(static_cast<Index>(unit.count)));
  const Index n = out.count();
  for (std::size_t j = 0; j < unit.count; ++j) {
    const std::uint32_t k = order[unit.first + j];
    const auto column = static_cast<Index>(j);
    const bool sound =
        w.running[j] && (c.status[j] == ColumnStatus::kAlive || c.status[j] == ColumnStatus::kTerminated);
    const bool ends = w.running[j] && c.status[j] != ColumnStatus::kAlive;
    if (sound)
      out.action.col(step * n + k) = w.action.col(column);
    else
      out.action.col(step * n + k).setZero();
    out.obs.col((step + 1) * n + k) = w.obs.col(column);
    out.reward(k, step) = c.reward[j];
    if (out.uncertainty.size() > 0) out.uncertainty(k, step) = sound ? c.uncertainty[j] : 0.0f;
    out.terminated(k, step) = ends && sound;
    out.length[k] += sound;
    if (ends && !sound) out.diverged[k] = 1;
    if (ends) w.running[j] = 0;
  }
}

void ImaginationEngine::Impl::run_unit(const Call& call, const Unit& unit, ImaginationScratch& w) {
  begin(call, unit, w);
  SamplerColumns& c = w.columns;
  EnsembleSampler::Step s{call.noise_key, 0, 0, unit.member, nullptr, nullptr, false, settings.uncertainty};
  const Opened policy(*call.policy);
  int step = 0;
  for (; step < settings.horizon && c.any_alive(); ++step) {
    act(call, policy.workspace, step, w);
    s.step = static_cast<std::uint32_t>(step);
    s.t = call.t + step;
    sampler.step(s, c);
    record(call, unit, step, w);
    std::swap(c.obs, c.next_obs);
  }
  std::swap(c.obs, c.next_obs);
  std::fill(c.reward.begin(), c.reward.end(), 0.0f);
  for (; step < settings.horizon; ++step) record(call, unit, step, w);  // all have ended

  RolloutCounts counted;
  counted.particles = unit.count;
  for (std::size_t j = 0; j < unit.count; ++j) {
    const std::uint32_t k = order[unit.first + j];
    counted.rows += static_cast<std::uint64_t>(call.out->length[k]);
    counted.not_finite += call.out->diverged[k];
  }
  const std::lock_guard lock(mutex);
  counts += counted;
}

ImaginationEngine::ImaginationEngine(const MlpEnsemble& model, RewardFunction<float> reward,
                                     TerminationFunction<float> termination,
                                     const ImaginationSettings& settings, ThreadPool& pool,
                                     std::uint64_t seed)
    : impl_(std::make_unique<Impl>(model, std::move(reward), std::move(termination), settings, pool, seed)) {}
ImaginationEngine::~ImaginationEngine() = default;
ImaginationEngine::ImaginationEngine(ImaginationEngine&&) noexcept = default;
ImaginationEngine& ImaginationEngine::operator=(ImaginationEngine&&) noexcept = default;

void ImaginationEngine::set_model(const MlpEnsemble& model) {
  Impl& self = *impl_;
  require_dim("Imagination::set_model", "obs", model.obs_dim(), obs_dim());
  require_dim("Imagination::set_model", "action", model.action_dim, action_dim());
  check_uncertainty(model, settings().uncertainty);
  self.sampler = EnsembleSampler("Imagination", model, self.sampler.reward(), self.sampler.termination(),
                                 members_of(settings().propagation),
                                 settings().propagation != Propagation::kExpectation);
  self.workspaces.clear();  // layer widths may have changed
}
void ImaginationEngine::set_horizon(int horizon) {
  require(horizon >= 1, "Imagination: horizon is ", horizon, ", expected at least 1");
  impl_->settings.horizon = horizon;
}
const ImaginationSettings& ImaginationEngine::settings() const { return impl_->settings; }
const RolloutCounts& ImaginationEngine::counts() const { return impl_->counts; }
int ImaginationEngine::obs_dim() const { return impl_->sampler.model().obs_dim(); }
int ImaginationEngine::action_dim() const { return impl_->sampler.model().action_dim; }

void ImaginationEngine::run(PolicyPort& policy, ConstBatchRef<float> starts,
                            std::span<const std::uint32_t> ids, RolloutKey key, Trajectories& out) {
  constexpr const char* kWhere = "Imagination::run";
  Impl& self = *impl_;
  const Index n = starts.cols(), steps = settings().horizon;
  require_dim(kWhere, "starts", starts.rows(), obs_dim());
  require(starts.allFinite(), kWhere, ": a start holds a number that is not finite");
  if (!ids.empty()) require_dim(kWhere, "ids", ids.size(), n);
  out.horizon = static_cast<int>(steps);
  out.obs.resize(obs_dim(), n * (steps + 1));
  out.action.resize(action_dim(), n * steps);
  out.reward.resize(n, steps);
  if (settings().uncertainty == EnsembleUncertainty::kNone)
    out.uncertainty.resize(0, 0);
  else
    out.uncertainty.resize(n, steps);
  out.terminated.resize(n, steps);
  out.length.resize(static_cast<std::size_t>(n));
  out.diverged.resize(static_cast<std::size_t>(n));
  const Impl::Call call{&policy,
                        &starts,
                        ids,
                        key.t,
                        evaluation_key(self.noise_stream, key),
                        evaluation_key(self.member_stream, key),
                        evaluation_key(self.policy_stream, key),
                        &out};
  self.split(call, static_cast<std::size_t>(n));
  const auto task = [&](int i) {
    auto w = self.workspaces.take();
    self.run_unit(call, self.units[static_cast<std::size_t>(i)], *w);
    self.workspaces.give(std::move(w));
  };
  self.pool->run(static_cast<int>(self.units.size()),
                 std::cref(task));  // by reference: std::function copies nothing
}

}  // namespace mbrl
