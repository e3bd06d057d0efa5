// The native trainer: who does what when. The arithmetic is in native_trainer_kernels.cpp.
//
// A step of all members is one stage a member (forward pass, loss, backward pass with updates). Stages are
// taken in the order step 0 of members 0..M-1, step 1 of members 0..M-1, ... by whichever thread is free, and
// a stage only waits for what it needs: its member's previous stage and, for its loss, the log-variance
// bounds, which members share and which are complete once every member's loss of the step before is known. So
// 5 members keep 2 threads busy without a barrier, and no number depends on who ran what.
#include "mbrl/models/native_trainer.hpp"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>

#include "mbrl/core/error.hpp"
#include "models/native_trainer_kernels.hpp"

namespace mbrl {
namespace {

using training::Activations;
using training::AdamStep;
using training::LayerState;
using training::padded;

// Adam's moments as they are stored: one member after the other, its layers in order, weight then bias,
// unpadded.
struct Moments {
  std::vector<std::int64_t>
      shape;  // members, target_dim (0 without bounds), sizes of all layers: input, ..., output
  std::vector<float> first, second;
  std::vector<float> bound_first, bound_second;  // max_logvar, then min_logvar
  std::int64_t steps = 0;
};

std::vector<std::int64_t> shape_of(const MlpEnsemble& model) {
  std::vector<std::int64_t> shape = {model.settings.members,
                                     model.settings.gaussian ? model.target_dim() : 0};
  shape.push_back(model.input_dim());
  for (const DenseLayer& layer : model.members[0]) shape.push_back(layer.out);
  return shape;
}

std::size_t parameters_of(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 0;
  for (std::size_t i = 3; i < shape.size(); ++i) count += shape[i] * (shape[i - 1] + 1);
  return static_cast<std::size_t>(count * shape[0]);
}

std::string describe_shape(const std::vector<std::int64_t>& shape) {
  std::string text = std::to_string(shape[0]) + " x (";
  for (std::size_t i = 2; i < shape.size(); ++i) text += (i > 2 ? "-" : "") + std::to_string(shape[i]);
  return text + ")";
}

AdamStep adam_step(float learning_rate, std::int64_t step) {
  const double t = static_cast<double>(step);
  AdamStep adam;
  adam.rate = static_cast<float>(static_cast<double>(learning_rate) / (1.0 - std::pow(0.9, t)));
  adam.root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(0.999, t)));
  return adam;
}

using AlignedFloats = hwy::AlignedFreeUniquePtr<float[]>;
AlignedFloats zeros(std::size_t count) {
  AlignedFloats block = hwy::AllocateAligned<float>(count);
  require(block != nullptr, "training: out of memory for ", count, " numbers");
  std::fill_n(block.get(), count, 0.0f);
  return block;
}

// One member's parameters, moments and scratch memory, padded for the kernels.
struct Member {
  std::vector<LayerState> layers;
  AlignedFloats parameters, scratch;
  std::vector<float*> inputs, slopes;
  float* targets = nullptr;
  float* terms = nullptr;
  Activations work;
  std::vector<double> max_grad, min_grad;
  std::vector<std::uint32_t> order;
  double loss_sum = 0.0;

