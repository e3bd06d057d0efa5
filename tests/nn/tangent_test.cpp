// Forward mode against backward mode, which has its own test against differences: <u, J v> = <J' u, v>.
#include "mbrl/nn/tangent.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "nn/noise.hpp"

namespace mbrl::nn {
namespace {

using testing::noise;

// A block of the network's layout with numbers in every place that counts.
AlignedFloats some_direction(Network shape, std::uint32_t id) {
  for (int l = 0; l < static_cast<int>(shape.layers().size()); ++l) {
    Network::Plain p = shape.layer(l);
    p.weight = noise(p.weight.rows(), p.weight.cols(), id + static_cast<std::uint32_t>(l));
    p.bias = noise(p.bias.size(), 1, id + 10 + static_cast<std::uint32_t>(l));
    shape.set_layer(l, p);
  }
  return shape.parameters();
}

}  // namespace

TEST_CASE("tangent: it is the transpose of the backward pass") {
  for (const Activation f : {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu})
    for (const auto& hidden : {std::vector<int>{}, std::vector<int>{20}, std::vector<int>{33, 18}}) {
      CAPTURE(f, hidden.size());
      const Network network(5, 3, {hidden, f}, 7);
      constexpr int kSamples = 19;
      const Batchf x = noise(5, kSamples, 1), u = noise(3, kSamples, 2);
      const AlignedFloats v = some_direction(network, 40);
      const Tangent tangent(network, x);
      Batchf moved, y(3, kSamples);
      tangent.apply(network, v, moved);
      network.evaluate(x, y);
      CHECK((tangent.output() - y).cwiseAbs().maxCoeff() < 1e-5f);

      Pass pass(network, kSamples);
      pass.set_input(x);
      pass.forward(network, kSamples);
      pass.output_gradients(kSamples) = u;
      AlignedFloats gradient;
      pass.backward(network, kSamples, &gradient);
      double across = 0, size = 0;
      for (std::size_t i = 0; i < v.size(); ++i) {
        across += static_cast<double>(gradient[i]) * static_cast<double>(v[i]);
        size += std::abs(static_cast<double>(gradient[i]) * static_cast<double>(v[i]));
      }
      const double along = u.cast<double>().cwiseProduct(moved.cast<double>()).sum();
      CHECK(std::abs(along - across) < 1e-5 * size);
    }
}

TEST_CASE("tangent: what it cannot do is refused in words") {
  const Network norm(2, 1, {.hidden = {4}, .layer_norm = true}, 1), plain(2, 1, {.hidden = {4}}, 1);
  CHECK(contains(error_of([&] { Tangent(norm, Batchf::Zero(2, 3)); }), "layer_norm"));
  CHECK(contains(error_of([&] { Tangent(plain, Batchf::Zero(3, 3)); }), "x"));
  const Tangent tangent(plain, Batchf::Zero(2, 3));
  Batchf out;
  CHECK(contains(error_of([&] { tangent.apply(plain, AlignedFloats(3), out); }), "block"));
}

}  // namespace mbrl::nn
