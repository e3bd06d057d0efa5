// Rows are padded to whole vectors, so that every column goes through the same instructions wherever it stands.
#include "mbrl/nn/gru.hpp"

#include <algorithm>
#include <cstddef>

#include "mbrl/core/error.hpp"

namespace mbrl::nn {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf, Eigen::Aligned64>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf, Eigen::Aligned64>;

// sigma(u) = (1 + tanh(u / 2)) / 2, which does not overflow.
template <class X>
auto gate(const X& u) {
  return 0.5f + 0.5f * (0.5f * u).tanh();
}

void add_part(AlignedFloats& sum, const AlignedFloats& part) {
  if (sum.size() == 0)
    sum = part;
  else
    sum += part;
}

}  // namespace

Gru::Gru(int in, int units, std::uint64_t seed, std::uint32_t index) {
  require(in >= 1, "Gru: in is ", in, ", expected at least 1");
  require(units >= 1, "Gru: units is ", units, ", expected at least 1");
  NetworkSettings affine;
  affine.hidden.clear();
  input_ = Network(in, 3 * units, affine, seed, 2 * index);
  recurrent_ = Network(units, 3 * units, affine, seed, 2 * index + 1);
}

void Gru::save(StateDict& out, const std::string& prefix) const {
  input_.save(out, prefix + "input.");
  recurrent_.save(out, prefix + "recurrent.");
}

void Gru::load(const StateDict& in, const std::string& prefix) {
  Gru fresh = *this;
  fresh.input_.load(in, prefix + "input.");
  fresh.recurrent_.load(in, prefix + "recurrent.");
  *this = std::move(fresh);
}

void GruStep::forward(const Gru& gru, ConstBatchRef<float> x, BatchRef<float> memory) {
  constexpr const char* kWhere = "GruStep::forward";
  require_dim(kWhere, "x", x.rows(), gru.in());
  require_dim(kWhere, "memory", memory.rows(), gru.units());
  require_dim(kWhere, "memory's batch", memory.cols(), x.cols());
  if (!input_ || input_->max_samples() < x.cols() || units_ != gru.units() || in_ != gru.in()) {
    units_ = gru.units();
    in_ = gru.in();
    const auto samples = static_cast<int>(std::max<Index>(x.cols(), 1));
    input_ = std::make_unique<Pass>(gru.input(), samples);
    recurrent_ = std::make_unique<Pass>(gru.recurrent(), samples);
    rows_ = AlignedFloats(static_cast<std::size_t>(kBlocks * units_ * input_->stride()));
  }
  samples_ = x.cols();
  const auto samples = static_cast<int>(samples_);
  input_->set_input(x);
  recurrent_->set_input(memory);
  input_->forward(gru.input(), samples);
  recurrent_->forward(gru.recurrent(), samples);
  const Index stride = input_->stride();
  for (Index i = 0; i < units_; ++i) {
    const auto of = [&](const Pass& pass, Index gate) {
      return ConstRow(pass.output() + (gate * units_ + i) * stride, stride);
    };
    Row reset(row(kReset, i), stride), update(row(kUpdate, i), stride), candidate(row(kCandidate, i), stride),
        mapped(row(kMapped, i), stride), before(row(kBefore, i), stride);
    for (Index j = 0; j < samples_; ++j) before(j) = memory(i, j);
    reset = gate(of(*input_, 0) + of(*recurrent_, 0));
    update = gate(of(*input_, 1) + of(*recurrent_, 1));
    mapped = of(*recurrent_, 2);
    candidate = (of(*input_, 2) + reset * mapped).tanh();
    for (Index j = 0; j < samples_; ++j) memory(i, j) = candidate(j) + update(j) * (before(j) - candidate(j));
  }
}

// With g the gradient of the loss with respect to h':
//   du_z = g (h - n) z (1 - z),  du_n = g (1 - z) (1 - n^2),  du_r = du_n (U_n h + c_n) r (1 - r),
// those of the recurrent map's outputs are the same but for r du_n, and dh = g z + U^T (...).
void GruStep::backward(const Gru& gru, BatchRef<float> memory_gradient, GruGradient& sum) {
  constexpr const char* kWhere = "GruStep::backward";
  require(input_ != nullptr, kWhere, ": expected a call of forward before it");
  require_dim(kWhere, "memory_gradient", memory_gradient.rows(), units_);
  require_dim(kWhere, "memory_gradient's batch", memory_gradient.cols(), samples_);
  const Index stride = input_->stride();
  for (Index i = 0; i < units_; ++i) {
    const float *reset = row(kReset, i), *update = row(kUpdate, i), *candidate = row(kCandidate, i),
                *mapped = row(kMapped, i), *before = row(kBefore, i);
    const auto into = [&](Pass& pass, Index gate) {
      return pass.output_gradient() + (gate * units_ + i) * stride;
    };
    float *of_reset = into(*input_, 0), *of_update = into(*input_, 1), *of_candidate = into(*input_, 2),
          *back_reset = into(*recurrent_, 0), *back_update = into(*recurrent_, 1),
          *back_mapped = into(*recurrent_, 2);
    for (Index j = 0; j < samples_; ++j) {
      const float g = memory_gradient(i, j), r = reset[j], z = update[j], n = candidate[j];
      const float of_n = g * (1 - z) * (1 - n * n);
      of_candidate[j] = of_n;
      of_update[j] = back_update[j] = g * (before[j] - n) * z * (1 - z);
      of_reset[j] = back_reset[j] = of_n * mapped[j] * r * (1 - r);
      back_mapped[j] = of_n * r;
    }
  }
  const auto samples = static_cast<int>(samples_);
  input_->backward(gru.input(), samples, &gradient_);
  add_part(sum.input, gradient_);
  recurrent_->backward(gru.recurrent(), samples, &gradient_, true);
  add_part(sum.recurrent, gradient_);
  for (Index i = 0; i < units_; ++i)
    for (Index j = 0; j < samples_; ++j)
      memory_gradient(i, j) =
          memory_gradient(i, j) * row(kUpdate, i)[j] + recurrent_->input_gradient()[i * stride + j];
}

}  // namespace mbrl::nn
