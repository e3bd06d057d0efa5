// Rollouts on the device. A rollout is a function of a handful of input tensors and calls nothing that waits
// for the device, so that on CUDA it is captured into a graph once and replayed afterwards.
#include "mbrl/torch/ensemble_rollout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/rollout/data_box.hpp"
#include "mbrl/rollout/noise.hpp"
#include "mbrl/rollout/particle_checks.hpp"
#include "mbrl/torch/device.hpp"
#include "mbrl/torch/interop.hpp"
#include "torch/device_model.hpp"
#include "torch/moment_matching.hpp"
#include "torch/noise.hpp"
#include "torch/rollout_rows.hpp"
#include "torch/tensors.hpp"

#if MBRL_TORCH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace mbrl::libtorch {
namespace {

using at::Tensor;

enum Status : std::int64_t { kAlive, kTerminated, kOutOfData, kNotFinite };
constexpr std::int64_t kRedraw = 0x80000000;  // marks moment matching's draws in the step word of the counter

// What changes from call to call, on the device: the graph reads these very tensors.
struct Inputs {
  Tensor obs;            // [obs_dim]
  Tensor actions;        // [candidates, horizon * action_dim]
  Tensor ids;            // [candidates] int64, the candidates' part of the noise counter
  Tensor key;            // [2] int64
  Tensor t;              // [] int64
  Tensor low, high;      // [obs_dim], the box within which the model is believed
  Tensor gather, place;  // TS1: [horizon, elites * share], [horizon, rows] int64
};

// Returns [rows] (double) and status [rows].
struct Outputs {
  Tensor total, status;
};

}  // namespace

struct EnsembleRollout::Impl {
  MlpEnsemble model;
  std::shared_ptr<const TensorTask> task;
  EnsembleRolloutSettings settings;
  at::Device device;
  RandomStream noise_stream, member_stream;
  RolloutCounts counts{};
  std::optional<DeviceModel> net;
  DataBox box;
  ParticleMeans<float> means;

  // A shape met before, with its graph on CUDA.
  struct Plan {
    RolloutRows rows;
    Inputs inputs;
    Outputs outputs;
#if MBRL_TORCH_CUDA
    std::unique_ptr<at::cuda::CUDAGraph> graph;
#endif
  };
  std::map<std::tuple<int, int, int, Beyond>, Plan> plans;  // candidates, first, last
  static constexpr std::size_t kMaxPlans = 32;  // racing planners ask for many shapes; memory is finite

  Impl(const MlpEnsemble& m, std::shared_ptr<const TensorTask> what, const EnsembleRolloutSettings& s,
       const at::Device& where, std::uint64_t seed)
      : model(m),
        task(std::move(what)),
        settings(s),
        device(where),
        noise_stream(seed, Stream::kModelNoise),
        member_stream(seed, Stream::kModelMember) {}

  int elites() const { return static_cast<int>(model.elites.size()); }
  bool learned_reward() const { return !task || !task->reward; }

  void check() const {
    constexpr const char* kWhere = "libtorch::EnsembleRollout";
    check_particle_settings(kWhere, settings, elites());
    require(
        !learned_reward() || model.settings.learned_reward, kWhere,
        ": the task has no reward and the ensemble has not learned one; give a reward or set learned_reward");
  }

  void upload() {
    const at::NoGradGuard no_grad;
    plans.clear();  // graphs hold the old weights
    box = DataBox("libtorch::EnsembleRollout", model, settings.data_margin);
    net.emplace(model, device);
  }

  Outputs compute(const RolloutRows& rows, Beyond beyond, const Inputs& in) const;
  void predict(const RolloutRows& rows, const Inputs& in, int step, const Tensor& x, Tensor& mean,
               Tensor& deviation) const;
  // The counts of this call.
  RolloutCounts run(const State& obs, const ConstBatchRef<float>& actions, const std::uint32_t* ids,
                    RolloutKey key, int first, int last, Beyond beyond, BatchRef<float> returns);
};

