// Networks against a forward pass written down in double precision: outputs, and gradients of parameters and
// inputs by its differences.
#include "mbrl/nn/network.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "each_target.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/adam.hpp"
#include "nn/noise.hpp"

namespace mbrl::nn {
namespace {

using testing::noise;

using Plains = std::vector<Network::Plain>;

double act(Activation f, double z) {
  switch (f) {
    case Activation::kSilu:
      return z / (1.0 + std::exp(-z));
    case Activation::kRelu:
      return std::max(z, 0.0);
    case Activation::kTanh:
      return std::tanh(z);
    default:
      return z > 0.0 ? z : std::expm1(z);
  }
}

struct OracleLayer {
  Batchd weight;
  Vecd bias, gain, shift;
};

std::vector<OracleLayer> oracle_of(const Network& network) {
  std::vector<OracleLayer> layers;
  for (int l = 0; l < static_cast<int>(network.layers().size()); ++l) {
    const Network::Plain p = network.layer(l);
    layers.push_back(
        {p.weight.cast<double>(), p.bias.cast<double>(), p.gain.cast<double>(), p.shift.cast<double>()});
  }
  return layers;
}

// What each hidden layer's output is multiplied by, from the words that DropoutKey's description gives it.
std::vector<Batchd> masks_of(const Network& network, Index samples, const DropoutKey& key) {
  std::vector<Batchd> masks;
  const double rate = network.settings().dropout;
  const auto threshold = static_cast<std::uint32_t>(std::lround(rate * 65536));
  for (std::size_t l = 0; l + 1 < network.layers().size(); ++l)
    masks.push_back(Batchd::NullaryExpr(network.layers()[l].out, samples, [&](Index u, Index j) {
      const auto words = philox4x32({key.first + static_cast<std::uint32_t>(j),
                                     0x80000000u | key.network << 8 | static_cast<std::uint32_t>(l), key.step,
                                     static_cast<std::uint32_t>(u / 8)},
                                    key.key);
      const std::uint32_t word = words[static_cast<std::size_t>(u % 8 / 2)];
      const std::uint32_t half = u % 2 == 0 ? word & 0xFFFFu : word >> 16;
      return half < threshold ? 0.0 : 1.0 / (1.0 - rate);
    }));
  return masks;
}

Batchd forward(const std::vector<OracleLayer>& layers, Activation f, Batchd x,
               const std::vector<Batchd>& masks = {}) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Batchd z = (layers[l].weight * x).colwise() + layers[l].bias;
    if (l + 1 < layers.size()) {
      if (!masks.empty()) z = z.cwiseProduct(masks[l]);
      if (layers[l].gain.size() > 0)
        for (Index b = 0; b < z.cols(); ++b) {
          const double mean = z.col(b).mean();
          const double variance = (z.col(b).array() - mean).square().mean();
          z.col(b) = ((z.col(b).array() - mean) / std::sqrt(variance + 1e-5) * layers[l].gain.array() +
                      layers[l].shift.array())
                         .matrix();
        }
      z = z.unaryExpr([&](double v) { return act(f, v); });
    }
    x = z;
  }
  return x;
}

// A network whose vectors are not at their first values.
Network some_network(Activation f, bool norm, std::vector<int> hidden = {20, 99}, double dropout = 0) {
  Network network(5, 3, {std::move(hidden), f, norm, dropout}, 7);
  for (int l = 0; l < static_cast<int>(network.layers().size()); ++l) {
    Network::Plain p = network.layer(l);
    p.gain += 0.3f * noise(p.gain.size(), 1, 20 + static_cast<std::uint32_t>(l));
    p.shift += 0.3f * noise(p.shift.size(), 1, 30 + static_cast<std::uint32_t>(l));
    network.set_layer(l, p);
  }
  return network;
}

constexpr Activation kAll[] = {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu};

TEST_CASE("network: outputs are those of the plain sum") {
  for (const Activation f : kAll)
    for (const bool norm : {false, true}) {
      CAPTURE(f, norm);
      const Network network = some_network(f, norm);
      const Batchf x = noise(5, 300, 1);
      Batchf y(3, 300);
      network.evaluate(x, y);
      const Batchd expected = forward(oracle_of(network), f, x.cast<double>());
      CHECK((y.cast<double>() - expected).cwiseAbs().maxCoeff() < 1e-5);
    }
  const Network linear(5, 3, {{}, Activation::kRelu, true}, 1);
  Batchf y(3, 2);
  linear.evaluate(noise(5, 2, 1), y);
  const Batchf expected = (linear.layer(0).weight * noise(5, 2, 1)).colwise() + linear.layer(0).bias;
  CHECK((y - expected).norm() < 1e-6f);
}

