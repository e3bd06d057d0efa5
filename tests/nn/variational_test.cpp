// Networks of uncertain weights: the divergence is its closed form, passes are what draws of weights give, gradients are
// differences'.
#include "mbrl/nn/variational.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/normals.hpp"
#include "mbrl/nn/bounded_logvar.hpp"

namespace mbrl::nn {
namespace {

static_assert(Checkpointable<VariationalNetwork>);

VariationalNetwork example(Activation activation, double share = 0.3) {
  return {3, 2, {.hidden = {5, 18}, .activation = activation}, 1.5, share, 11};
}

// One layer's parameters in double.
struct Layer {
  Batchd mean, rho;  // weights and, in the last column, biases
};
std::vector<Layer> layers_of(const VariationalNetwork& q) {
  std::vector<Layer> layers;
  for (int l = 0; l < static_cast<int>(q.mean().layers().size()); ++l) {
    const Network::Plain m = q.mean().layer(l), r = q.rho().layer(l);
    Layer layer{Batchd(m.weight.rows(), m.weight.cols() + 1), Batchd(m.weight.rows(), m.weight.cols() + 1)};
    layer.mean << m.weight.cast<double>(), m.bias.cast<double>();
    layer.rho << r.weight.cast<double>(), r.bias.cast<double>();
    layers.push_back(layer);
  }
  return layers;
}
std::vector<Layer> gradients_of(const VariationalNetwork& q, const AlignedFloats& mean,
                                const AlignedFloats& rho) {
  VariationalNetwork as_network = q;
  as_network.mean().parameters() = mean;
  as_network.rho().parameters() = rho;
  return layers_of(as_network);
}

double prior_of(const Layer& layer, Index column, double deviation) {
  const Index inputs = layer.mean.cols() - 1;
  return column < inputs ? deviation / std::sqrt(static_cast<double>(inputs)) : deviation;
}

double kl_of(const std::vector<Layer>& layers, double deviation) {
  double sum = 0;
  for (const Layer& layer : layers)
    for (Index r = 0; r < layer.mean.rows(); ++r)
      for (Index c = 0; c < layer.mean.cols(); ++c) {
        const double s = prior_of(layer, c, deviation), sigma = softplus(layer.rho(r, c)),
                     mu = layer.mean(r, c);
        sum += std::log(s / sigma) + (sigma * sigma + mu * mu) / (2 * s * s) - 0.5;
      }
  return sum;
}

// Half the squared distance of f(x) to the targets, summed, with the noise of the pass.
double loss_of(const std::vector<Layer>& layers, Activation activation, const Batchd& x,
               const Batchd& targets, const RandomStream& noise, std::uint32_t step) {
  Batchd a = x;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Batchd with_one(a.rows() + 1, a.cols());
    with_one << a, Batchd::Ones(1, a.cols());
    const Batchd sigma = layers[l].rho.unaryExpr([](double r) { return softplus(r); });
    const Batchd deviation = (sigma.cwiseAbs2() * with_one.cwiseAbs2()).cwiseSqrt();
    Batchd z = layers[l].mean * with_one;
    for (Index j = 0; j < z.cols(); ++j) {
      Vecd e(z.rows());
      counter_normals(noise.key(), {step, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(j)},
                      static_cast<int>(z.rows()), e.data());
      z.col(j) += deviation.col(j).cwiseProduct(e);
    }
    if (l + 1 < layers.size())
      z = z.unaryExpr(
          [&](double v) { return activation == Activation::kTanh ? std::tanh(v) : v / (1 + std::exp(-v)); });
    a = z;
  }
  return 0.5 * (a - targets).squaredNorm();
}

TEST_CASE("variational network: the evidence lower bound's gradient is that of differences") {
  const Activation activation = GENERATE(Activation::kTanh, Activation::kSilu);
  const VariationalNetwork q = example(activation);
  const Batchf x = Batchf::Random(3, 7), targets = Batchf::Random(2, 7);
  const RandomStream noise(4, Stream::kUser);
  constexpr double kWeight = 0.05;
  VariationalPass pass;
  const Batchf error = pass.forward(q, x, noise, 9) - targets;
  AlignedFloats mean, rho;
  pass.backward(q, error, mean, rho);
  q.add_kl_gradient(kWeight, mean, rho);
  const std::vector<Layer> gradient = gradients_of(q, mean, rho);

  std::vector<Layer> layers = layers_of(q);
  const auto bound = [&] {
    return loss_of(layers, activation, x.cast<double>(), targets.cast<double>(), noise, 9) +
           kWeight * kl_of(layers, 1.5);
  };
  CHECK(0.5 * static_cast<double>(error.squaredNorm()) + kWeight * q.kl() == Approx(bound()).epsilon(1e-5));
  for (std::size_t l = 0; l < layers.size(); ++l)
    for (const bool of_rho : {false, true}) {
      Batchd& block = of_rho ? layers[l].rho : layers[l].mean;
      const Batchd& given = of_rho ? gradient[l].rho : gradient[l].mean;
      Batchd differences(block.rows(), block.cols());
      for (Index i = 0; i < block.size(); ++i) {
        constexpr double kStep = 1e-5;
        const double before = block.data()[i];
        block.data()[i] = before + kStep;
        const double up = bound();
        block.data()[i] = before - kStep;
        differences.data()[i] = (up - bound()) / (2 * kStep);
        block.data()[i] = before;
      }
      CAPTURE(l, of_rho);
      CHECK((given - differences).cwiseAbs().maxCoeff() < 1e-4 * (1 + differences.cwiseAbs().maxCoeff()));
    }
}

TEST_CASE(
    "variational network: the divergence is the mean of log q / p over draws, the penalty that of a point") {
  VariationalNetwork q = example(Activation::kTanh, 0.7);
  CHECK(q.kl() == Approx(kl_of(layers_of(q), 1.5)).epsilon(1e-6));
  const std::vector<Layer> layers = layers_of(q);
  double mean = 0, squares = 0;
  constexpr int kDraws = 4000;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    VariationalNetwork drawn = q;
    drawn.mean() = q.sample(RandomStream(2, Stream::kUser), i);
    const std::vector<Layer> w = layers_of(drawn);
    double ratio = 0;
    for (std::size_t l = 0; l < w.size(); ++l)
      for (Index r = 0; r < w[l].mean.rows(); ++r)
        for (Index c = 0; c < w[l].mean.cols(); ++c) {
          const double s = prior_of(w[l], c, 1.5), sigma = softplus(layers[l].rho(r, c));
          const double z = (w[l].mean(r, c) - layers[l].mean(r, c)) / sigma, p = w[l].mean(r, c) / s;
          ratio += std::log(s / sigma) + 0.5 * (p * p - z * z);
        }
    mean += ratio / kDraws;
    squares += ratio * ratio / kDraws;
  }
  CHECK(q.kl() == Approx(mean).margin(4 * std::sqrt((squares - mean * mean) / kDraws)));
  // Where deviations are the prior's, what is left is the means' penalty.
  const VariationalNetwork same = example(Activation::kTanh, 1.0);
  CHECK(same.kl() == Approx(same.penalty()).epsilon(1e-5));
}

