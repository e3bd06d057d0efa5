#include "mbrl/nn/layer_record.hpp"

#include <utility>

#include "mbrl/core/error.hpp"
#include "nn/activation_slopes.hpp"

namespace mbrl::nn {

LayerRecord::LayerRecord(const char* who, const Network& network, ConstBatchRef<float> x, bool with_curves) {
  require_dim(who, "x", x.rows(), network.in());
  const NetworkSettings& settings = network.settings();
  require(!settings.layer_norm && settings.dropout == 0 && !settings.batch_norm.on, who,
          ": the network has layer_norm, dropout or batch_norm, expected none of them");
  inputs.emplace_back(x);
  const std::size_t count = network.layers().size();
  for (std::size_t l = 0; l < count; ++l) {
    layers.push_back(network.layer(static_cast<int>(l)));
    Batchf z = (layers[l].weight * inputs[l]).colwise() + layers[l].bias;
    if (l + 1 == count) {
      output = std::move(z);
      break;
    }
    slopes.emplace_back();
    if (with_curves) curves.emplace_back();
    activate(settings.activation, z, slopes[l], with_curves ? &curves[l] : nullptr);
    inputs.push_back(std::move(z));
  }
}

Batchf LayerRecord::forward(const Network& network, const AlignedFloats& v, std::vector<Move>* moves) const {
  Batchf moved;  // of the layer's inputs
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Network::Plain d = network.plain(v, static_cast<int>(l));
    Batchf z = (d.weight * inputs[l]).colwise() + d.bias;
    if (l > 0) z.noalias() += layers[l].weight * moved;
    if (moves != nullptr) moves->push_back({std::move(d), std::move(moved), z});
    if (l + 1 < layers.size()) z = z.cwiseProduct(slopes[l]);
    moved = std::move(z);
  }
  return moved;
}

}  // namespace mbrl::nn
