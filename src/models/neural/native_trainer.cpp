// The native trainer: who does what when. The arithmetic is that of nn's networks, and ensemble_loss.cpp's.
//
// A step of all members is one stage a member (forward pass, loss, backward pass with updates). Stages are
// taken in the order step 0 of members 0..M-1, step 1 of members 0..M-1, ... by whichever thread is free, and
// a stage only waits for what it needs: its member's previous stage and, for its loss, the log-variance
// bounds, which members share and which are complete once every member's loss of the step before is known. So
// 5 members keep 2 threads busy without a barrier, and no number depends on who ran what.
#include "mbrl/models/neural/native_trainer.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/models/neural/member_network.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/vector_adam.hpp"
#include "models/neural/adam_moments.hpp"
#include "models/neural/ensemble_loss.hpp"
#include "models/neural/training_loop.hpp"

namespace mbrl {
namespace {

using training::AdamMoments;
using training::LossBatch;

// One member as it learns.
struct Member {
  nn::Network network;
  nn::Adam adam;
  nn::Pass pass;
  AlignedFloats targets, terms;  // of a batch, as LossBatch's
  std::vector<double> max_grad, min_grad;
  std::vector<std::uint32_t> order;
  double loss_sum = 0.0;

  Member(nn::Network start, const EnsembleTrainingSettings& settings, int dims)
      : network(std::move(start)),
        adam(network, {.learning_rate = static_cast<double>(settings.learning_rate)},
             decays(settings, network)),
        pass(network, settings.batch_size),
        targets(rows(dims)),
        terms(rows(3 * dims)),
        max_grad(static_cast<std::size_t>(dims)),
        min_grad(static_cast<std::size_t>(dims)) {}
  Member(const Member&) = delete;  // a pass points into itself
  Member& operator=(const Member&) = delete;

  // Predicts the targets of these rows.
  void forward(const Batchf& from_inputs, const Batchf& from_targets, const std::uint32_t* which, int count) {
    place(from_inputs, which, count, pass.input());
    place(from_targets, which, count, targets.data());
    pass.forward(network, count);
  }

 private:
  std::size_t rows(int count) const {
    return static_cast<std::size_t>(count) * static_cast<std::size_t>(pass.stride());
  }
  static std::vector<float> decays(const EnsembleTrainingSettings& settings, const nn::Network& network) {
    std::vector<float> decay;
    for (std::size_t l = 0; l < network.layers().size(); ++l)
      decay.push_back(settings.layer_decay(static_cast<int>(l)));
    return decay;
  }
  void place(const Batchf& from, const std::uint32_t* which, int count, float* to) const {
    const auto stride = static_cast<std::size_t>(pass.stride()), dims = static_cast<std::size_t>(from.rows());
    for (std::size_t b = 0; b < static_cast<std::size_t>(count); ++b) {
      const float* column = from.data() + static_cast<std::size_t>(which[b]) * dims;
      for (std::size_t r = 0; r < dims; ++r) to[r * stride + b] = column[r];
    }
  }
};

// The members' shared log-variance bounds: all upper ones, then all lower ones, as their moments in AdamMoments.
class Bounds {
 public:
  Bounds(const MlpEnsemble& model, const AdamMoments& moments, float learning_rate)
      : dims_(model.target_dim()),
        values_(2 * dims_),
        gradient_(Vecf::Zero(2 * dims_)),
        adam_(2 * dims_, {.learning_rate = static_cast<double>(learning_rate)}) {
    values_ << Eigen::Map<const Vecf>(model.max_logvar.data(), dims_),
        Eigen::Map<const Vecf>(model.min_logvar.data(), dims_);
    adam_.first = Eigen::Map<const Vecf>(moments.bound_first.data(), 2 * dims_);
    adam_.second = Eigen::Map<const Vecf>(moments.bound_second.data(), 2 * dims_);
    adam_.steps = moments.steps;
  }

  const float* high() const { return values_.data(); }
  const float* low() const { return values_.data() + dims_; }

  // Of the first `rows` targets: others are not Gaussian.
  void update(const std::vector<std::unique_ptr<Member>>& members, int rows, float weight) {
    for (Index r = 0; r < rows; ++r) {
      double high_grad = static_cast<double>(weight), low_grad = -static_cast<double>(weight);
      for (const auto& member : members) {
        high_grad += member->max_grad[static_cast<std::size_t>(r)];
        low_grad += member->min_grad[static_cast<std::size_t>(r)];
      }
      gradient_(r) = static_cast<float>(high_grad);
      gradient_(dims_ + r) = static_cast<float>(low_grad);
    }
    adam_.step(values_, gradient_);
  }

  void write(MlpEnsemble& model, AdamMoments& moments) const {
    model.max_logvar.assign(high(), low());
    model.min_logvar.assign(low(), low() + dims_);
    moments.bound_first.assign(adam_.first.begin(), adam_.first.end());
    moments.bound_second.assign(adam_.second.begin(), adam_.second.end());
  }