// Means and standard deviations [rows, target_dim]; the deviation stays undefined without noise.
void EnsembleRollout::Impl::predict(const RolloutRows& s, const Inputs& in, int step, const Tensor& x,
                                    Tensor& mean, Tensor& deviation) const {
  const int targets = model.target_dim();
  const bool gaussian = model.settings.gaussian;
  const auto activation = model.settings.activation;
  if (settings.propagation == Propagation::kTSinf || settings.propagation == Propagation::kTS1) {
    Tensor out;
    if (settings.propagation == Propagation::kTSinf) {
      out = batched_forward(net->layers, activation, x.view({elites(), s.share, -1})).flatten(0, 1);
    } else {
      const Tensor grouped = x.index_select(0, in.gather.select(0, step)).view({elites(), s.share, -1});
      out = batched_forward(net->layers, activation, grouped)
                .flatten(0, 1)
                .index_select(0, in.place.select(0, step));
    }
    mean = out.narrow(1, 0, targets);
    if (gaussian)
      deviation = at::exp(0.5 * bound_logvar(out.narrow(1, targets, targets), net->high, net->low));
    return;
  }
  const Tensor out = batched_forward(net->layers, activation, x.unsqueeze(0).expand({elites(), -1, -1}));
  const Tensor means = out.narrow(2, 0, targets);
  mean = means.mean(0);
  if (settings.propagation == Propagation::kExpectation) return;
  Tensor variance = (means - mean).square().mean(0);
  if (gaussian)
    variance = variance + at::exp(bound_logvar(out.narrow(2, targets, targets), net->high, net->low)).mean(0);
  deviation = at::sqrt(variance);
}

Outputs EnsembleRollout::Impl::compute(const RolloutRows& s, Beyond beyond, const Inputs& in) const {
  const bool sampled =
      settings.propagation != Propagation::kExpectation &&
      (model.settings.gaussian || settings.propagation == Propagation::kDistributionSampling ||
       settings.propagation == Propagation::kMomentMatching);
  const bool matching = settings.propagation == Propagation::kMomentMatching;
  const int dims = model.obs_dim(), action_dim = model.action_dim;
  // All noise at once: with common noise one line a particle serves every candidate.
  const auto normals = [&](std::int64_t step_mark) {
    const Tensor steps = s.steps.bitwise_or(step_mark);
    if (settings.common_noise)
      return particle_normals(in.key, at::zeros_like(s.noise_particle), s.noise_particle, steps, s.blocks,
                              dims);
    return particle_normals(in.key, in.ids.index_select(0, s.candidate_index), s.particle_index, steps,
                            s.blocks, dims);
  };
  const auto rows_of = [&](const Tensor& table, int step) {
    const Tensor now = table.select(0, step);
    return settings.common_noise ? now.index_select(0, s.noise_row) : now;
  };
  Tensor noise, redraw_noise;
  if (sampled) noise = normals(0).to(at::kFloat);
  if (matching) redraw_noise = normals(kRedraw);

  const auto options = at::TensorOptions().device(device);
  Tensor obs = in.obs.unsqueeze(0).expand({s.rows, -1});
  Tensor status = at::zeros({s.rows}, options.dtype(at::kLong));
  Tensor total = at::zeros({s.rows}, options.dtype(at::kDouble));
  const Tensor zero = at::zeros({s.rows}, options.dtype(at::kDouble));
  const auto mark = [&](const Tensor& where, Status as) { status = status.masked_fill(where, as); };
  double discount = 1.0;
  for (int step = 0; step < settings.horizon; ++step, discount *= settings.discount) {
    const Tensor action = in.actions.narrow(1, static_cast<std::int64_t>(step) * action_dim, action_dim)
                              .index_select(0, s.candidate_index);
    Tensor mean, deviation;
    predict(s, in, step, net->encode(obs, action), mean, deviation);
    Tensor next = mean.narrow(1, 0, dims);
    if (sampled) next = next + deviation.narrow(1, 0, dims) * rows_of(noise, step);
    next = next + obs * net->delta;
    if (net->constants) next = at::where(net->constant, obs, next);

    // Particles that stop keep their last sound state, so that nothing infinite travels on.
    const Tensor finite = at::isfinite(next).all(1);
    mark(at::logical_and(status == kAlive, finite.logical_not()), kNotFinite);
    if (beyond == Beyond::kHeld) {
      next = at::minimum(at::maximum(next, in.low), in.high);
    } else {
      const Tensor inside = at::logical_and(next >= in.low, next <= in.high).all(1);
      mark(at::logical_and(status == kAlive, inside.logical_not()), kOutOfData);
    }
    next = at::where((status == kAlive).unsqueeze(1), next, obs);

    const Tensor reward =
        (learned_reward() ? mean.select(1, model.reward_row()) : task->reward(obs, action, next, in.t + step))
            .to(at::kDouble);
    mark(at::logical_and(status == kAlive, at::isfinite(reward).logical_not()), kNotFinite);
    total = total + at::where(status == kAlive, reward * discount, zero);
    if (task && task->termination)
      mark(at::logical_and(status == kAlive, task->termination(next).to(at::kFloat) > 0.5), kTerminated);
    else if (model.settings.learned_termination)
      mark(at::logical_and(status == kAlive, mean.select(1, model.termination_row()) > 0), kTerminated);
    if (matching) next = redraw(s.candidates, next, status == kAlive, rows_of(redraw_noise, step));
    obs = next;
  }
  return {total, status};
}

