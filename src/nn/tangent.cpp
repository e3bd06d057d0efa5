#include "mbrl/nn/tangent.hpp"

#include <utility>

#include "mbrl/core/error.hpp"
#include "nn/activation_slopes.hpp"

namespace mbrl::nn {
Tangent::Tangent(const Network& network, ConstBatchRef<float> x) {
  require_dim("Tangent", "x", x.rows(), network.in());
  require(
      !network.settings().layer_norm && network.settings().dropout == 0 && !network.settings().batch_norm.on,
      "Tangent: the network has layer_norm, dropout or batch_norm, expected none of them");
  inputs_.emplace_back(x);
  const std::size_t count = network.layers().size();
  for (std::size_t l = 0; l < count; ++l) {
    layers_.push_back(network.layer(static_cast<int>(l)));
    Batchf z = (layers_[l].weight * inputs_[l]).colwise() + layers_[l].bias;
    if (l + 1 == count) {
      output_ = std::move(z);
      break;
    }
    slopes_.emplace_back();
    activate(network.settings().activation, z, slopes_[l]);
    inputs_.push_back(std::move(z));
  }
}

void Tangent::apply(const Network& network, const AlignedFloats& direction, Batchf& out) const {
  Batchf moved;  // of the layer's inputs
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Network::Plain v = network.plain(direction, static_cast<int>(l));
    Batchf z = (v.weight * inputs_[l]).colwise() + v.bias;
    if (l > 0) z.noalias() += layers_[l].weight * moved;
    if (l + 1 < layers_.size()) z = z.cwiseProduct(slopes_[l]);
    moved = std::move(z);
  }
  out = std::move(moved);
}

}  // namespace mbrl::nn
