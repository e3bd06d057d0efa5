// Shapes, plain arrays and passes of networks. The arithmetic is in network_kernels.cpp.
#include "mbrl/nn/network.hpp"

#include <algorithm>
#include <cmath>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/blocks.hpp"
#include "nn/network_kernels.hpp"
#include "nn/padding.hpp"
#include "nn/weight_runs.hpp"

namespace mbrl::nn {
namespace {

std::string array_name(const std::string& prefix, std::size_t layer, const char* what) {
  return prefix + "layers." + std::to_string(layer) + "." + what;
}

}  // namespace

void BatchNormSettings::validate(const std::string& who) const {
  require(momentum >= 0 && momentum < 1, who, ".momentum is ", momentum, ", expected 0 <= momentum < 1");
  require(epsilon > 0 && std::isfinite(epsilon), who, ".epsilon is ", epsilon, ", expected more than 0");
  require(max_scale >= 1, who, ".max_scale is ", max_scale, ", expected at least 1");
  require(max_shift >= 0, who, ".max_shift is ", max_shift, ", expected at least 0");
  require(warm_up >= 0, who, ".warm_up is ", warm_up, ", expected at least 0");
}

Network::Network(int in, int out, const NetworkSettings& settings, std::uint64_t seed, std::uint32_t index)
    : in_(in), out_(out), settings_(settings) {
  require(in >= 1 && out >= 1, "Network: ", in, " inputs and ", out, " outputs, expected at least 1 of each");
  require(settings.dropout >= 0 && settings.dropout < 1, "Network: dropout is ", settings.dropout,
          ", expected 0 <= dropout < 1");
  if (settings.batch_norm.on) settings.batch_norm.validate("Network: batch_norm");
  std::size_t size = 0, moments = 0;
  const auto take = [&](int rows, int stride) {
    const std::size_t at = size;
    size += static_cast<std::size_t>(rows) * static_cast<std::size_t>(stride);
    return at;
  };
  std::vector<int> widths = settings.hidden;
  widths.push_back(out);
  for (std::size_t l = 0; l < widths.size(); ++l) {
    require(widths[l] >= 1, "Network: hidden layer ", l, " has ", widths[l], " units, expected at least 1");
    Layer layer;
    layer.in = l == 0 ? in : widths[l - 1];
    layer.out = widths[l];
    layer.stride = padded(layer.out);
    layer.norm = settings.layer_norm && l + 1 < widths.size();
    layer.weight = take(layer.in, layer.stride);
    layer.bias = take(1, layer.stride);
    if (layer.norm) {
      layer.gain = take(1, layer.stride);
      layer.shift = take(1, layer.stride);
    }
    layer.batch_norm = settings.batch_norm.on;
    if (layer.batch_norm) {
      layer.batch_gain = take(1, padded(layer.in));
      layer.batch_shift = take(1, padded(layer.in));
      layer.moments = moments;
      moments += 2 * static_cast<std::size_t>(padded(layer.in));
    }
    layers_.push_back(layer);
  }
  parameters_ = AlignedFloats(size);
  moments_ = AlignedFloats(moments);
  const RandomStream random(seed, Stream::kWeights);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const double bound = 1.0 / std::sqrt(static_cast<double>(layer.in));
    std::uint32_t entry = 0;
    const auto draw = [&] {
      return static_cast<float>(random.uniform(-bound, bound, index, static_cast<std::uint32_t>(l), entry++));
    };
    Plain values;
    values.weight = Batchf::NullaryExpr(layer.out, layer.in, draw);
    values.bias = Vecf::NullaryExpr(layer.out, draw);
    if (layer.norm) {
      values.gain = Vecf::Ones(layer.out);
      values.shift = Vecf::Zero(layer.out);
    }
    if (layer.batch_norm) {
      values.batch_gain = Vecf::Ones(layer.in);
      values.batch_shift = Vecf::Zero(layer.in);
      std::fill_n(moments_.data() + layer.moments + padded(layer.in), layer.in, 1.0f);
    }
    set_layer(static_cast<int>(l), values);
  }
}

std::size_t Network::parameter_count() const {
  std::size_t count = 0;
  for (const Layer& layer : layers_)
    count += static_cast<std::size_t>(layer.out) * static_cast<std::size_t>(layer.in + (layer.norm ? 3 : 1)) +
             (layer.batch_norm ? 2 * static_cast<std::size_t>(layer.in) : 0);
  return count;
}

