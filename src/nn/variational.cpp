#include "mbrl/nn/variational.hpp"

#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/normals.hpp"
#include "mbrl/nn/bounded_logvar.hpp"
#include "nn/activation_slopes.hpp"
#include "nn/weight_runs.hpp"

namespace mbrl::nn {
namespace {

// f(offset in the block, deviation of the prior) for every weight and bias; not for padding.
template <class F>
void for_each_parameter(const Network& network, double prior_deviation, F&& f) {
  for (const Network::Layer& layer : network.layers()) {
    const double of_weights = prior_deviation / std::sqrt(static_cast<double>(layer.in));
    for_each_run(layer, [&](std::size_t at, std::size_t, int count) {
      for (int j = 0; j < count; ++j) f(at + static_cast<std::size_t>(j), of_weights);
    });
    for (int o = 0; o < layer.out; ++o) f(layer.bias + static_cast<std::size_t>(o), prior_deviation);
  }
}

Network::Plain variances(const Network::Plain& rho) {
  const auto square = [](float r) {
    const float sigma = softplus(r);
    return sigma * sigma;
  };
  return {rho.weight.unaryExpr(square), rho.bias.unaryExpr(square), {}, {}};
}

// Of a loss with respect to rho, from that with respect to sigma^2.
template <class Matrix>
Matrix rho_gradient(const Matrix& rho, const Matrix& variance_gradient) {
  return variance_gradient.cwiseProduct(
      rho.unaryExpr([](float r) { return 2.0f * softplus(r) * sigmoid(r); }));
}

}  // namespace

VariationalNetwork::VariationalNetwork(int in, int out, const NetworkSettings& settings,
                                       double prior_deviation, double initial_share, std::uint64_t seed)
    : mean_(in, out, settings, seed), rho_(mean_), prior_deviation_(prior_deviation) {
  require(!settings.layer_norm && settings.dropout == 0 && !settings.batch_norm.on,
          "VariationalNetwork: the network has layer_norm, dropout or batch_norm, expected none of them");
  require(prior_deviation > 0 && std::isfinite(prior_deviation), "VariationalNetwork: prior_deviation is ",
          prior_deviation, ", expected a positive number");
  require(initial_share > 0 && std::isfinite(initial_share), "VariationalNetwork: initial_share is ",
          initial_share, ", expected a positive number");
  for_each_parameter(rho_, prior_deviation, [&](std::size_t at, double prior) {
    rho_.parameters()[at] = static_cast<float>(std::log(std::expm1(initial_share * prior)));
  });
}

double VariationalNetwork::kl() const {
  double sum = 0;
  for_each_parameter(mean_, prior_deviation_, [&](std::size_t at, double prior) {
    const auto mu = static_cast<double>(mean_.parameters()[at]);
    const double sigma = softplus(static_cast<double>(rho_.parameters()[at]));
    sum += std::log(prior / sigma) + (sigma * sigma + mu * mu) / (2 * prior * prior) - 0.5;
  });
  return sum;
}

void VariationalNetwork::add_kl_gradient(double weight, AlignedFloats& mean, AlignedFloats& rho) const {
  add_penalty_gradient(weight, mean);
  for_each_parameter(mean_, prior_deviation_, [&](std::size_t at, double prior) {
    const auto r = static_cast<double>(rho_.parameters()[at]);
    const double sigma = softplus(r);
    rho[at] += static_cast<float>(weight * (sigma / (prior * prior) - 1 / sigma) * sigmoid(r));
  });
}

double VariationalNetwork::penalty() const {
  double sum = 0;
  for_each_parameter(mean_, prior_deviation_, [&](std::size_t at, double prior) {
    const double share = static_cast<double>(mean_.parameters()[at]) / prior;
    sum += 0.5 * share * share;
  });
  return sum;
}

void VariationalNetwork::add_penalty_gradient(double weight, AlignedFloats& mean) const {
  for_each_parameter(mean_, prior_deviation_, [&](std::size_t at, double prior) {
    mean[at] += static_cast<float>(weight / (prior * prior)) * mean_.parameters()[at];
  });
}

Network VariationalNetwork::sample(const RandomStream& noise, std::uint32_t index) const {
  Network drawn = mean_;
  AlignedFloats normals(mean_.parameters().size());
  counter_normals(noise.key(), {index, 0, 0}, static_cast<int>(normals.size()), normals.data());
  for_each_parameter(mean_, prior_deviation_, [&](std::size_t at, double) {
    drawn.parameters()[at] += softplus(rho_.parameters()[at]) * normals[at];
  });
  return drawn;
}

void VariationalNetwork::save(StateDict& out, const std::string& prefix) const {
  mean_.save(out, prefix + "mean.");
  rho_.save(out, prefix + "rho.");
}

void VariationalNetwork::load(const StateDict& in, const std::string& prefix) {
  Network mean = mean_;
  mean.load(in, prefix + "mean.");
  rho_.load(in, prefix + "rho.");
  mean_ = std::move(mean);
}

const Batchf& VariationalPass::forward(const VariationalNetwork& q, ConstBatchRef<float> x,
                                       const RandomStream& noise, std::uint32_t step) {
  require_dim("VariationalPass", "x", x.rows(), q.mean().in());
  const std::size_t count = q.mean().layers().size();
  layers_.resize(count);
  output_ = x;
  for (std::size_t l = 0; l < count; ++l) {
    Layer& layer = layers_[l];
    layer.mean = q.mean().layer(static_cast<int>(l));
    layer.rho = q.rho().layer(static_cast<int>(l));
    layer.variance = variances(layer.rho);
    layer.input = std::move(output_);
    layer.noise.resize(layer.mean.bias.size(), x.cols());
    for (Index j = 0; j < x.cols(); ++j)
      counter_normals(noise.key(), {step, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(j)},
                      static_cast<int>(layer.noise.rows()), layer.noise.col(j).data());
    layer.deviation =
        ((layer.variance.weight * layer.input.cwiseAbs2()).colwise() + layer.variance.bias).cwiseSqrt();
    output_ = ((layer.mean.weight * layer.input).colwise() + layer.mean.bias) +
              layer.deviation.cwiseProduct(layer.noise);
    if (l + 1 < count) activate(q.mean().settings().activation, output_, layer.slope);
  }
  return output_;
}

void VariationalPass::backward(const VariationalNetwork& q, ConstBatchRef<float> output_gradient,
                               AlignedFloats& mean, AlignedFloats& rho) {
  require_dim("VariationalPass", "layers of the last forward", layers_.size(), q.mean().layers().size());
  require_dim("VariationalPass", "output_gradient", output_gradient.rows(), output_.rows());
  require_dim("VariationalPass", "the batch of output_gradient", output_gradient.cols(), output_.cols());
  Network means = q.mean(), rhos = q.rho();  // of which the blocks are wanted
  Batchf to_z = output_gradient, to_variance;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const Layer& layer = layers_[l];
    // dz / dv = noise / (2 sqrt(v)).
    to_variance = 0.5f * to_z.cwiseProduct(layer.noise).cwiseQuotient(layer.deviation);
    const Batchf of_variance = to_variance * layer.input.cwiseAbs2().transpose();
    const Vecf of_bias_variance = to_variance.rowwise().sum();
    means.set_layer(static_cast<int>(l), {to_z * layer.input.transpose(), to_z.rowwise().sum(), {}, {}});
    rhos.set_layer(static_cast<int>(l), {rho_gradient(layer.rho.weight, of_variance),
                                         rho_gradient(layer.rho.bias, of_bias_variance),
                                         {},
                                         {}});
    if (l == 0) break;
    const Batchf to_input = layer.mean.weight.transpose() * to_z +
                            2.0f * layer.input.cwiseProduct(layer.variance.weight.transpose() * to_variance);
    to_z = to_input.cwiseProduct(layers_[l - 1].slope);
  }
  mean = std::move(means.parameters());
  rho = std::move(rhos.parameters());
}

}  // namespace mbrl::nn