TEST_CASE("network: a sample's numbers do not depend on its place or company") {
  for (const Activation f : kAll)
    for (const bool norm : {false, true}) {
      CAPTURE(f, norm);
      const Network network = some_network(f, norm);
      const Batchf x = noise(5, 41, 1);
      Batchf all(3, 41);
      network.evaluate(x, all);
      for (const Index count :
           {1, 2, 3, 4, 5, 7, 8, 9, 17})  // few samples go through the layers on another path
        for (Index b = 0; b + count <= x.cols(); ++b) {
          Batchf some(3, count);
          network.evaluate(x.middleCols(b, count), some);
          REQUIRE(some == all.middleCols(b, count));
        }
    }
}

TEST_CASE("network: few samples' gradients are those of the same samples among many") {
  for (const Activation f : kAll) {
    CAPTURE(f);
    const Network network = some_network(f, false);
    const Batchf x = noise(5, 12, 1), weight = noise(3, 12, 2);
    const auto gradients = [&](Index count, Batchf& of_input) {
      Pass pass(network, 12);
      pass.set_input(x.leftCols(count));
      pass.forward(network, static_cast<int>(count));
      pass.output_gradients(static_cast<int>(count)) = weight.leftCols(count);
      AlignedFloats gradient;
      pass.backward(network, static_cast<int>(count), &gradient, true);
      of_input = pass.input_gradients(static_cast<int>(count));
      return gradient;
    };
    Batchf many, few;
    gradients(12, many);
    AlignedFloats sum = gradients(6, few);
    CHECK(few == many.leftCols(6));
    // The parameters' gradient, as twelve samples of which six have no weight give it.
    Pass pass(network, 12);
    pass.set_input(x);
    pass.forward(network, 12);
    pass.output_gradients(12).setZero();
    pass.output_gradients(12).leftCols(6) = weight.leftCols(6);
    AlignedFloats expected;
    pass.backward(network, 12, &expected);
    for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum[i] == expected[i]);
  }
}

TEST_CASE("network: gradients of parameters and inputs are those of differences, also with units left out") {
  for (const Activation f : kAll)
    for (const auto& [norm, dropout] :
         {std::pair(false, 0.0), std::pair(true, 0.0), std::pair(true, 0.3), std::pair(false, 0.3)}) {
      CAPTURE(f, norm, dropout);
      const Network network = some_network(f, norm, {20, 33}, dropout);
      constexpr int kSamples = 21;
      const Batchf x = noise(5, kSamples, 2), weights = noise(3, kSamples, 3);
      const DropoutKey key{.key = {17, 4}, .step = 9, .network = 2, .first = 100};
      const std::vector<Batchd> masks =
          dropout > 0 ? masks_of(network, kSamples, key) : std::vector<Batchd>();
      Pass pass(network, 40);
      pass.set_input(x);
      pass.forward(network, kSamples, key);
      // loss = sum of weights .* y; what lies beyond the samples must not count
      for (int r = 0; r < 3; ++r)
        for (int b = 0; b < pass.stride(); ++b)
          pass.output_gradient()[r * pass.stride() + b] = b < kSamples ? weights(r, b) : 1e6f;
      AlignedFloats gradient;
      pass.backward(network, kSamples, &gradient, true);

      std::vector<OracleLayer> layers = oracle_of(network);
      const Batchd xd = x.cast<double>(), wd = weights.cast<double>();
      const auto loss = [&](const Batchd& at) {
        return forward(layers, f, at, masks).cwiseProduct(wd).sum();
      };
      Batchf y(3, kSamples);
      pass.get_output(y);
      CHECK((y.cast<double>() - forward(layers, f, xd, masks)).cwiseAbs().maxCoeff() < 1e-5);
      const auto difference = [&](double& value, const Batchd& at) {
        const double kept = value, h = 1e-6;
        value = kept + h;
        const double above = loss(at);
        value = kept - h;
        const double below = loss(at);
        value = kept;
        return (above - below) / (2 * h);
      };
      for (std::size_t l = 0; l < layers.size(); ++l) {
        const Network::Plain g = network.plain(gradient, static_cast<int>(l));
        const double scale = 1.0 + g.weight.cast<double>().cwiseAbs().maxCoeff();
        for (Index i = 0; i < g.weight.cols(); i += 3)
          for (Index o = 0; o < g.weight.rows(); o += 2)
            CHECK(std::abs(difference(layers[l].weight(o, i), xd) - static_cast<double>(g.weight(o, i))) <
                  2e-4 * scale);
        for (Index o = 0; o < g.bias.size(); ++o) {
          CHECK(std::abs(difference(layers[l].bias(o), xd) - static_cast<double>(g.bias(o))) < 2e-4 * scale);
          if (g.gain.size() == 0) continue;
          CHECK(std::abs(difference(layers[l].gain(o), xd) - static_cast<double>(g.gain(o))) < 2e-4 * scale);
          CHECK(std::abs(difference(layers[l].shift(o), xd) - static_cast<double>(g.shift(o))) <
                2e-4 * scale);
        }
      }
      Batchd moved = xd;
      for (Index b = 0; b < kSamples; b += 4)
        for (Index r = 0; r < 5; ++r)
          CHECK(std::abs(difference(moved(r, b), moved) -
                         static_cast<double>(pass.input_gradient()[r * pass.stride() + b])) < 2e-3);
    }
}

