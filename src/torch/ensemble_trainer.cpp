// Ensemble training with LibTorch. Parameters, gradients and Adam's moments each live in one flat block, so
// that the optimiser is a handful of large operations rather than a dozen small ones a tensor.
#include "mbrl/torch/ensemble_trainer.hpp"

#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/torch/device.hpp"
#include "models/neural/adam_moments.hpp"
#include "models/neural/training_loop.hpp"
#include "torch/tensors.hpp"

namespace mbrl::libtorch {
namespace {

using training::AdamMoments;

// Row indices on the device: [rows].
at::Tensor index_tensor(const std::vector<std::uint32_t>& rows, const at::Device& device) {
  const std::vector<std::int64_t> wide(rows.begin(), rows.end());
  return ::torch::tensor(wide, at::kLong).to(device);
}

class Round {
 public:
  Round(const EnsembleTrainingSettings& settings, const at::Device& device, const PreparedTraining& data,
        const MlpEnsemble& model, const AdamMoments& moments)
      : settings_(settings), device_(device), data_(data), model_(model), steps_(moments.steps) {
    members_ = static_cast<std::int64_t>(model.members.size());
    dims_ = model.target_dim();
    std::int64_t count = 0;
    for (const DenseLayer& layer : model.members[0])
      count += members_ * static_cast<std::int64_t>(layer.weight.size() + layer.bias.size());
    if (model.settings.gaussian) count += 2 * dims_;

    std::vector<float> values(static_cast<std::size_t>(count)), decay(values.size(), 0.0f), first(values),
        second(values);
    for_each_block(model,
                   [&](std::size_t at, std::size_t m, std::size_t l, std::size_t in_member, bool is_weight) {
                     const DenseLayer& layer = model.members[m][l];
                     const std::vector<float>& source = is_weight ? layer.weight : layer.bias;
                     const auto to = static_cast<std::ptrdiff_t>(at);
                     const auto from = static_cast<std::ptrdiff_t>(m * moments.per_member() + in_member);
                     const auto size = static_cast<std::ptrdiff_t>(source.size());
                     std::copy(source.begin(), source.end(), values.begin() + to);
                     std::copy_n(moments.first.begin() + from, size, first.begin() + to);
                     std::copy_n(moments.second.begin() + from, size, second.begin() + to);
                     if (is_weight)
                       std::fill_n(decay.begin() + to, size, settings.layer_decay(static_cast<int>(l)));
                   });
    if (model.settings.gaussian) {
      const auto tail = [&](std::vector<float>& block) {
        return block.end() - static_cast<std::ptrdiff_t>(2 * dims_);
      };
      std::copy(model.max_logvar.begin(), model.max_logvar.end(), tail(values));
      std::copy(model.min_logvar.begin(), model.min_logvar.end(),
                tail(values) + static_cast<std::ptrdiff_t>(dims_));
      std::copy(moments.bound_first.begin(), moments.bound_first.end(), tail(first));
      std::copy(moments.bound_second.begin(), moments.bound_second.end(), tail(second));
    }
    values_ = to_tensor(values, device);
    decay_ = to_tensor(decay, device);
    first_ = to_tensor(first, device);
    second_ = to_tensor(second, device);
    gradient_ = at::zeros_like(values_);

    std::int64_t at = 0;
    const auto leaf = [&](const std::vector<std::int64_t>& shape) {
      std::int64_t size = 1;
      for (const std::int64_t s : shape) size *= s;
      at::Tensor parameter = values_.narrow(0, at, size).view(shape).detach().requires_grad_(true);
      // autograd adds into a gradient that is already there: the flat block collects all of them
      parameter.mutable_grad() = gradient_.narrow(0, at, size).view(shape);
      at += size;
      return parameter;
    };
    for (const DenseLayer& layer : model.members[0]) {
      at::Tensor weight = leaf({members_, layer.in, layer.out});
      layers_.push_back({weight, leaf({members_, 1, layer.out})});
    }
    if (model.settings.gaussian) {
      high_ = leaf({dims_});
      low_ = leaf({dims_});
    }
    inputs_ = to_tensor(data.inputs, device);
    targets_ = to_tensor(data.targets, device);
    holdout_inputs_ = to_tensor(data.holdout_inputs, device);
    holdout_targets_ = to_tensor(data.holdout_targets, device);
    best_ = values_.clone();
  }