RolloutCounts EnsembleRollout::Impl::run(const State& obs, const ConstBatchRef<float>& actions,
                                         const std::uint32_t* ids, RolloutKey key, int first, int last,
                                         Beyond beyond, BatchRef<float> returns) {
  const at::NoGradGuard no_grad;
  // Without noise and with the mean of all members every particle is the same: one is computed.
  const bool expectation = settings.propagation == Propagation::kExpectation;
  const int end = expectation ? first + 1 : last;
  const int candidates = static_cast<int>(actions.cols());
  if (plans.size() >= kMaxPlans) plans.clear();
  const auto [entry, is_new] = plans.try_emplace({candidates, first, end, beyond});
  Plan& plan = entry->second;
  if (is_new) plan.rows = make_rows(settings, elites(), model.obs_dim(), candidates, first, end, device);
  const RolloutRows& s = plan.rows;

  Inputs now;
  now.obs = to_tensor(obs, at::kCPU).view({-1});
  now.actions = to_tensor(actions, at::kCPU);
  std::vector<std::int64_t> wide(static_cast<std::size_t>(candidates), 0);
  if (!settings.common_noise) std::copy_n(ids, wide.size(), wide.begin());
  now.ids = ::torch::tensor(wide, at::kLong);
  const auto noise_key = evaluation_key(noise_stream, key);
  now.key = ::torch::tensor(std::vector<std::int64_t>{noise_key[0], noise_key[1]}, at::kLong);
  now.t = ::torch::tensor(static_cast<std::int64_t>(key.t), at::kLong);
  std::vector<float> low, high;
  for (int i = 0; i < model.obs_dim(); ++i) {
    low.push_back(box.low(i, obs[i]));
    high.push_back(box.high(i, obs[i]));
  }
  now.low = to_tensor(low, at::kCPU);
  now.high = to_tensor(high, at::kCPU);
  if (settings.propagation == Propagation::kTS1)
    now.gather = deal_members(s, settings, elites(), evaluation_key(member_stream, key), ids, now.place);

  const auto bring = [&](Tensor& to, const Tensor& from) {
    if (!from.defined()) return;
    if (to.defined()) {
      to.copy_(from);
    } else {
      to = from.to(device);
    }
  };
  bring(plan.inputs.obs, now.obs);
  bring(plan.inputs.actions, now.actions);
  bring(plan.inputs.ids, now.ids);
  bring(plan.inputs.key, now.key);
  bring(plan.inputs.t, now.t);
  bring(plan.inputs.low, now.low);
  bring(plan.inputs.high, now.high);
  bring(plan.inputs.gather, now.gather);
  bring(plan.inputs.place, now.place);
#if MBRL_TORCH_CUDA
  if (device.is_cuda()) {
    if (!plan.graph) {
      // A first run outside the capture lets LibTorch and cuBLAS set themselves up.
      const c10::cuda::CUDAStreamGuard side(c10::cuda::getStreamFromPool(false, device.index()));
      c10::cuda::device_synchronize();
      compute(s, beyond, plan.inputs);
      c10::cuda::getCurrentCUDAStream(device.index()).synchronize();
      auto graph = std::make_unique<at::cuda::CUDAGraph>();
      graph->capture_begin();
      plan.outputs = compute(s, beyond, plan.inputs);
      graph->capture_end();
      plan.graph = std::move(graph);
    }
    plan.graph->replay();
  } else {
    plan.outputs = compute(s, beyond, plan.inputs);
  }
#else
  plan.outputs = compute(s, beyond, plan.inputs);
#endif

  RolloutCounts counted;
  const Tensor total = plan.outputs.total.to(at::kCPU).contiguous();
  const Tensor status = plan.outputs.status.to(at::kCPU).contiguous();
  for (int r = 0; r < s.rows; ++r) {
    const auto i = static_cast<std::size_t>(r);
    if (!s.real[i]) continue;
    std::int64_t how = status.data_ptr<std::int64_t>()[r];
    float value = static_cast<float>(total.data_ptr<double>()[r]);
    if (how <= kTerminated && !std::isfinite(value)) how = kNotFinite;
    if (how > kTerminated) value = std::numeric_limits<float>::quiet_NaN();
    counted.out_of_data += how == kOutOfData;
    counted.not_finite += how == kNotFinite;
    ++counted.particles;
    counted.rows += static_cast<std::uint64_t>(settings.horizon);
    returns(static_cast<Index>(s.particle[i]) - first, static_cast<Index>(s.candidate[i])) = value;
  }
  if (expectation)
    for (Index p = 1; p < returns.rows(); ++p) returns.row(p) = returns.row(0);
  return counted;
}

