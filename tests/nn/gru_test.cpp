// The gated recurrent unit against its equations in double precision, and its gradient through time against differences.
#include "mbrl/nn/gru.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "nn/noise.hpp"

namespace mbrl::nn {
namespace {

using testing::noise;

constexpr int kGruInputs = 3, kGruUnits = 5;

Batchd logistic(const Batchd& u) { return (1 + (-u.array()).exp()).inverse().matrix(); }

// The equations of gru.hpp.
Batchd by_equations(const Gru& gru, const Batchd& x, const Batchd& h) {
  const auto map = [](const Network& network, const Batchd& in) -> Batchd {
    const Network::Plain layer = network.layer(0);
    return (layer.weight.cast<double>() * in).colwise() + layer.bias.cast<double>();
  };
  const Batchd a = map(gru.input(), x), b = map(gru.recurrent(), h);
  const Batchd r = logistic(a.topRows(kGruUnits) + b.topRows(kGruUnits)),
               z = logistic(a.middleRows(kGruUnits, kGruUnits) + b.middleRows(kGruUnits, kGruUnits));
  const Batchd n =
      (a.bottomRows(kGruUnits) + r.cwiseProduct(b.bottomRows(kGruUnits))).array().tanh().matrix();
  return n + z.cwiseProduct(h - n);
}

// A loss of the memories after every step: sum_t w_t . h_t.
struct Sequence {
  std::vector<Batchf> x, weight;
  double loss(const Gru& gru) const {
    Batchd h = Batchd::Zero(kGruUnits, x.front().cols());
    double sum = 0;
    for (std::size_t t = 0; t < x.size(); ++t) {
      h = by_equations(gru, x[t].cast<double>(), h);
      sum += h.cwiseProduct(weight[t].cast<double>()).sum();
    }
    return sum;
  }
};

}  // namespace

TEST_CASE("gru: a step is its equations, whatever stands beside a column") {
  const Gru gru(kGruInputs, kGruUnits, 4);
  for (const int n : {1, 16, 21}) {
    const Batchf x = noise(kGruInputs, n, 1, 2), h = noise(kGruUnits, n, 2, 2);
    GruStep step;
    Batchf memory = h;
    step.forward(gru, x, memory);
    CHECK((memory.cast<double>() - by_equations(gru, x.cast<double>(), h.cast<double>()))
              .cwiseAbs()
              .maxCoeff() < 2e-6);
    Batchf alone = h.rightCols(1);
    GruStep other;
    other.forward(gru, x.rightCols(1), alone);
    CHECK(alone.col(0) == memory.col(n - 1));
    Batchf few = h.leftCols(1);
    step.forward(gru, x.leftCols(1), few);  // in the room of many
    CHECK(few.col(0) == memory.col(0));
  }
}

TEST_CASE("gru: gradients through time are those of differences") {
  Gru gru(kGruInputs, kGruUnits, 4);
  constexpr int kSteps = 6, kSamples = 7;
  Sequence sequence;
  for (int t = 0; t < kSteps; ++t) {
    sequence.x.push_back(noise(kGruInputs, kSamples, 10u + static_cast<std::uint32_t>(t), 2));
    sequence.weight.push_back(noise(kGruUnits, kSamples, 30u + static_cast<std::uint32_t>(t), 2));
  }
  std::vector<GruStep> steps(kSteps);
  Batchf h = Batchf::Zero(kGruUnits, kSamples);
  for (int t = 0; t < kSteps; ++t) {
    const auto k = static_cast<std::size_t>(t);
    steps[k].forward(gru, sequence.x[k], h);
  }
  GruGradient gradient;
  Batchf back = Batchf::Zero(kGruUnits, kSamples);
  for (int t = kSteps - 1; t >= 0; --t) {
    const auto k = static_cast<std::size_t>(t);
    back += sequence.weight[k];
    steps[k].backward(gru, back, gradient);
  }
  double largest = 0;
  for (const bool recurrent : {false, true}) {
    Network& network = recurrent ? gru.recurrent() : gru.input();
    const AlignedFloats& found = recurrent ? gradient.recurrent : gradient.input;
    const Network::Plain of = network.plain(found, 0);
    Network::Plain values = network.layer(0);
    const auto check = [&](float& value, float expected) {
      const float before = value;
      constexpr float kStep = 1e-3f;
      value = before + kStep;
      const double up = static_cast<double>(value);
      network.set_layer(0, values);
      const double above = sequence.loss(gru);
      value = before - kStep;
      const double down = static_cast<double>(value);
      network.set_layer(0, values);
      const double below = sequence.loss(gru);
      value = before;
      network.set_layer(0, values);
      CHECK(static_cast<double>(expected) ==
            Approx((above - below) / (up - down)).epsilon(1e-4).margin(1e-4));
      largest = std::max(largest, std::abs(static_cast<double>(expected)));
    };
    for (Index i = 0; i < values.weight.size(); ++i) check(values.weight.data()[i], of.weight.data()[i]);
    for (Index i = 0; i < values.bias.size(); ++i) check(values.bias(i), of.bias(i));
  }
  CHECK(largest > 1);
}

TEST_CASE("gru: checkpoints, and what does not fit") {
  const Gru gru(kGruInputs, kGruUnits, 4);
  StateDict state;
  gru.save(state, "g.");
  Gru again(kGruInputs, kGruUnits, 5);
  const Batchf x = noise(kGruInputs, 2, 1, 2);
  const auto from = [&](const Gru& g) {
    GruStep step;
    Batchf h = Batchf::Zero(kGruUnits, 2);
    step.forward(g, x, h);
    return h;
  };
  CHECK(from(again) != from(gru));
  again.load(state, "g.");
  CHECK(from(again) == from(gru));
  Gru wider(kGruInputs, kGruUnits + 1, 4);
  CHECK_THROWS_AS(wider.load(state, "g."), Error);
  CHECK_THROWS_WITH(Gru(0, 3, 1), Catch::Contains("in is 0"));
  CHECK_THROWS_WITH(Gru(3, 0, 1), Catch::Contains("units is 0"));
  GruStep step;
  Batchf h = Batchf::Zero(kGruUnits, 3);
  CHECK_THROWS_WITH(step.forward(gru, x, h), Catch::Contains("memory's batch"));
  GruGradient gradient;
  CHECK_THROWS_WITH(step.backward(gru, h, gradient), Catch::Contains("a call of forward"));
}

}  // namespace mbrl::nn