  std::vector<double> run_epoch(int epoch) {
    const std::int64_t rows = data_.rows(), batch = settings_.batch_size;
    std::vector<at::Tensor> orders;
    for (int m = 0; m < members_; ++m) orders.push_back(index_tensor(data_.epoch_order(m, epoch), device_));
    const at::Tensor order = at::stack(orders);
    at::Tensor sum = at::zeros({members_}, at::TensorOptions().dtype(at::kDouble).device(device_));
    for (std::int64_t begin = 0; begin < rows; begin += batch) {
      const std::int64_t count = std::min(batch, rows - begin);
      const at::Tensor index = order.narrow(1, begin, count).reshape(-1);
      const at::Tensor x = inputs_.index_select(0, index).view({members_, count, -1});
      const at::Tensor y = targets_.index_select(0, index).view({members_, count, -1});
      gradient_.zero_();
      const auto [losses, descended] = member_losses(x, y);
      at::Tensor total = descended.sum();
      if (model_.settings.gaussian)
        total = total + static_cast<double>(settings_.logvar_bound_weight) *
                            (regressed(high_).sum() - regressed(low_).sum());
      total.backward();
      adam(++steps_);
      sum += losses.detach().to(at::kDouble) * static_cast<double>(count);
    }
    return to_vector(sum / static_cast<double>(rows));
  }

  std::vector<double> holdout_loss() {
    const at::NoGradGuard no_grad;
    const at::Tensor x = holdout_inputs_.unsqueeze(0).expand({members_, -1, -1});
    const at::Tensor mean = batched_forward(layers_, model_.settings.activation, x).narrow(2, 0, dims_);
    const at::Tensor y = holdout_targets_.unsqueeze(0);
    return to_vector(with_termination((mean - y).square(), mean, y).to(at::kDouble).mean({1, 2}));
  }

  void keep(const std::vector<char>& improved) {
    for_each_block(model_, [&](std::size_t at, std::size_t m, std::size_t l, std::size_t, bool is_weight) {
      if (!improved[m]) return;
      const DenseLayer& layer = model_.members[m][l];
      const auto size = static_cast<std::int64_t>(is_weight ? layer.weight.size() : layer.bias.size());
      best_.narrow(0, static_cast<std::int64_t>(at), size)
          .copy_(values_.narrow(0, static_cast<std::int64_t>(at), size));
    });
  }
  void restore() {
    const std::int64_t networks = values_.numel() - (model_.settings.gaussian ? 2 * dims_ : 0);
    values_.narrow(0, 0, networks).copy_(best_.narrow(0, 0, networks));
  }

  void write(MlpEnsemble& model, AdamMoments& moments) const {
    std::vector<float> values(static_cast<std::size_t>(values_.numel())), first(values), second(values);
    copy_out(values_, values.data());
    copy_out(first_, first.data());
    copy_out(second_, second.data());
    const std::size_t per_member = moments.per_member();
    for_each_block(model,
                   [&](std::size_t at, std::size_t m, std::size_t l, std::size_t in_member, bool is_weight) {
                     DenseLayer& layer = model.members[m][l];
                     std::vector<float>& target = is_weight ? layer.weight : layer.bias;
                     const auto from = static_cast<std::ptrdiff_t>(at),
                                to = static_cast<std::ptrdiff_t>(m * per_member + in_member);
                     std::copy_n(values.begin() + from, target.size(), target.begin());
                     std::copy_n(first.begin() + from, target.size(), moments.first.begin() + to);
                     std::copy_n(second.begin() + from, target.size(), moments.second.begin() + to);
                   });
    moments.steps = steps_;
    if (!model.settings.gaussian) return;
    const auto dims = static_cast<std::ptrdiff_t>(dims_);
    std::copy(values.end() - 2 * dims, values.end() - dims, model.max_logvar.begin());
    std::copy(values.end() - dims, values.end(), model.min_logvar.begin());
    std::copy(first.end() - 2 * dims, first.end(), moments.bound_first.begin());
    std::copy(second.end() - 2 * dims, second.end(), moments.bound_second.begin());
  }

 private:
  // Calls f(offset in the flat block, member, layer, offset within the member, is_weight) for every block of
  // numbers.
  template <class F>
  static void for_each_block(const MlpEnsemble& model, F&& f) {
    std::size_t at = 0, in_member = 0;
    for (std::size_t l = 0; l < model.members[0].size(); ++l)
      for (const bool is_weight : {true, false}) {
        const DenseLayer& layer = model.members[0][l];
        const std::size_t size = is_weight ? layer.weight.size() : layer.bias.size();
        for (std::size_t m = 0; m < model.members.size(); ++m, at += size) f(at, m, l, in_member, is_weight);
        in_member += size;
      }
  }

  static std::vector<double> to_vector(const at::Tensor& t) {
    const at::Tensor cpu = t.to(at::kCPU, at::kDouble).contiguous();
    return {cpu.data_ptr<double>(), cpu.data_ptr<double>() + cpu.numel()};
  }