EnsembleRollout::EnsembleRollout(const MlpEnsemble& model, std::shared_ptr<const TensorTask> task,
                                 const EnsembleRolloutSettings& settings, const std::string& device,
                                 std::uint64_t seed) {
  check_device(device);
  use_threads();
  model.validate();
  impl_ = std::make_unique<Impl>(model, std::move(task), settings, at::Device(device), seed);
  if (impl_->device.is_cuda() && !impl_->device.has_index()) impl_->device.set_index(0);
  impl_->check();
  impl_->upload();
}
EnsembleRollout::~EnsembleRollout() = default;
EnsembleRollout::EnsembleRollout(EnsembleRollout&&) noexcept = default;
EnsembleRollout& EnsembleRollout::operator=(EnsembleRollout&&) noexcept = default;

void EnsembleRollout::set_model(const MlpEnsemble& model) {
  require_dim("libtorch::EnsembleRollout::set_model", "obs", model.obs_dim(), impl_->model.obs_dim());
  require_dim("libtorch::EnsembleRollout::set_model", "action", model.action_dim, action_dim());
  model.validate();
  MlpEnsemble old = std::exchange(impl_->model, model);
  try {
    impl_->check();
  } catch (...) {
    impl_->model = std::move(old);  // the old model stays
    throw;
  }
  impl_->upload();
}

int EnsembleRollout::horizon() const { return impl_->settings.horizon; }
int EnsembleRollout::action_dim() const { return impl_->model.action_dim; }
int EnsembleRollout::particles() const { return impl_->settings.particles; }
const EnsembleRolloutSettings& EnsembleRollout::settings() const { return impl_->settings; }
const RolloutCounts& EnsembleRollout::counts() const { return impl_->counts; }
void EnsembleRollout::reset_counts() { impl_->counts = {}; }

void EnsembleRollout::evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key,
                               VecRef<float> returns) {
  impl_->means.evaluate("libtorch::EnsembleRollout::evaluate", *this, obs, actions, key, returns);
}

void EnsembleRollout::evaluate_particles(const State& obs, ConstBatchRef<float> actions,
                                         const std::uint32_t* candidate_ids, RolloutKey key, int first,
                                         int last, BatchRef<float> returns) {
  constexpr const char* kWhere = "libtorch::EnsembleRollout::evaluate_particles";
  check_start<float>(kWhere, obs, impl_->model.obs_dim(), actions.rows(), horizon() * action_dim());
  check_particle_range(kWhere, settings(), first, last, actions.cols(), returns.rows(), returns.cols());
  if (actions.cols() == 0) return;
  impl_->counts += run_guarded<float>(impl_->box.active(), returns, [&](Beyond beyond) {
    return impl_->run(obs, actions, candidate_ids, key, first, last, beyond, returns);
  });
}

}  // namespace mbrl::libtorch