Network::Plain Network::plain(const AlignedFloats& block, int l) const {
  require_dim("Network", "the block's size", block.size(), parameters_.size());
  const Layer& layer = layers_.at(static_cast<std::size_t>(l));
  Plain values;
  values.weight.resize(layer.out, layer.in);
  for_each_run(layer, [&](std::size_t from, std::size_t to, int count) {
    std::copy_n(block.data() + from, count, values.weight.data() + to);
  });
  const auto vector = [&](std::size_t at, int size) {
    return Vecf(Eigen::Map<const Vecf>(block.data() + at, size));
  };
  values.bias = vector(layer.bias, layer.out);
  if (layer.norm) {
    values.gain = vector(layer.gain, layer.out);
    values.shift = vector(layer.shift, layer.out);
  }
  if (layer.batch_norm) {
    values.batch_gain = vector(layer.batch_gain, layer.in);
    values.batch_shift = vector(layer.batch_shift, layer.in);
  }
  return values;
}

void Network::set_layer(int l, const Plain& values) {
  const Layer& layer = layers_.at(static_cast<std::size_t>(l));
  require_dim("Network::set_layer", "weight's rows", values.weight.rows(), layer.out);
  require_dim("Network::set_layer", "weight's columns", values.weight.cols(), layer.in);
  require_dim("Network::set_layer", "bias", values.bias.size(), layer.out);
  require_dim("Network::set_layer", "gain", values.gain.size(), layer.norm ? layer.out : 0);
  require_dim("Network::set_layer", "shift", values.shift.size(), layer.norm ? layer.out : 0);
  for (const Vecf* read : {&values.batch_gain, &values.batch_shift})
    require_dim("Network::set_layer", "batch_gain or batch_shift", read->size(),
                layer.batch_norm ? layer.in : 0);
  for_each_run(layer, [&](std::size_t to, std::size_t from, int count) {
    std::copy_n(values.weight.data() + from, count, parameters_.data() + to);
  });
  std::copy_n(values.bias.data(), layer.out, parameters_.data() + layer.bias);
  if (layer.norm) {
    std::copy_n(values.gain.data(), layer.out, parameters_.data() + layer.gain);
    std::copy_n(values.shift.data(), layer.out, parameters_.data() + layer.shift);
  }
  if (layer.batch_norm) {
    std::copy_n(values.batch_gain.data(), layer.in, parameters_.data() + layer.batch_gain);
    std::copy_n(values.batch_shift.data(), layer.in, parameters_.data() + layer.batch_shift);
  }
}

void Network::follow(const Pass& pass) {
  const AlignedFloats& batch = pass.batch_moments();
  require_dim("Network::follow", "the batch's moments", batch.size(), moments_.size());
  if (!std::all_of(batch.begin(), batch.end(), [](float m) { return std::isfinite(m); })) return;
  const auto share = static_cast<float>(1.0 - settings_.batch_norm.momentum);
  for (std::size_t i = 0; i < batch.size(); ++i) moments_[i] += share * (batch[i] - moments_[i]);
  ++followed_;
}

// W (g (x - m) / s + h) + b, with s = sqrt(v + eps).
Network Network::without_batch_norm() const {
  NetworkSettings settings = settings_;
  settings.batch_norm.on = false;
  Network other(in_, out_, settings, 0);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Plain values = layer(static_cast<int>(l));
    if (layers_[l].batch_norm) {
      const float* mean = moments_.data() + layers_[l].moments;
      const int in = layers_[l].in;
      const Vecd m = Eigen::Map<const Vecf>(mean, in).cast<double>(),
                 v = Eigen::Map<const Vecf>(mean + padded(in), in).cast<double>();
      const Vecd scale =
          values.batch_gain.cast<double>().array() / (v.array() + settings_.batch_norm.epsilon).sqrt();
      const Batchd weight = values.weight.cast<double>();
      values.bias += (weight * (values.batch_shift.cast<double>() - scale.cwiseProduct(m))).cast<float>();
      values.weight = (weight * scale.asDiagonal()).cast<float>();
      values.batch_gain.resize(0);
      values.batch_shift.resize(0);
    }
    other.set_layer(static_cast<int>(l), values);
  }
  return other;
}

