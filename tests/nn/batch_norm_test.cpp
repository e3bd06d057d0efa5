// Batch renormalisation against a forward pass written down in double precision: outputs, gradients by its differences,
// running moments, and the equivalent network without it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/network.hpp"
#include "nn/noise.hpp"

namespace mbrl::nn {
namespace {

using testing::noise;

constexpr int kIn = 5, kOut = 3, kSamples = 21;

struct NormalisedLayer {
  Batchd weight;
  Vecd bias, gain, shift;  // those of batch_norm
  Vecd r, d;               // held in differences
  Vecd mean, variance;     // of the batch, or the running ones
};

std::vector<NormalisedLayer> normalised_oracle_of(const Network& network) {
  std::vector<NormalisedLayer> layers;
  for (int l = 0; l < static_cast<int>(network.layers().size()); ++l) {
    const Network::Plain p = network.layer(l);
    const Network::Layer& layer = network.layers()[static_cast<std::size_t>(l)];
    const float* running = network.moments().data() + layer.moments;
    const Eigen::Map<const Vecf> mean(running, layer.in),
        variance(running + (layer.in + 15) / 16 * 16, layer.in);
    layers.push_back({p.weight.cast<double>(), p.bias.cast<double>(), p.batch_gain.cast<double>(),
                      p.batch_shift.cast<double>(), Vecd::Ones(layer.in), Vecd::Zero(layer.in),
                      mean.cast<double>(), variance.cast<double>()});
  }
  return layers;
}

enum class Mode { kRunning, kBatch, kRenormalised, kHeld };

// What layers read is normalised; `layers` gets r and d where they are to be found, and the batch's moments.
Batchd forward(std::vector<NormalisedLayer>& layers, const NetworkSettings& s, Batchd x, Mode mode) {
  const double eps = s.batch_norm.epsilon;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    NormalisedLayer& o = layers[l];
    for (Index i = 0; i < x.rows(); ++i) {
      double m = o.mean(i), v = o.variance(i);
      if (mode != Mode::kRunning) {
        m = x.row(i).mean();
        v = (x.row(i).array() - m).square().mean();
        if (mode == Mode::kRenormalised) {
          const double sd = std::sqrt(o.variance(i) + eps);
          o.r(i) = std::clamp(std::sqrt(v + eps) / sd, 1 / s.batch_norm.max_scale, s.batch_norm.max_scale);
          o.d(i) = std::clamp((m - o.mean(i)) / sd, -s.batch_norm.max_shift, s.batch_norm.max_shift);
        }
      }
      x.row(i) =
          (o.gain(i) * (o.r(i) * (x.row(i).array() - m) / std::sqrt(v + eps) + o.d(i)) + o.shift(i)).matrix();
      if (mode == Mode::kBatch || mode == Mode::kRenormalised) {
        o.mean(i) = m;
        o.variance(i) = v;
      }
    }
    x = ((o.weight * x).colwise() + o.bias).eval();
    if (l + 1 < layers.size()) x = x.array().tanh().matrix();
  }
  return x;
}

// Everything away from its first value; it has followed one batch, with means and deviations far enough from those of
// the next that r and d differ and some are at their bounds.
Network some_network(std::int64_t warm_up) {
  NetworkSettings settings{.hidden = {20, 33}, .activation = Activation::kTanh};
  settings.batch_norm = {.on = true, .momentum = 0.5, .max_scale = 1.2, .max_shift = 0.4, .warm_up = warm_up};
  Network network(kIn, kOut, settings, 7);
  for (int l = 0; l < 3; ++l) {
    Network::Plain p = network.layer(l);
    const auto id = static_cast<std::uint32_t>(l);
    p.batch_gain += 0.3f * noise(p.batch_gain.size(), 1, 20 + id);
    p.batch_shift += 0.3f * noise(p.batch_shift.size(), 1, 30 + id);
    network.set_layer(l, p);
  }
  Pass pass(network, 64);
  pass.set_input((1.5f * noise(kIn, 64, 9)).array() + 0.4f);
  pass.forward_in_batch(network, 64);
  network.follow(pass);
  return network;
}

}  // namespace

