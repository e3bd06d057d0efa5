// Adam's steps against the paper's formula in double precision, and its ways of taking one against each other.
#include "mbrl/nn/adam.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/vector_adam.hpp"
#include "normals.hpp"

namespace mbrl::nn {
namespace {

bool same(const AlignedFloats& a, const AlignedFloats& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// The pass's way forward, and the gradient of a squared error.
void forward(const Network& network, Pass& pass, const Batchf& x, std::uint32_t step) {
  const auto samples = static_cast<int>(x.cols());
  pass.set_input(x);
  pass.forward(network, samples, {.key = {1, 2}, .step = step});
  pass.output_gradients(samples) = pass.outputs(samples) / static_cast<float>(samples);
}

}  // namespace

TEST_CASE("adam: steps are the paper's, with clipping and decay") {
  const RandomStream random(5, Stream::kUser);
  const auto noise = [&](Index rows, Index columns, std::uint32_t id) {
    return testing::normals<Batchf>(random, rows, columns, id);
  };
  Network network(5, 3, {{17}, Activation::kTanh, true}, 7);
  const Network before = network;
  AdamSettings settings;
  settings.learning_rate = 0.01;
  settings.weight_decay = 0.1;
  settings.max_gradient = 0.5;
  Adam adam(network, settings);
  AlignedFloats gradient(network.parameters().size());
  Network shape = network;  // gradients by their plain arrays
  std::vector<Network::Plain> g;
  double square = 0.0;
  for (int l = 0; l < 2; ++l) {
    Network::Plain p = network.layer(l);
    p.weight = noise(p.weight.rows(), p.weight.cols(), 40 + static_cast<std::uint32_t>(l));
    p.bias = noise(p.bias.size(), 1, 50 + static_cast<std::uint32_t>(l));
    p.gain = noise(p.gain.size(), 1, 60 + static_cast<std::uint32_t>(l));
    p.shift = noise(p.shift.size(), 1, 70 + static_cast<std::uint32_t>(l));
    square += static_cast<double>(p.weight.squaredNorm() + p.bias.squaredNorm() + p.gain.squaredNorm() +
                                  p.shift.squaredNorm());
    shape.set_layer(l, p);
    g.push_back(p);
  }
  gradient = shape.parameters();
  const double norm = std::sqrt(square);
  for (int t = 0; t < 3; ++t) CHECK(adam.step(network, gradient) == Approx(norm).epsilon(1e-5));
  const auto expected = [&](double w, double gradient_of_loss, double decay) {
    double m = 0.0, v = 0.0;
    for (int t = 1; t <= 3; ++t) {
      const double d = gradient_of_loss * 0.5 / norm + decay * w;
      m = 0.9 * m + 0.1 * d;
      v = 0.999 * v + 0.001 * d * d;
      w -= 0.01 * (m / (1.0 - std::pow(0.9, t))) / (std::sqrt(v / (1.0 - std::pow(0.999, t))) + 1e-8);
    }
    return w;
  };
  for (int l = 0; l < 2; ++l) {
    const Network::Plain from = before.layer(l), to = network.layer(l);
    const auto& d = g[static_cast<std::size_t>(l)];
    for (Index i = 0; i < from.weight.size(); ++i)
      CHECK(static_cast<double>(to.weight(i)) ==
            Approx(expected(static_cast<double>(from.weight(i)), static_cast<double>(d.weight(i)), 0.1))
                .margin(2e-5));
    for (Index i = 0; i < from.bias.size(); ++i)
      CHECK(static_cast<double>(to.bias(i)) ==
            Approx(expected(static_cast<double>(from.bias(i)), static_cast<double>(d.bias(i)), 0.0))
                .margin(2e-5));
    for (Index i = 0; i < from.gain.size(); ++i)
      CHECK(static_cast<double>(to.gain(i)) ==
            Approx(expected(static_cast<double>(from.gain(i)), static_cast<double>(d.gain(i)), 0.0))
                .margin(2e-5));
  }

  SECTION("padding stays zero") {
    Network padded = network;
    for (int l = 0; l < 2; ++l) padded.set_layer(l, network.layer(l));
    Network empty(5, 3, network.settings(), 1);
    for (std::size_t i = 0; i < empty.parameters().size(); ++i) empty.parameters()[i] = 0.0f;
    for (int l = 0; l < 2; ++l) empty.set_layer(l, network.layer(l));
    CHECK(std::equal(empty.parameters().begin(), empty.parameters().end(), network.parameters().begin()));
  }
  SECTION("a saved optimiser goes on as if it had not been") {
    StateDict dict;
    adam.save(dict, "adam.");
    network.save(dict, "network.");
    Network loaded(5, 3, network.settings(), 99);
    loaded.load(dict, "network.");
    Adam again(loaded, settings);
    again.load(dict, "adam.");
    adam.step(network, gradient);
    again.step(loaded, gradient);
    CHECK(std::equal(loaded.parameters().begin(), loaded.parameters().end(), network.parameters().begin()));
  }
  SECTION("a gradient that is not finite changes nothing") {
    const AlignedFloats kept = network.parameters();
    gradient[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(std::isfinite(adam.step(network, gradient)));
    CHECK(adam.steps() == 3);
    CHECK(std::equal(kept.begin(), kept.end(), network.parameters().begin()));
  }
}

TEST_CASE("adam: back and step in one are the two after each other, bit for bit") {
  const auto check = [](const NetworkSettings& settings, int samples, std::vector<float> decay) {
    Network apart(5, 3, settings, 1), together = apart;
    Pass pass(apart, std::max(samples, 20));
    Adam one(apart, {.learning_rate = 0.01, .weight_decay = 0.02}, decay),
        other(apart, {.learning_rate = 0.01, .weight_decay = 0.02}, std::move(decay));
    AlignedFloats gradient;
    const AlignedFloats start = apart.parameters();
    for (std::uint32_t step = 0; step < 4; ++step) {
      const Batchf x = Batchf::Random(5, samples);
      forward(apart, pass, x, step);
      pass.backward(apart, samples, &gradient);
      one.step(apart, gradient);
      forward(together, pass, x, step);
      other.backward_step(together, pass, samples);
    }
    CHECK_FALSE(same(start, apart.parameters()));
    CHECK(same(apart.parameters(), together.parameters()));
    CHECK(same(one.first(), other.first()));
    CHECK(same(one.second(), other.second()));
    CHECK(other.steps() == 4);
  };
  check({.hidden = {40, 17}, .activation = Activation::kSilu}, 32, {});
  check({.hidden = {40, 17}, .activation = Activation::kTanh}, 33, {0.1f, 0.0f, 0.3f});
  check({.hidden = {16}, .activation = Activation::kRelu}, 100, {0.0f, 0.2f});
  check({.hidden = {20}, .activation = Activation::kElu}, 3, {});
  check({.hidden = {}}, 7, {});
  check({.hidden = {24, 24}, .activation = Activation::kSilu, .dropout = 0.3}, 40, {});
}

TEST_CASE("adam: every layer's weights decay by its own number") {
  const Network start(4, 2, {.hidden = {9}}, 3);
  AlignedFloats gradient(start.parameters().size());
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = 0.01f;
  const auto after = [&](double all, std::vector<float> each) {
    Network network = start;
    Adam(network, {.weight_decay = all}, std::move(each)).step(network, gradient);
    return network;
  };
  const Network none = after(0, {}), much = after(0.5, {}), mixed = after(0, {0.5f, 0.0f}),
                least = after(0.5, {0, 0});
  CHECK((mixed.layer(0).weight - much.layer(0).weight).cwiseAbs().maxCoeff() == 0);
  CHECK((mixed.layer(1).weight - none.layer(1).weight).cwiseAbs().maxCoeff() == 0);
  CHECK((mixed.layer(1).weight - much.layer(1).weight).cwiseAbs().maxCoeff() > 0);
  CHECK((mixed.layer(0).bias - none.layer(0).bias).cwiseAbs().maxCoeff() == 0);
  CHECK(same(least.parameters(), none.parameters()));
}

TEST_CASE("adam: moments that are set go on as those they came from") {
  Network network(3, 2, {.hidden = {8}}, 4);
  AlignedFloats gradient(network.parameters().size());
  std::fill(gradient.begin(), gradient.end(), 0.5f);
  Adam adam(network, {}), again(network, {});
  adam.step(network, gradient);
  again.set_moments(adam.first(), adam.second(), adam.steps());
  Network copy = network;
  adam.step(network, gradient);
  again.step(copy, gradient);
  CHECK(same(network.parameters(), copy.parameters()));
  CHECK_THROWS_AS(again.set_moments(AlignedFloats(3), adam.second(), 1), Error);
  CHECK_THROWS_AS(again.set_moments(adam.first(), AlignedFloats(3), 1), Error);
}

TEST_CASE("adam: steps that need the whole gradient are not taken on the way back") {
  const auto refused = [](const NetworkSettings& settings, double max_gradient) {
    Network network(3, 2, settings, 1);
    Pass pass(network, 4);
    Adam adam(network, {.max_gradient = max_gradient});
    pass.forward(network, 4);
    CHECK_THROWS_AS(adam.backward_step(network, pass, 4), Error);
  };
  refused({.hidden = {8}}, 1);
  refused({.hidden = {8}, .layer_norm = true}, 0);
  refused({.hidden = {8}, .batch_norm = {.on = true}}, 0);
  CHECK_THROWS_AS(Adam(Network(3, 2, {.hidden = {8}}, 1), {}, {0.1f}), Error);
  CHECK_THROWS_AS(Adam(Network(3, 2, {.hidden = {8}}, 1), {}, {0.1f, -0.1f}), Error);
}

TEST_CASE("adam: of a plain vector it is the paper's") {
  const AdamSettings settings{.learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.99};
  VectorAdam adam(5, settings);
  Vecf values = Vecf::Random(5);
  Vecd expected = values.cast<double>(), first = Vecd::Zero(5), second = first;
  for (int t = 1; t <= 50; ++t) {
    const Vecf gradient = Vecf::Random(5);
    adam.step(values, gradient);
    const Vecd g = gradient.cast<double>();
    first = 0.8 * first + 0.2 * g;
    second = 0.99 * second + 0.01 * g.cwiseAbs2();
    expected.array() -= 0.02 * first.array() / (1 - std::pow(0.8, t)) /
                        ((second.array() / (1 - std::pow(0.99, t))).sqrt() + 1e-8);
  }
  CHECK((values.cast<double>() - expected).cwiseAbs().maxCoeff() < 1e-5);
  CHECK(adam.steps == 50);
}

}  // namespace mbrl::nn