  Member(const MlpEnsemble& model, int member, const EnsembleTrainingSettings& settings) {
    const auto& source = model.members[static_cast<std::size_t>(member)];
    const auto batch = static_cast<std::size_t>(padded(settings.batch_size));
    std::size_t parameter_count = 0, widest = 0, activation_rows = 0;
    for (const DenseLayer& layer : source) {
      const auto in = static_cast<std::size_t>(layer.in),
                 stride = static_cast<std::size_t>(padded(layer.out));
      parameter_count += 3 * (in + 1) * stride;
      activation_rows += 2 * in;
      widest = std::max({widest, in, stride});
    }
    const auto dims = static_cast<std::size_t>(model.target_dim()),
               outputs = static_cast<std::size_t>(model.output_dim());
    parameters = zeros(parameter_count);
    scratch = zeros(batch * (activation_rows + outputs + 3 * widest + 4 * dims));

    float* at = parameters.get();
    for (std::size_t l = 0; l < source.size(); ++l) {
      LayerState layer;
      layer.in = source[l].in;
      layer.out = source[l].out;
      layer.stride = padded(layer.out);
      layer.decay = settings.layer_decay(static_cast<int>(l));
      const auto stride = static_cast<std::size_t>(layer.stride),
                 size = static_cast<std::size_t>(layer.in) * stride;
      layer.weight = at;
      layer.weight_m = at + size;
      layer.weight_v = at + 2 * size;
      at += 3 * size;
      layer.bias = at;
      layer.bias_m = at + stride;
      layer.bias_v = at + 2 * stride;
      at += 3 * stride;
      layers.push_back(layer);
    }
    float* next = scratch.get();
    const auto take = [&](std::size_t rows) {
      float* block = next;
      next += rows * batch;
      return block;
    };
    for (const DenseLayer& layer : source) {
      inputs.push_back(take(static_cast<std::size_t>(layer.in)));
      slopes.push_back(take(static_cast<std::size_t>(layer.in)));
    }
    work.stride = static_cast<int>(batch);
    work.inputs = inputs.data();
    work.slopes = slopes.data();
    work.output = take(outputs);
    work.gradient[0] = take(widest);
    work.gradient[1] = take(widest);
    work.transposed = take(widest);
    targets = take(dims);
    terms = take(3 * dims);
    max_grad.assign(dims, 0.0);
    min_grad.assign(dims, 0.0);
  }
  // The kernels hold pointers into the vectors above.
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  int layer_count() const { return static_cast<int>(layers.size()); }

  // Copies between the padded blocks and plain arrays (`plain` advances): one layer's [in][out] weights, then
  // its bias.
  template <bool kToBlock, class Float>
  static void exchange(const LayerState& layer, float* weight, float* bias, Float* plain_weight,
                       Float* plain_bias) {
    const auto out = static_cast<std::size_t>(layer.out), stride = static_cast<std::size_t>(layer.stride);
    for (std::size_t i = 0; i < static_cast<std::size_t>(layer.in); ++i)
      copy<kToBlock>(weight + i * stride, plain_weight + i * out, out);
    copy<kToBlock>(bias, plain_bias, out);
  }
  template <bool kToBlock, class Float>
  static void copy(float* block, Float* plain, std::size_t count) {
    if constexpr (kToBlock) {
      std::copy_n(plain, count, block);
    } else {
      std::copy_n(block, count, plain);
    }
  }

  void read(const std::vector<DenseLayer>& source) {
    for (std::size_t l = 0; l < layers.size(); ++l)
      exchange<true>(layers[l], layers[l].weight, layers[l].bias, source[l].weight.data(),
                     source[l].bias.data());
  }
  void write(std::vector<DenseLayer>& target) const {
    for (std::size_t l = 0; l < layers.size(); ++l)
      exchange<false>(layers[l], layers[l].weight, layers[l].bias, target[l].weight.data(),
                      target[l].bias.data());
  }
  template <bool kToBlock>
  void exchange_moments(float* first, float* second) {
    for (const LayerState& layer : layers) {
      const std::size_t size = static_cast<std::size_t>(layer.in) * static_cast<std::size_t>(layer.out);
      exchange<kToBlock>(layer, layer.weight_m, layer.bias_m, first, first + size);
      exchange<kToBlock>(layer, layer.weight_v, layer.bias_v, second, second + size);
      first += size + static_cast<std::size_t>(layer.out);
      second += size + static_cast<std::size_t>(layer.out);
    }
  }

  // Brings rows [begin, begin + count) of `rows` into the kernels' layout, unused columns of the last vector
  // zero.
  void gather(const Batchf& from_inputs, const Batchf& from_targets, const std::uint32_t* rows, int count) {
    place(from_inputs, rows, count, inputs[0]);
    place(from_targets, rows, count, targets);
  }

 private:
  void place(const Batchf& from, const std::uint32_t* rows, int count, float* to) const {
    const auto stride = static_cast<std::size_t>(work.stride), dims = static_cast<std::size_t>(from.rows());
    const auto used = static_cast<std::size_t>(count), columns = static_cast<std::size_t>(padded(count));
    for (std::size_t b = 0; b < used; ++b) {
      const float* column = from.data() + static_cast<std::size_t>(rows[b]) * dims;
      for (std::size_t r = 0; r < dims; ++r) to[r * stride + b] = column[r];
    }
    for (std::size_t r = 0; r < dims; ++r)
      for (std::size_t b = used; b < columns; ++b) to[r * stride + b] = 0.0f;
  }
};

