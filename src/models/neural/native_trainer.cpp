// The native trainer: who does what when. The arithmetic is in native_trainer_kernels.cpp.
//
// A step of all members is one stage a member (forward pass, loss, backward pass with updates). Stages are
// taken in the order step 0 of members 0..M-1, step 1 of members 0..M-1, ... by whichever thread is free, and
// a stage only waits for what it needs: its member's previous stage and, for its loss, the log-variance
// bounds, which members share and which are complete once every member's loss of the step before is known. So
// 5 members keep 2 threads busy without a barrier, and no number depends on who ran what.
#include "mbrl/models/neural/native_trainer.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>
#include <thread>

#include "mbrl/core/aligned_floats.hpp"
#include "models/neural/adam_moments.hpp"
#include "models/neural/native_trainer_kernels.hpp"
#include "models/neural/training_loop.hpp"

namespace mbrl {
namespace {

using nn::AdamNumbers;
using training::Activations;
using training::AdamMoments;
using training::LayerState;
using training::padded;

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
    parameters = AlignedFloats(parameter_count);
    scratch = AlignedFloats(batch * (activation_rows + outputs + 3 * widest + 4 * dims));

    float* at = parameters.data();
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
    float* next = scratch.data();
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
    constexpr std::size_t kPanel = training::kPad;
    const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out);
    for (std::size_t first = 0; first < out; first += kPanel)
      for (std::size_t i = 0; i < in; ++i)
        copy<kToBlock>(weight + first * in + i * kPanel, plain_weight + i * out + first,
                       std::min(kPanel, out - first));
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
  template <bool kToBlock, class Float>
  void exchange_moments(Float* first, Float* second) {
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

  // Of the first `rows` targets: others are not Gaussian.
  void update(const std::vector<std::unique_ptr<Member>>& members, int rows, float weight,
              const AdamNumbers& adam) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
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
  static void step(float gradient, const AdamNumbers& adam, float& w, float& m, float& v) {
    m = adam.beta1 * m + (1.0f - adam.beta1) * gradient;
    v = adam.beta2 * v + (1.0f - adam.beta2) * gradient * gradient;
    w -= adam.rate * m / (std::sqrt(v) * adam.root + adam.epsilon);
  }
};

// Waits for another thread's stage: briefly by spinning, then letting others run.
template <class Ready>
void wait_until(Ready&& ready) {
  for (int spin = 0; !ready(); ++spin)
    if (spin > 2000) std::this_thread::yield();
}

// One training round: the members' blocks for as long as it lasts.
class Round {
 public:
  Round(const EnsembleTrainingSettings& settings, ThreadPool& pool, const PreparedTraining& data,
        const MlpEnsemble& model, const AdamMoments& moments)
      : settings_(settings), pool_(pool), data_(data), model_(model), steps_(moments.steps) {
    const std::size_t per_member = moments.per_member();
    for (std::size_t i = 0; i < model.members.size(); ++i) {
      members_.push_back(std::make_unique<Member>(model, static_cast<int>(i), settings));
      members_[i]->read(model.members[i]);
      members_[i]->exchange_moments<true>(moments.first.data() + i * per_member,
                                          moments.second.data() + i * per_member);
    }
    bounds_.high = model.max_logvar;
    bounds_.low = model.min_logvar;
    if (model.settings.gaussian) {
      const auto dims = static_cast<std::ptrdiff_t>(model.target_dim());
      bounds_.high_m.assign(moments.bound_first.begin(), moments.bound_first.begin() + dims);
      bounds_.low_m.assign(moments.bound_first.begin() + dims, moments.bound_first.end());
      bounds_.high_v.assign(moments.bound_second.begin(), moments.bound_second.begin() + dims);
      bounds_.low_v.assign(moments.bound_second.begin() + dims, moments.bound_second.end());
    }
    best_ = model.members;
  }

  std::vector<double> run_epoch(int epoch) {
    const int count = static_cast<int>(members_.size());
    const int rows = data_.rows(), batch = settings_.batch_size;
    const std::int64_t steps = (rows + batch - 1) / batch;
    pool_.run(count, [&](int i) {
      Member& member = *members_[static_cast<std::size_t>(i)];
      member.order = data_.epoch_order(i, epoch);
      member.loss_sum = 0.0;
    });

    const bool gaussian = model_.settings.gaussian;
    std::vector<std::atomic<std::int64_t>> done(members_.size());  // stages each member has ended
    std::atomic<std::int64_t> next{0}, bounds_step{0};             // stages handed out; updates of the bounds
    std::atomic<int> losses{0};  // members whose loss of the current step is known
    const auto stage = [&](std::int64_t t, std::size_t i) {
      Member& member = *members_[i];
      const int begin = static_cast<int>(t) * batch, samples = std::min(batch, rows - begin);
      const AdamNumbers adam = nn::adam_numbers(static_cast<double>(settings_.learning_rate), steps_ + t + 1);
      wait_until([&] { return done[i].load(std::memory_order_acquire) == t; });
      member.gather(data_.inputs, data_.targets, member.order.data() + begin, samples);
      training::forward(member.layers.data(), member.layer_count(), model_.settings.activation, samples,
                        member.work);
      double loss = 0.0;
      if (gaussian) {
        wait_until([&] { return bounds_step.load(std::memory_order_acquire) == t; });
        loss = training::gaussian_loss(member.targets, regressed(), model_.target_dim(), samples,
                                       bounds_.high.data(), bounds_.low.data(), member.work, member.terms,
                                       member.max_grad.data(), member.min_grad.data());
        if (losses.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
          bounds_.update(members_, regressed(), settings_.logvar_bound_weight, adam);
          losses.store(0, std::memory_order_relaxed);
          bounds_step.store(t + 1, std::memory_order_release);
        }
      } else {
        loss = training::squared_loss(member.targets, regressed(), model_.target_dim(), samples, member.work,
                                      member.terms);
      }
      loss += termination_loss(member, samples);
      member.loss_sum += loss * static_cast<double>(samples);
      training::backward_update(member.layers.data(), member.layer_count(), samples, adam, member.work);
      done[i].store(t + 1, std::memory_order_release);
    };
    pool_.run(std::min(pool_.size(), count), [&](int) {
      for (;;) {
        const std::int64_t k = next.fetch_add(1, std::memory_order_relaxed);
        if (k >= steps * count) return;
        stage(k / count, static_cast<std::size_t>(k % count));
      }
    });
    steps_ += steps;
    std::vector<double> loss;
    for (const auto& member : members_) loss.push_back(member->loss_sum / rows);
    return loss;
  }