  // Without the last entry where that is the termination's, which has no variance.
  at::Tensor regressed(const at::Tensor& bounds) const {
    return bounds.narrow(0, 0, dims_ - (model_.settings.learned_termination ? 1 : 0));
  }

  // The last entry's losses replaced by the logistic ones, where that is the termination's.
  at::Tensor with_termination(const at::Tensor& loss, const at::Tensor& mean, const at::Tensor& y) const {
    if (!model_.settings.learned_termination) return loss;
    const at::Tensor logit = mean.select(2, dims_ - 1), over = y.select(2, dims_ - 1);
    at::Tensor ends = at::softplus(logit) - logit * over;
    ends = ends + (training::kTerminationWeight - 1) * (ends - ends.detach());  // weighs the gradient alone
    return at::cat({loss.narrow(2, 0, dims_ - 1), ends.unsqueeze(2)}, 2);
  }

  // Every member's loss, and what its gradient is taken of: the same, weighed by the variance to the power of nll_beta.
  std::pair<at::Tensor, at::Tensor> member_losses(const at::Tensor& x, const at::Tensor& y) const {
    const at::Tensor out = batched_forward(layers_, model_.settings.activation, x);
    const at::Tensor mean = out.narrow(2, 0, dims_);
    at::Tensor loss = (mean - y).square(), weight;  // no weight: 1
    if (model_.settings.gaussian) {
      const at::Tensor logvar = bound_logvar(out.narrow(2, dims_, dims_), high_, low_);
      loss = loss * at::exp(-logvar) + logvar;
      if (settings_.nll_beta > 0.0f)
        weight = at::exp(static_cast<double>(settings_.nll_beta) * logvar).detach();
    }
    const auto mean_of = [&](const at::Tensor& l) { return with_termination(l, mean, y).mean({1, 2}); };
    const at::Tensor reported = mean_of(loss);
    return {reported, weight.defined() ? mean_of(loss * weight) : reported};
  }

  void adam(std::int64_t step) {
    const at::NoGradGuard no_grad;
    const double t = static_cast<double>(step);
    const double rate = static_cast<double>(settings_.learning_rate) / (1.0 - std::pow(0.9, t));
    const double root = 1.0 / std::sqrt(1.0 - std::pow(0.999, t));
    gradient_.addcmul_(decay_, values_);
    first_.mul_(0.9).add_(gradient_, 0.1);
    second_.mul_(0.999).addcmul_(gradient_, gradient_, 0.001);
    values_.addcdiv_(first_, second_.sqrt().mul_(root).add_(1e-8), -rate);
  }

  const EnsembleTrainingSettings& settings_;
  at::Device device_;
  const PreparedTraining& data_;
  const MlpEnsemble& model_;
  std::int64_t members_ = 0, dims_ = 0, steps_ = 0;
  at::Tensor values_, gradient_, decay_, first_, second_, best_;
  std::vector<BatchedLayer> layers_;
  at::Tensor high_, low_;
  at::Tensor inputs_, targets_, holdout_inputs_, holdout_targets_;
};

}  // namespace

struct EnsembleTrainer::Impl {
  EnsembleTrainingSettings settings;
  at::Device device;
  std::uint64_t seed;
  AdamMoments moments;
};

EnsembleTrainer::EnsembleTrainer(const EnsembleTrainingSettings& settings, const std::string& device,
                                 std::uint64_t seed) {
  check_device(device);
  use_threads();
  impl_ = std::make_unique<Impl>(Impl{settings, at::Device(device), seed, {}});
}
EnsembleTrainer::~EnsembleTrainer() = default;
EnsembleTrainer::EnsembleTrainer(EnsembleTrainer&&) noexcept = default;
EnsembleTrainer& EnsembleTrainer::operator=(EnsembleTrainer&&) noexcept = default;

TrainingReport EnsembleTrainer::train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                                      const EpochCallback& on_epoch) {
  model.validate();
  impl_->moments.fit_to(model);
  const PreparedTraining prepared = prepare_training(data, impl_->settings, impl_->seed, round, model);
  Round work(impl_->settings, impl_->device, prepared, model, impl_->moments);
  TrainingReport report = training::run_epochs(impl_->settings, prepared, model, on_epoch, work);
  const std::int64_t before = impl_->moments.steps;
  work.write(model, impl_->moments);
  report.steps = impl_->moments.steps - before;
  return report;
}

void EnsembleTrainer::save(StateDict& out, const std::string& prefix) const {
  impl_->moments.save(out, prefix);
}
void EnsembleTrainer::load(const StateDict& in, const std::string& prefix) {
  impl_->moments.load(in, prefix);
}

}  // namespace mbrl::libtorch