TEST_CASE(
    "batch norm: outputs and gradients are those of the equations, in the batch and in running moments") {
  for (const Mode mode : {Mode::kRunning, Mode::kBatch, Mode::kRenormalised}) {
    CAPTURE(static_cast<int>(mode));
    const Network network = some_network(mode == Mode::kBatch ? 10 : 1);
    const Batchf x = noise(kIn, kSamples, 2), weights = noise(kOut, kSamples, 3);
    Pass pass(network, 40);
    for (int r = 0; r < kIn; ++r) std::fill_n(pass.input() + r * pass.stride(), pass.stride(), 1e6f);
    pass.set_input(x);
    if (mode == Mode::kRunning)
      pass.forward(network, kSamples);
    else
      pass.forward_in_batch(network, kSamples);
    for (int r = 0; r < kOut; ++r)
      for (int b = 0; b < pass.stride(); ++b)
        pass.output_gradient()[r * pass.stride() + b] = b < kSamples ? weights(r, b) : 1e6f;
    AlignedFloats gradient;
    Batchf y(kOut, kSamples);
    pass.get_output(y);
    pass.backward(network, kSamples, &gradient, true);

    std::vector<NormalisedLayer> layers = normalised_oracle_of(network);
    const Batchd xd = x.cast<double>(), wd = weights.cast<double>();
    CHECK((y.cast<double>() - forward(layers, network.settings(), xd, mode)).cwiseAbs().maxCoeff() < 1e-5);
    if (mode == Mode::kRenormalised) {
      double at_bound = 0, all = 0;
      for (const NormalisedLayer& o : layers) {
        at_bound += (o.r.array() == 1.2 || o.r.array() == 1 / 1.2).cast<double>().sum() +
                    (o.d.array().abs() == 0.4).cast<double>().sum();
        all += static_cast<double>(o.r.size() + o.d.size());
      }
      CHECK(at_bound > 3);
      CHECK(at_bound < all - 3);
    }
    const Mode held = mode == Mode::kRunning ? Mode::kRunning : Mode::kHeld;
    const auto loss = [&](const Batchd& at) {
      return forward(layers, network.settings(), at, held).cwiseProduct(wd).sum();
    };
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
      const double near = 2e-4 * (1.0 + g.weight.cast<double>().cwiseAbs().maxCoeff());
      for (Index i = 0; i < g.weight.cols(); i += 3)
        for (Index o = 0; o < g.weight.rows(); o += 2)
          CHECK(std::abs(difference(layers[l].weight(o, i), xd) - static_cast<double>(g.weight(o, i))) <
                near);
      for (Index i = 0; i < g.batch_gain.size(); ++i) {
        CHECK(std::abs(difference(layers[l].gain(i), xd) - static_cast<double>(g.batch_gain(i))) < near);
        CHECK(std::abs(difference(layers[l].shift(i), xd) - static_cast<double>(g.batch_shift(i))) < near);
      }
    }
    Batchd moved = xd;
    for (Index b = 0; b < kSamples; b += 4)
      for (Index r = 0; r < kIn; ++r)
        CHECK(std::abs(difference(moved(r, b), moved) -
                       static_cast<double>(pass.input_gradient()[r * pass.stride() + b])) < 2e-3);

    // Gradients of inputs alone are the same, and so are parameters' alone.
    Pass other(network, 40);
    AlignedFloats alone;
    for (const bool of_inputs : {true, false}) {
      other.set_input(x);
      if (mode == Mode::kRunning)
        other.forward(network, kSamples);
      else
        other.forward_in_batch(network, kSamples);
      other.output_gradients(kSamples) = weights;
      other.backward(network, kSamples, of_inputs ? nullptr : &alone, of_inputs);
    }
    CHECK(other.input_gradients(kSamples) == pass.input_gradients(kSamples));
    CHECK(std::equal(alone.begin(), alone.end(), gradient.begin()));
  }
}

TEST_CASE("batch norm: running moments follow batches, and a batch that is not finite does not count") {
  NetworkSettings settings{.hidden = {7}};
  settings.batch_norm = {.on = true, .momentum = 0.9};
  Network network(2, 1, settings, 3);
  Pass pass(network, 50);
  Vecd mean = Vecd::Zero(2), variance = Vecd::Ones(2);
  for (std::uint32_t k = 0; k < 5; ++k) {
    const Batchf x = (2.0f * noise(2, 50, k)).array() + 3.0f;
    pass.set_input(x);
    pass.forward_in_batch(network, 50);
    network.follow(pass);
    const Batchd xd = x.cast<double>();
    const Vecd m = xd.rowwise().mean();
    mean = 0.9 * mean + 0.1 * m;
    variance = 0.9 * variance + 0.1 * (xd.colwise() - m).array().square().rowwise().mean().matrix();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(static_cast<double>(network.moments()[i]) == Approx(mean(static_cast<Index>(i))).epsilon(1e-5));
    CHECK(static_cast<double>(network.moments()[16 + i]) ==
          Approx(variance(static_cast<Index>(i))).epsilon(1e-5));
  }
  CHECK(network.followed() == 5);
  const AlignedFloats kept = network.moments();
  pass.set_input(Batchf::Constant(2, 50, std::nanf("")));
  pass.forward_in_batch(network, 50);
  network.follow(pass);
  CHECK(network.followed() == 5);
  CHECK(std::equal(kept.begin(), kept.end(), network.moments().begin()));
}

TEST_CASE("batch norm: weights alone do the same, and saved it goes on as if it had not been") {
  const Network network = some_network(1), plain = network.without_batch_norm();
  CHECK(plain.moments().size() == 0);
  CHECK(network.parameter_count() == plain.parameter_count() + 2 * (5 + 20 + 33));
  const Batchf x = noise(kIn, 300, 4);
  Batchf y(kOut, 300), same(kOut, 300), one(kOut, 1);
  network.evaluate(x, y);
  plain.evaluate(x, same);
  CHECK((y - same).cwiseAbs().maxCoeff() < 2e-5f);
  for (Index b = 0; b < 20; ++b) {  // company does not matter
    network.evaluate(x.col(b), one);
    CHECK(one.col(0) == y.col(b));
  }
  StateDict dict;
  network.save(dict, "n.");
  Network loaded(kIn, kOut, network.settings(), 99);
  loaded.load(dict, "n.");
  CHECK(loaded.followed() == 1);
  loaded.evaluate(x, same);
  CHECK(same == y);
  Network without(kIn, kOut, {.hidden = {20, 33}}, 1);
  StateDict dict_without;
  without.save(dict_without, "n.");
  CHECK_THROWS_WITH(loaded.load(dict_without, "n."), Catch::Contains("batch_gain"));
  CHECK_THROWS_WITH(move_towards(loaded, network, 0.1), Catch::Contains("different shapes"));
  Pass narrow(without, 4);
  CHECK_THROWS_WITH(narrow.forward(network, 4), Catch::Contains("another shape"));
  NetworkSettings wrong;
  wrong.batch_norm = {.on = true, .momentum = 1};
  CHECK_THROWS_WITH(Network(1, 1, wrong, 1), Catch::Contains("momentum is 1"));
}

}  // namespace mbrl::nn