void Network::evaluate(ConstBatchRef<float> x, BatchRef<float> y) const {
  require_dim("Network::evaluate", "x", x.rows(), in_);
  require_dim("Network::evaluate", "y", y.rows(), out_);
  require_dim("Network::evaluate", "y's batch", y.cols(), x.cols());
  GrowingPass scratch;
  in_blocks(scratch, *this, x,
            [&](const Pass& pass, Index first, Index count) { pass.get_output(y.middleCols(first, count)); });
}

void Network::save(StateDict& out, const std::string& prefix) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Plain values = layer(static_cast<int>(l));
    out.put_matrix(array_name(prefix, l, "weight"), values.weight);  // [in, out], as DenseLayer's
    out.put_matrix(array_name(prefix, l, "bias"), values.bias);
    if (layers_[l].norm) {
      out.put_matrix(array_name(prefix, l, "gain"), values.gain);
      out.put_matrix(array_name(prefix, l, "shift"), values.shift);
    }
    if (layers_[l].batch_norm) {
      out.put_matrix(array_name(prefix, l, "batch_gain"), values.batch_gain);
      out.put_matrix(array_name(prefix, l, "batch_shift"), values.batch_shift);
    }
  }
  if (moments_.size() == 0) return;
  out.put(prefix + "moments", moments_.data(), {static_cast<std::int64_t>(moments_.size())});
  out.put_scalar(prefix + "followed", followed_);
}

void Network::load(const StateDict& in, const std::string& prefix) {
  Network read = *this;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const auto take = [&](const char* what, Index rows, Index columns) {
      const std::string name = array_name(prefix, l, what);
      const std::vector<float> values = in.get<float>(name);
      require(static_cast<Index>(values.size()) == rows * columns, "checkpoint: '", name, "' has ",
              values.size(), " numbers, expected ", rows * columns);
      require(std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }),
              "checkpoint: '", name, "' holds a number that is not finite");
      return Batchf(Eigen::Map<const Batchf>(values.data(), rows, columns));
    };
    Plain values;
    values.weight = take("weight", layer.out, layer.in);
    values.bias = take("bias", layer.out, 1);
    if (layer.norm) {
      values.gain = take("gain", layer.out, 1);
      values.shift = take("shift", layer.out, 1);
    }
    if (layer.batch_norm) {
      values.batch_gain = take("batch_gain", layer.in, 1);
      values.batch_shift = take("batch_shift", layer.in, 1);
    }
    read.set_layer(static_cast<int>(l), values);
  }
  if (moments_.size() > 0) {
    const std::vector<float> moments = in.get<float>(prefix + "moments");
    require_dim("checkpoint", "'" + prefix + "moments'", moments.size(), moments_.size());
    require(std::all_of(moments.begin(), moments.end(), [](float m) { return std::isfinite(m); }),
            "checkpoint: '", prefix, "moments' holds a number that is not finite");
    std::copy(moments.begin(), moments.end(), read.moments_.begin());
    read.followed_ = in.get_scalar<std::int64_t>(prefix + "followed");
  }
  *this = std::move(read);
}

Pass::Pass(const Network& shape, int max_samples)
    : in_(shape.in()),
      out_(shape.out()),
      stride_(max_samples <= kTileColumns ? padded(max_samples) : row_stride(max_samples)),
      max_samples_(max_samples) {
  require(max_samples >= 1, "Pass: room for ", max_samples, " samples, expected at least 1");
  int widest = in_;
  for (const Network::Layer& layer : shape.layers()) {
    widths_.push_back(layer.out);
    widest = std::max(widest, layer.stride);
  }
  std::size_t rows = 0;
  for (int round = 0; round < 2; ++round) {  // count, then hand out
    float* block = block_.data();
    rows = 0;
    inputs_.clear();
    slopes_.clear();
    centred_.clear();
    inverse_.clear();
    masks_.clear();
    normal_.clear();
    factors_.clear();
    const auto take = [&](int count) {
      float* at = block ? block + rows * static_cast<std::size_t>(stride_) : nullptr;
      rows += static_cast<std::size_t>(count);
      return at;
    };
    for (const Network::Layer& layer : shape.layers()) {
      inputs_.push_back(take(layer.in));
      // A rectifier's is known by what the next layer reads, unless batch_norm normalises that in place.
      const bool rectified = shape.settings().activation == Activation::kRelu && !layer.batch_norm;
      slopes_.push_back(rectified ? nullptr : take(layer.out));
      centred_.push_back(layer.norm ? take(layer.out) : nullptr);
      inverse_.push_back(layer.norm ? take(1) : nullptr);
      const bool hidden = &layer != &shape.layers().back();
      if (shape.settings().dropout > 0) masks_.push_back(hidden ? take(layer.out) : nullptr);
      if (layer.batch_norm) {
        normal_.push_back(take(layer.in));
        factors_.push_back(take((3 * padded(layer.in) + stride_ - 1) / stride_));
      }
    }
    output_ = take(out_);
    gradient_[0] = take(widest);
    gradient_[1] = take(widest);
    transposed_ = take(row_stride(widest));
    input_gradient_ = take(in_);
    if (round == 0) block_ = AlignedFloats(rows * static_cast<std::size_t>(stride_));
  }
  batch_moments_ = AlignedFloats(shape.moments().size());
}