  std::vector<double> holdout_loss() {
    std::vector<double> loss(members_.size(), 0.0);
    const int rows = static_cast<int>(data_.holdout_inputs.cols());
    std::vector<std::uint32_t> order(static_cast<std::size_t>(rows));
    std::iota(order.begin(), order.end(), 0u);
    pool_.run(static_cast<int>(members_.size()), [&](int i) {
      Member& member = *members_[static_cast<std::size_t>(i)];
      double sum = 0.0;
      for (int begin = 0; begin < rows; begin += settings_.batch_size) {
        const int samples = std::min(settings_.batch_size, rows - begin);
        member.gather(data_.holdout_inputs, data_.holdout_targets, order.data() + begin, samples);
        training::forward(member.layers.data(), member.layer_count(), model_.settings.activation, samples,
                          member.work);
        const double loss = training::squared_loss(member.targets, regressed(), model_.target_dim(), samples,
                                                   member.work, member.terms);
        sum += samples * (loss + termination_loss(member, samples));
      }
      loss[static_cast<std::size_t>(i)] = sum / rows;
    });
    return loss;
  }

  void keep(const std::vector<char>& improved) {
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (improved[i]) members_[i]->write(best_[i]);
  }
  void restore() {
    for (std::size_t i = 0; i < members_.size(); ++i) members_[i]->read(best_[i]);
  }

  void write(MlpEnsemble& model, AdamMoments& moments) {
    const std::size_t per_member = moments.per_member();
    for (std::size_t i = 0; i < members_.size(); ++i) {
      members_[i]->write(model.members[i]);
      members_[i]->exchange_moments<false>(moments.first.data() + i * per_member,
                                           moments.second.data() + i * per_member);
    }
    moments.steps = steps_;
    if (!model.settings.gaussian) return;
    model.max_logvar = bounds_.high;
    model.min_logvar = bounds_.low;
    const auto dims = static_cast<std::ptrdiff_t>(model.target_dim());
    std::copy(bounds_.high_m.begin(), bounds_.high_m.end(), moments.bound_first.begin());
    std::copy(bounds_.low_m.begin(), bounds_.low_m.end(), moments.bound_first.begin() + dims);
    std::copy(bounds_.high_v.begin(), bounds_.high_v.end(), moments.bound_second.begin());
    std::copy(bounds_.low_v.begin(), bounds_.low_v.end(), moments.bound_second.begin() + dims);
  }

 private:
  // Targets that are regressed on: all but a learned termination, the last.
  int regressed() const { return model_.target_dim() - (model_.settings.learned_termination ? 1 : 0); }

  // Of a learned termination, and its gradient; 0 without one.
  double termination_loss(Member& member, int samples) const {
    if (!model_.settings.learned_termination) return 0.0;
    const int row = model_.termination_row(), dims = model_.target_dim();
    if (model_.settings.gaussian)  // it has no variance
      std::fill_n(member.work.gradient[0] + (dims + row) * member.work.stride, padded(samples), 0.0f);
    return training::logistic_loss(member.targets, row, dims, samples, training::kTerminationWeight,
                                   member.work, member.terms);
  }

  const EnsembleTrainingSettings& settings_;
  ThreadPool& pool_;
  const PreparedTraining& data_;
  const MlpEnsemble& model_;
  std::vector<std::unique_ptr<Member>> members_;
  Bounds bounds_;
  std::vector<std::vector<DenseLayer>> best_;
  std::int64_t steps_;  // of Adam, in the trainer's life
};

}  // namespace

struct NativeTrainer::Impl {
  EnsembleTrainingSettings settings;
  ThreadPool* pool;
  std::uint64_t seed;
  AdamMoments moments;
};

NativeTrainer::NativeTrainer(const EnsembleTrainingSettings& settings, ThreadPool& pool, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(Impl{settings, &pool, seed, {}})) {}
NativeTrainer::~NativeTrainer() = default;
NativeTrainer::NativeTrainer(NativeTrainer&&) noexcept = default;
NativeTrainer& NativeTrainer::operator=(NativeTrainer&&) noexcept = default;

TrainingReport NativeTrainer::train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                                    const EpochCallback& on_epoch) {
  model.validate();
  impl_->moments.fit_to(model);
  const PreparedTraining prepared = prepare_training(data, impl_->settings, impl_->seed, round, model);
  Round work(impl_->settings, *impl_->pool, prepared, model, impl_->moments);
  TrainingReport report = training::run_epochs(impl_->settings, prepared, model, on_epoch, work);
  const std::int64_t before = impl_->moments.steps;
  work.write(model, impl_->moments);
  report.steps = impl_->moments.steps - before;
  return report;
}

void NativeTrainer::save(StateDict& out, const std::string& prefix) const {
  impl_->moments.save(out, prefix);
}
void NativeTrainer::load(const StateDict& in, const std::string& prefix) { impl_->moments.load(in, prefix); }

}  // namespace mbrl