 private:
  Index dims_;
  Vecf values_, gradient_;
  nn::VectorAdam adam_;
};

// Waits for another thread's stage: briefly by spinning, then letting others run.
template <class Ready>
void wait_until(Ready&& ready) {
  for (int spin = 0; !ready(); ++spin)
    if (spin > 2000) std::this_thread::yield();
}

// One training round: the members' networks for as long as it lasts.
class Round {
 public:
  Round(const EnsembleTrainingSettings& settings, ThreadPool& pool, const PreparedTraining& data,
        const MlpEnsemble& model, const AdamMoments& moments)
      : settings_(settings),
        pool_(pool),
        data_(data),
        model_(model),
        best_(model.members.size()),
        steps_(moments.steps) {
    const std::size_t per_member = moments.per_member();
    nn::Network start = network_of(model, 0);
    for (std::size_t i = 0; i < model.members.size(); ++i) {
      set_network(start, model, static_cast<int>(i));
      members_.push_back(std::make_unique<Member>(start, settings, model.target_dim()));
      const nn::Network& network = members_[i]->network;
      members_[i]->adam.set_moments(block_of(network, moments.first.data() + i * per_member),
                                    block_of(network, moments.second.data() + i * per_member), steps_);
    }
    if (model.settings.gaussian) bounds_.emplace(model, moments, settings.learning_rate);
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
      wait_until([&] { return done[i].load(std::memory_order_acquire) == t; });
      member.forward(data_.inputs, data_.targets, member.order.data() + begin, samples);
      const LossBatch outputs = loss_batch(member, samples);
      double loss = 0.0;
      if (gaussian) {
        wait_until([&] { return bounds_step.load(std::memory_order_acquire) == t; });
        loss = training::gaussian_loss(outputs, regressed(), bounds_->high(), bounds_->low(),
                                       settings_.nll_beta, member.max_grad.data(), member.min_grad.data());
        if (losses.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
          bounds_->update(members_, regressed(), settings_.logvar_bound_weight);
          losses.store(0, std::memory_order_relaxed);
          bounds_step.store(t + 1, std::memory_order_release);
        }
      } else {
        loss = training::squared_loss(outputs, regressed());
      }
      loss += termination_loss(outputs);
      member.loss_sum += loss * static_cast<double>(samples);
      member.adam.backward_step(member.network, member.pass, samples);
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
        member.forward(data_.holdout_inputs, data_.holdout_targets, order.data() + begin, samples);
        const LossBatch outputs = loss_batch(member, samples);
        sum += samples * (training::squared_loss(outputs, regressed()) + termination_loss(outputs));
      }
      loss[static_cast<std::size_t>(i)] = sum / rows;
    });
    return loss;
  }

  void keep(const std::vector<char>& improved) {
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (improved[i]) best_[i] = members_[i]->network.parameters();
  }
  void restore() {
    for (std::size_t i = 0; i < members_.size(); ++i) members_[i]->network.parameters() = best_[i];
  }

  void write(MlpEnsemble& model, AdamMoments& moments) const {
    const std::size_t per_member = moments.per_member();
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const nn::Network& network = members_[i]->network;
      set_member(model, static_cast<int>(i), network);
      copy_block(network, members_[i]->adam.first(), moments.first.data() + i * per_member);
      copy_block(network, members_[i]->adam.second(), moments.second.data() + i * per_member);
    }
    moments.steps = steps_;
    if (bounds_) bounds_->write(model, moments);
  }

 private:
  // Targets that are regressed on: all but a learned termination, the last.
  int regressed() const { return model_.target_dim() - (model_.settings.learned_termination ? 1 : 0); }

  LossBatch loss_batch(Member& member, int samples) const {
    nn::Pass& pass = member.pass;
    return {pass.output(),       member.targets.data(), pass.output_gradient(),
            member.terms.data(), model_.target_dim(),   samples,
            pass.stride()};
  }

  // Of a learned termination, and its gradient; 0 without one.
  double termination_loss(const LossBatch& batch) const {
    if (!model_.settings.learned_termination) return 0.0;
    const int row = model_.termination_row();
    if (model_.settings.gaussian)  // it has no variance
      std::fill_n(batch.gradient + (batch.dims + row) * batch.stride, batch.stride, 0.0f);
    return training::logistic_loss(batch, row, training::kTerminationWeight);
  }

  const EnsembleTrainingSettings& settings_;
  ThreadPool& pool_;
  const PreparedTraining& data_;
  const MlpEnsemble& model_;
  std::vector<std::unique_ptr<Member>> members_;
  std::optional<Bounds> bounds_;     // of Gaussian members
  std::vector<AlignedFloats> best_;  // parameters, once there are some
  std::int64_t steps_;               // of Adam, in the trainer's life
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