void Pass::set_input(ConstBatchRef<float> x) {
  require_dim("Pass::set_input", "x", x.rows(), in_);
  require(x.cols() <= max_samples_, "Pass::set_input: ", x.cols(), " samples, there is room for ",
          max_samples_);
  for (Index r = 0; r < x.rows(); ++r)
    for (Index b = 0; b < x.cols(); ++b) inputs_[0][r * stride_ + b] = x(r, b);
}

void Pass::get_output(BatchRef<float> y) const {
  require_dim("Pass::get_output", "y", y.rows(), out_);
  require(y.cols() <= max_samples_, "Pass::get_output: ", y.cols(), " samples, there is room for ",
          max_samples_);
  for (Index b = 0; b < y.cols(); ++b)
    for (Index r = 0; r < y.rows(); ++r) y(r, b) = output_[r * stride_ + b];
}

void Pass::check(const Network& network, int samples) const {
  require(0 <= samples && samples <= max_samples_, "Pass: ", samples, " samples, expected at most ",
          max_samples_);
  bool same = network.in() == in_ && network.layers().size() == widths_.size();
  for (std::size_t l = 0; same && l < widths_.size(); ++l)
    same = network.layers()[l].out == widths_[l] && network.layers()[l].norm == (inverse_[l] != nullptr);
  same = same && (network.settings().dropout == 0 || !masks_.empty()) &&
         network.moments().size() == batch_moments_.size();
  require(same, "Pass: the network is of another shape than the pass was made for");
}

PassArrays Pass::arrays(const Network& network) {
  PassArrays arrays{stride_,         inputs_.data(),
                    slopes_.data(),  centred_.data(),
                    inverse_.data(), dropped_ ? masks_.data() : nullptr,
                    output_,         {gradient_[0], gradient_[1]},
                    transposed_};
  arrays.normal = normal_.data();
  arrays.factors = factors_.data();
  arrays.running_moments = network.moments().data();
  arrays.batch_moments = in_batch_ ? batch_moments_.data() : nullptr;
  arrays.renormalise = network.followed() >= network.settings().batch_norm.warm_up;
  return arrays;
}

void Pass::run(const Network& network, int samples, const DropoutKey& dropout) {
  forward_pass(network.layers().data(), static_cast<int>(network.layers().size()), network.settings(),
               network.parameters().data(), samples, dropout, arrays(network));
}

void Pass::forward(const Network& network, int samples) {
  check(network, samples);
  dropped_ = in_batch_ = false;
  run(network, samples, {});
}

void Pass::forward(const Network& network, int samples, const DropoutKey& dropout) {
  check(network, samples);
  dropped_ = network.settings().dropout > 0;
  in_batch_ = false;
  run(network, samples, dropout);
}

void Pass::forward_in_batch(const Network& network, int samples) {
  check(network, samples);
  require(samples >= 1, "Pass: a batch without a sample has no moments");
  dropped_ = false;
  in_batch_ = network.settings().batch_norm.on;
  run(network, samples, {});
}

void Pass::backward(const Network& network, int samples, AlignedFloats* gradient, bool input_gradient) {
  check(network, samples);
  if (gradient && gradient->size() != network.parameters().size())
    *gradient = AlignedFloats(network.parameters().size());
  backward_pass(network.layers().data(), static_cast<int>(network.layers().size()),
                network.parameters().data(), samples, arrays(network), gradient ? gradient->data() : nullptr,
                input_gradient ? input_gradient_ : nullptr);
}

void Pass::backward(const Network& network, int samples, const AdamSteps& steps) {
  check(network, samples);
  backward_steps(network.layers().data(), static_cast<int>(network.layers().size()), samples, arrays(network),
                 steps);
}

}  // namespace mbrl::nn