// The first of three outputs, whose gradients go through products, beside a network that has it alone.
TEST_CASE("network: one output learns as one of three does, with every instruction set") {
  std::vector<AlignedFloats> before;
  testing::for_each_target([&](const std::string& target) {
    std::size_t k = 0;
    for (const Activation f : kAll)
      for (const bool norm : {false, true})
        for (const int samples : {3, 21, 150}) {
          CAPTURE(target, f, norm, samples);
          const Network three = some_network(f, norm, {20, 33});
          Network one(5, 1, three.settings(), 1);
          for (int l = 0; l < 3; ++l) {
            Network::Plain plain = three.layer(l);
            if (l == 2) {
              plain.weight = plain.weight.topRows(1).eval();
              plain.bias = plain.bias.head(1).eval();
            }
            one.set_layer(l, plain);
          }
          const Batchf x = noise(5, samples, 2), weights = noise(1, samples, 3);
          Pass of_three(three, samples), of_one(one, samples);
          AlignedFloats expected, gradient;
          const auto learn = [&](const Network& network, Pass& pass, AlignedFloats& to) {
            pass.set_input(x);
            pass.forward(network, samples);
            pass.output_gradients(samples).setZero();
            pass.output_gradients(samples).row(0) = weights;
            pass.backward(network, samples, &to, true);
          };
          learn(three, of_three, expected);
          learn(one, of_one, gradient);
          CHECK((of_one.outputs(samples) - of_three.outputs(samples).topRows(1)).norm() < 1e-5f);
          CHECK((of_one.input_gradients(samples) - of_three.input_gradients(samples)).norm() < 1e-5f);
          for (int l = 0; l < 3; ++l) {
            const Network::Plain a = one.plain(gradient, l), b = three.plain(expected, l);
            const Index rows = a.weight.rows();
            CHECK((a.weight - b.weight.topRows(rows)).norm() < 1e-5f * (1 + b.weight.norm()));
            CHECK((a.bias - b.bias.head(rows)).norm() < 1e-5f * (1 + b.bias.norm()));
          }
          if (before.size() == k)
            before.push_back(expected);
          else  // the sums run in the same order
            for (std::size_t i = 0; i < expected.size(); ++i)
              REQUIRE(std::abs(expected[i] - before[k][i]) < 1e-4f * (1 + std::abs(before[k][i])));
          ++k;
        }
  });
}

