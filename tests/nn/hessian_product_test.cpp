// Products with a network's Hessian against differences of its gradient, and the symmetry of what they are products with.
#include "mbrl/nn/hessian_product.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "nn/noise.hpp"

namespace mbrl::nn {
namespace {

using testing::noise;

// A direction: the parameters of another network of the shape.
AlignedFloats direction(const Network& shape, std::uint64_t seed) {
  return Network(shape.in(), shape.out(), shape.settings(), seed).parameters();
}

double dot(const AlignedFloats& a, const AlignedFloats& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// Of the loss sum (y - target)^2 / 2, whose gradient moves as the outputs do.
struct Loss {
  Batchf x, target;
  AlignedFloats gradient(const Network& network) const {
    const HessianProduct at(network, x);
    return at.backward(at.output() - target);
  }
};

}  // namespace

TEST_CASE("hessian product: gradients are those of the backward pass, products those of their differences") {
  for (const Activation f : {Activation::kSilu, Activation::kTanh, Activation::kElu, Activation::kRelu})
    for (const auto& hidden : {std::vector<int>{}, std::vector<int>{20}, std::vector<int>{17, 9}}) {
      CAPTURE(f, hidden.size());
      const Network network(4, 3, {hidden, f}, 7);
      constexpr int kSamples = 23;
      const Loss loss{noise(4, kSamples, 1, 6), noise(3, kSamples, 2, 6)};
      HessianProduct at(network, loss.x);
      const Batchf g = at.output() - loss.target;
      Pass pass(network, kSamples);
      pass.set_input(loss.x);
      pass.forward(network, kSamples);
      pass.output_gradients(kSamples) = g;
      AlignedFloats expected;
      pass.backward(network, kSamples, &expected);
      const AlignedFloats gradient = at.backward(g);
      REQUIRE(gradient.size() == expected.size());
      double error = 0;
      for (std::size_t i = 0; i < gradient.size(); ++i)
        error = std::max(error, std::abs(static_cast<double>(gradient[i] - expected[i])));
      CHECK(error < 1e-5 * std::sqrt(dot(expected, expected)));

      at.set_output_gradient(g);
      const auto same = [](const Batchf& moved) { return moved; };
      const AlignedFloats u = direction(network, 8), v = direction(network, 9), hv = at.apply(v, same);
      const double size = std::sqrt(dot(hv, hv) * dot(u, u));
      CHECK(std::abs(dot(u, hv) - dot(v, at.apply(u, same))) < 1e-5 * size);
      if (f == Activation::kRelu)
        continue;  // its kinks are no second derivatives, but they are in differences
      const double bound = f == Activation::kElu ? 2e-2 : 1e-3;  // whose second derivative jumps
      constexpr float kStep = 0.01f;
      Network plus = network, minus = network;
      for (std::size_t i = 0; i < v.size(); ++i) {
        plus.parameters()[i] += kStep * v[i];
        minus.parameters()[i] -= kStep * v[i];
      }
      const AlignedFloats up = loss.gradient(plus), down = loss.gradient(minus);
      double apart = 0;
      for (std::size_t i = 0; i < v.size(); ++i)
        apart += std::pow(static_cast<double>((up[i] - down[i]) / (2 * kStep) - hv[i]), 2);
      CHECK(std::sqrt(apart / dot(hv, hv)) < bound);
    }
}

TEST_CASE("hessian product: what it cannot do is refused in words") {
  const Network norm(2, 1, {.hidden = {4}, .layer_norm = true}, 1), plain(2, 1, {.hidden = {4}}, 1);
  CHECK(contains(error_of([&] { HessianProduct(norm, Batchf::Zero(2, 3)); }), "layer_norm"));
  CHECK(contains(error_of([&] { HessianProduct(plain, Batchf::Zero(3, 3)); }), "x"));
  const HessianProduct at(plain, Batchf::Zero(2, 3));
  CHECK(contains(error_of([&] { at.backward(Batchf::Zero(2, 3)); }), "g"));
  CHECK(contains(error_of([&] { at.apply(plain.parameters(), [](const Batchf& m) { return m; }); }),
                 "expected set_output_gradient before it"));
}

}  // namespace mbrl::nn