TEST_CASE("variational network: a layer's noise has the moments that draws of its weights give") {
  const VariationalNetwork q(3, 2, {.hidden = {}}, 1.0, 0.8, 3);
  constexpr int kDraws = 20000;
  const Vecf x{{0.5f, -1.0f, 2.0f}};
  const RandomStream noise(6, Stream::kUser);
  VariationalPass pass;
  const Batchd by_noise = pass.forward(q, x.replicate(1, kDraws), noise, 0).cast<double>();
  Batchd by_weights(2, kDraws);
  Batchf y(2, 1);
  for (int i = 0; i < kDraws; ++i) {
    q.sample(noise, static_cast<std::uint32_t>(i)).evaluate(x, y);
    by_weights.col(i) = y.cast<double>();
  }
  for (Index r = 0; r < 2; ++r) {
    const auto moments = [&](const Batchd& y_of) {
      const double m = y_of.row(r).mean();
      return std::pair(m, (y_of.row(r).array() - m).square().mean());
    };
    const auto a = moments(by_noise), b = moments(by_weights);
    CHECK(a.first == Approx(b.first).margin(4 * std::sqrt(2 * b.second / kDraws)));
    CHECK(a.second == Approx(b.second).epsilon(0.06));
  }
}

TEST_CASE("variational network: padding stays 0, draws and checkpoints repeat, mistakes are named") {
  const VariationalNetwork q = example(Activation::kRelu);
  const RandomStream noise(1, Stream::kUser);
  const Network drawn = q.sample(noise, 3);
  double sum = 0, plain = 0;
  for (const float w : drawn.parameters()) sum += std::abs(static_cast<double>(w));
  for (int l = 0; l < 3; ++l)
    plain += drawn.layer(l).weight.cast<double>().cwiseAbs().sum() +
             drawn.layer(l).bias.cast<double>().cwiseAbs().sum();
  CHECK(sum == Approx(plain));
  CHECK(drawn.layer(1).weight == q.sample(noise, 3).layer(1).weight);
  CHECK(drawn.layer(1).weight != q.sample(noise, 4).layer(1).weight);
  StateDict dict;
  q.save(dict, "q.");
  VariationalNetwork again(3, 2, {.hidden = {5, 18}, .activation = Activation::kRelu}, 1.5, 0.1, 99);
  again.load(dict, "q.");
  CHECK(again.kl() == q.kl());
  CHECK_THROWS_AS(VariationalNetwork(3, 2, {.layer_norm = true}, 1.0, 0.1, 1), Error);
  CHECK_THROWS_AS(VariationalNetwork(3, 2, {.dropout = 0.1}, 1.0, 0.1, 1), Error);
  CHECK_THROWS_AS(VariationalNetwork(3, 2, {}, 0.0, 0.1, 1), Error);
  CHECK_THROWS_AS(VariationalNetwork(3, 2, {}, 1.0, 0.0, 1), Error);
  VariationalPass pass;
  CHECK_THROWS_AS(pass.forward(q, Batchf::Zero(4, 2), noise, 0), Error);
}

}  // namespace
}  // namespace mbrl::nn