// The members' shared log-variance bounds, with Adam in plain code: there are few of them.
struct Bounds {
  std::vector<float> high, low;
  std::vector<float> high_m, high_v, low_m, low_v;

  void update(const std::vector<std::unique_ptr<Member>>& members, float weight, const AdamStep& adam) {
    for (std::size_t r = 0; r < high.size(); ++r) {
      double high_grad = static_cast<double>(weight), low_grad = -static_cast<double>(weight);
      for (const auto& member : members) {
        high_grad += member->max_grad[r];
        low_grad += member->min_grad[r];
      }
      step(static_cast<float>(high_grad), adam, high[r], high_m[r], high_v[r]);
      step(static_cast<float>(low_grad), adam, low[r], low_m[r], low_v[r]);
    }
  }

 private:
  static void step(float gradient, const AdamStep& adam, float& w, float& m, float& v) {
    m = training::kBeta1 * m + (1.0f - training::kBeta1) * gradient;
    v = training::kBeta2 * v + (1.0f - training::kBeta2) * gradient * gradient;
    w -= adam.rate * m / (std::sqrt(v) * adam.root + training::kEpsilon);
  }
};

// Waits for another thread's stage: briefly by spinning, then letting others run.
template <class Ready>
void wait_until(Ready&& ready) {
  for (int spin = 0; !ready(); ++spin)
    if (spin > 2000) std::this_thread::yield();
}

}  // namespace

struct NativeTrainer::Impl {
  EnsembleTrainingSettings settings;
  ThreadPool* pool;
  std::uint64_t seed;
  Moments moments;

  // One epoch of every member, all threads.
  void run_epoch(const PreparedTraining& data, const MlpEnsemble& model,
                 std::vector<std::unique_ptr<Member>>& members, Bounds& bounds, int epoch) {
    const int count = static_cast<int>(members.size());
    const int rows = data.rows(), batch = settings.batch_size;
    const std::int64_t steps = (rows + batch - 1) / batch, first_step = moments.steps;
    pool->run(count, [&](int i) {
      Member& member = *members[static_cast<std::size_t>(i)];
      member.order = data.epoch_order(i, epoch);
      member.loss_sum = 0.0;
    });

    const bool gaussian = model.settings.gaussian;
    std::vector<std::atomic<std::int64_t>> done(members.size());  // stages each member has ended
    std::atomic<std::int64_t> next{0}, bounds_step{0};            // stages handed out; updates of the bounds
    std::atomic<int> losses{0};  // members whose loss of the current step is known
    const auto stage = [&](std::int64_t t, std::size_t i) {
      Member& member = *members[i];
      const int begin = static_cast<int>(t) * batch, samples = std::min(batch, rows - begin);
      const AdamStep adam = adam_step(settings.learning_rate, first_step + t + 1);
      wait_until([&] { return done[i].load(std::memory_order_acquire) == t; });
      member.gather(data.inputs, data.targets, member.order.data() + begin, samples);
      training::forward(member.layers.data(), member.layer_count(), model.settings.activation, samples,
                        member.work);
      double loss = 0.0;
      if (gaussian) {
        wait_until([&] { return bounds_step.load(std::memory_order_acquire) == t; });
        loss = training::gaussian_loss(member.targets, model.target_dim(), samples, bounds.high.data(),
                                       bounds.low.data(), member.work, member.terms, member.max_grad.data(),
                                       member.min_grad.data());
        if (losses.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
          bounds.update(members, settings.logvar_bound_weight, adam);
          losses.store(0, std::memory_order_relaxed);
          bounds_step.store(t + 1, std::memory_order_release);
        }
      } else {
        loss = training::squared_loss(member.targets, model.target_dim(), samples, member.work, member.terms);
      }
      member.loss_sum += loss * static_cast<double>(samples);
      training::backward_update(member.layers.data(), member.layer_count(), samples, adam, member.work);
      done[i].store(t + 1, std::memory_order_release);
    };
    pool->run(std::min(pool->size(), count), [&](int) {
      for (;;) {
        const std::int64_t k = next.fetch_add(1, std::memory_order_relaxed);
        if (k >= steps * count) return;
        stage(k / count, static_cast<std::size_t>(k % count));
      }
    });
    moments.steps += steps;
  }