TEST_CASE(
    "network: as many units are left out as it says, by the sample's number, and only while it learns") {
  const Network network = some_network(Activation::kRelu, true, {64, 64}, 0.1),
                same = some_network(Activation::kRelu, true, {64, 64});
  const Batchf x = noise(5, 60, 1);
  const DropoutKey key{.key = {1, 2}, .step = 3};
  double left_out = 0;
  for (const Batchd& mask : masks_of(network, 2000, key))
    left_out += (mask.array() == 0.0).cast<double>().sum();
  CHECK(left_out / (2 * 64 * 2000) == Approx(0.1).margin(0.004));

  Batchf whole(3, 60), later(3, 20), without(3, 60), evaluated(3, 60);
  Pass pass(network, 60);
  pass.set_input(x);
  pass.forward(network, 60, key);
  pass.get_output(whole);
  pass.set_input(x.middleCols(33, 20));
  pass.forward(network, 20, {.key = {1, 2}, .step = 3, .first = 33});
  pass.get_output(later);
  CHECK(later == whole.middleCols(33, 20));
  pass.set_input(x);
  pass.forward(network, 60);
  pass.get_output(without);
  same.evaluate(x, evaluated);
  CHECK(without == evaluated);
  CHECK(without != whole);
  pass.forward(same, 60, key);  // whose settings have none
  pass.get_output(whole);
  CHECK(whole == evaluated);
  Pass narrow(same, 60);
  CHECK_THROWS_WITH(narrow.forward(network, 60, key), Catch::Contains("another shape"));
  CHECK_THROWS_WITH(Network(2, 1, {.dropout = 1.0}, 1), Catch::Contains("dropout is 1"));
}

TEST_CASE("network: target networks move by a share") {
  Network target(4, 2, {{8}}, 1);
  const Network source(4, 2, {{8}}, 2), before = target;
  move_towards(target, source, 0.25);
  CHECK((target.layer(0).weight - (0.75f * before.layer(0).weight + 0.25f * source.layer(0).weight)).norm() <
        1e-6f);
  move_towards(target, source, 1.0);
  CHECK((target.layer(1).weight - source.layer(1).weight).norm() < 1e-6f);
  CHECK_THROWS_AS(move_towards(target, Network(4, 2, {{9}}, 1), 0.1), Error);
}

TEST_CASE("network: a regression is learned") {
  Network network(1, 1, {{32, 32}, Activation::kSilu, false}, 3);
  AdamSettings settings;
  settings.learning_rate = 3e-3;
  Adam adam(network, settings);
  Pass pass(network, 64);
  AlignedFloats gradient;
  const Vecf x = Vecf::LinSpaced(64, -3.0f, 3.0f);
  double loss = 0.0;
  for (int i = 0; i < 1500; ++i) {
    pass.set_input(x.transpose());
    pass.forward(network, 64);
    loss = 0.0;
    for (int b = 0; b < 64; ++b) {
      const float error = pass.output()[b] - std::sin(2.0f * x[b]);
      loss += static_cast<double>(error * error) / 64;
      pass.output_gradient()[b] = 2.0f * error / 64.0f;
    }
    pass.backward(network, 64, &gradient);
    adam.step(network, gradient);
  }
  CHECK(loss < 1e-3);  // the zero function: 0.5
}

TEST_CASE("network: an input that is not a number reaches the outputs of its sample alone") {
  for (const Activation f : {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu}) {
    for (const bool norm : {false, true}) {
      const Network network(3, 2, {.hidden = {20, 9}, .activation = f, .layer_norm = norm}, 1);
      Batchf x = Batchf::Ones(3, 5), y(2, 5);
      x(1, 2) = std::numeric_limits<float>::quiet_NaN();
      network.evaluate(x, y);
      for (Index j = 0; j < 5; ++j) CHECK(y.col(j).array().isNaN().all() == (j == 2));
      for (Index j = 0; j < 5; ++j) CHECK(y.col(j).array().isNaN().any() == (j == 2));
    }
  }
}

TEST_CASE("network: mistakes are named") {
  CHECK_THROWS_AS(Network(0, 1, {}, 1), Error);
  CHECK_THROWS_AS(Network(1, 1, {{0}}, 1), Error);
  const Network network(3, 2, {{8}}, 1), other(3, 2, {{9}}, 1);
  Pass pass(network, 10);
  CHECK_THROWS_AS(pass.forward(network, 11), Error);
  CHECK_THROWS_AS(pass.forward(other, 1), Error);
  CHECK_THROWS_AS(pass.set_input(Batchf::Zero(2, 1)), Error);
  CHECK_THROWS_AS(Adam(network, {.learning_rate = -1.0}), Error);
  StateDict dict;
  other.save(dict, "n.");
  Network target = network;
  CHECK_THROWS_AS(target.load(dict, "n."), Error);
  CHECK(std::equal(target.parameters().begin(), target.parameters().end(), network.parameters().begin()));
}

}  // namespace
}  // namespace mbrl::nn