  // Mean squared error of each member's mean on the holdout.
  std::vector<double> holdout_loss(const PreparedTraining& data, const MlpEnsemble& model,
                                   std::vector<std::unique_ptr<Member>>& members) {
    std::vector<double> loss(members.size(), 0.0);
    const int rows = static_cast<int>(data.holdout_inputs.cols());
    std::vector<std::uint32_t> order(static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i) order[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(i);
    pool->run(static_cast<int>(members.size()), [&](int i) {
      Member& member = *members[static_cast<std::size_t>(i)];
      double sum = 0.0;
      for (int begin = 0; begin < rows; begin += settings.batch_size) {
        const int samples = std::min(settings.batch_size, rows - begin);
        member.gather(data.holdout_inputs, data.holdout_targets, order.data() + begin, samples);
        training::forward(member.layers.data(), member.layer_count(), model.settings.activation, samples,
                          member.work);
        sum +=
            training::squared_loss(member.targets, model.target_dim(), samples, member.work, member.terms) *
            samples;
      }
      loss[static_cast<std::size_t>(i)] = sum / rows;
    });
    return loss;
  }

  void start_moments(const MlpEnsemble& model) {
    const std::vector<std::int64_t> shape = shape_of(model);
    if (moments.shape.empty()) {
      const std::size_t count = parameters_of(shape), bounds = static_cast<std::size_t>(2 * shape[1]);
      moments = {shape,
                 std::vector<float>(count),
                 std::vector<float>(count),
                 std::vector<float>(bounds),
                 std::vector<float>(bounds),
                 0};
    }
    require(moments.shape == shape, "training: the trainer's optimiser state is for ",
            describe_shape(moments.shape), ", the model is ", describe_shape(shape));
  }
};

NativeTrainer::NativeTrainer(const EnsembleTrainingSettings& settings, ThreadPool& pool, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(Impl{settings, &pool, seed, {}})) {}
NativeTrainer::~NativeTrainer() = default;
NativeTrainer::NativeTrainer(NativeTrainer&&) noexcept = default;
NativeTrainer& NativeTrainer::operator=(NativeTrainer&&) noexcept = default;

EnsembleTrainingReport NativeTrainer::train(const TransitionBatch& data, MlpEnsemble& model,
                                            std::uint32_t round, const EpochCallback& on_epoch) {
  const EnsembleTrainingSettings& settings = impl_->settings;
  Moments& moments = impl_->moments;
  model.validate();
  impl_->start_moments(model);
  const PreparedTraining prepared = prepare_training(data, settings, impl_->seed, round, model);

  const std::size_t count = model.members.size(), dims = static_cast<std::size_t>(model.target_dim());
  const std::size_t per_member = moments.first.size() / count;
  std::vector<std::unique_ptr<Member>> members;
  for (std::size_t i = 0; i < count; ++i) {
    members.push_back(std::make_unique<Member>(model, static_cast<int>(i), settings));
    members[i]->read(model.members[i]);
    members[i]->exchange_moments<true>(moments.first.data() + i * per_member,
                                       moments.second.data() + i * per_member);
  }
  Bounds bounds{model.max_logvar, model.min_logvar, {}, {}, {}, {}};
  if (model.settings.gaussian) {
    const auto half = static_cast<std::ptrdiff_t>(dims);
    bounds.high_m.assign(moments.bound_first.begin(), moments.bound_first.begin() + half);
    bounds.low_m.assign(moments.bound_first.begin() + half, moments.bound_first.end());
    bounds.high_v.assign(moments.bound_second.begin(), moments.bound_second.begin() + half);
    bounds.low_v.assign(moments.bound_second.begin() + half, moments.bound_second.end());
  }

  EnsembleTrainingReport report;
  const std::int64_t first_step = moments.steps;
  const bool has_holdout = prepared.holdout_inputs.cols() > 0;
  EarlyStopping stopping(static_cast<int>(count), settings);
  std::vector<std::vector<DenseLayer>> best = model.members;
  for (int epoch = 0; epoch < settings.epochs; ++epoch) {
    impl_->run_epoch(prepared, model, members, bounds, epoch);
    ++report.epochs;
    report.train_loss.clear();
    double mean = 0.0;
    for (std::size_t i = 0; i < count; ++i) {
      const double loss = members[i]->loss_sum / prepared.rows();
      if (!std::isfinite(loss)) {
        moments.steps = first_step;
        fail("training: the loss of member ", i, " is ", loss, " in epoch ", epoch,
             "; expected a finite number (try a smaller learning_rate)");
      }
      report.train_loss.push_back(loss);
      mean += loss / static_cast<double>(count);
    }
    if (has_holdout && settings.patience > 0) {
      const std::vector<char>& improved = stopping.update(impl_->holdout_loss(prepared, model, members));
      for (std::size_t i = 0; i < count; ++i)
        if (improved[i]) members[i]->write(best[i]);
    }
    if (on_epoch && !on_epoch(epoch, settings.epochs, mean)) break;
    if (stopping.stop()) break;
  }

  for (std::size_t i = 0; i < count; ++i) {
    members[i]->exchange_moments<false>(moments.first.data() + i * per_member,
                                        moments.second.data() + i * per_member);
    if (has_holdout && settings.patience > 0) members[i]->read(best[i]);
    members[i]->write(model.members[i]);
  }
  if (model.settings.gaussian) {
    model.max_logvar = bounds.high;
    model.min_logvar = bounds.low;
    std::copy(bounds.high_m.begin(), bounds.high_m.end(), moments.bound_first.begin());
    std::copy(bounds.low_m.begin(), bounds.low_m.end(),
              moments.bound_first.begin() + static_cast<std::ptrdiff_t>(dims));
    std::copy(bounds.high_v.begin(), bounds.high_v.end(), moments.bound_second.begin());
    std::copy(bounds.low_v.begin(), bounds.low_v.end(),
              moments.bound_second.begin() + static_cast<std::ptrdiff_t>(dims));
  }
  report.steps = moments.steps - first_step;
  if (has_holdout) report.holdout_loss = impl_->holdout_loss(prepared, model, members);
  model.elites = choose_elites(report.holdout_loss, settings, static_cast<int>(count));
  return report;
}

void NativeTrainer::save(StateDict& out, const std::string& prefix) const {
  const Moments& m = impl_->moments;
  out.put(prefix + "shape", m.shape);
  out.put(prefix + "first", m.first);
  out.put(prefix + "second", m.second);
  out.put(prefix + "bound_first", m.bound_first);
  out.put(prefix + "bound_second", m.bound_second);
  out.put_scalar(prefix + "steps", m.steps);
}

void NativeTrainer::load(const StateDict& in, const std::string& prefix) {
  Moments m;
  m.shape = in.get<std::int64_t>(prefix + "shape");
  m.first = in.get<float>(prefix + "first");
  m.second = in.get<float>(prefix + "second");
  m.bound_first = in.get<float>(prefix + "bound_first");
  m.bound_second = in.get<float>(prefix + "bound_second");
  m.steps = in.get_scalar<std::int64_t>(prefix + "steps");
  if (!m.shape.empty()) {
    bool positive = m.shape.size() >= 4 && m.shape[1] >= 0;
    for (std::size_t i = 0; i < m.shape.size(); ++i) positive = positive && (i == 1 || m.shape[i] >= 1);
    require(positive, "checkpoint: '", prefix, "shape' is no shape of an ensemble");
    const std::size_t count = parameters_of(m.shape), bounds = static_cast<std::size_t>(2 * m.shape[1]);
    require(m.first.size() == count && m.second.size() == count, "checkpoint: '", prefix,
            "first' and 'second' hold ", m.first.size(), " and ", m.second.size(), " numbers, expected ",
            count);
    require(m.bound_first.size() == bounds && m.bound_second.size() == bounds, "checkpoint: '", prefix,
            "bound_first' and 'bound_second' hold ", m.bound_first.size(), " and ", m.bound_second.size(),
            " numbers, expected ", bounds);
    require(m.steps >= 0, "checkpoint: '", prefix, "steps' is ", m.steps, ", expected at least 0");
  }
  impl_->moments = std::move(m);
}

}  // namespace mbrl
