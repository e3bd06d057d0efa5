#include "mbrl/models/neural/member_network.hpp"

#include <algorithm>

#include "nn/weight_runs.hpp"

namespace mbrl {
namespace {

using Layer = nn::Network::Layer;

void into_block(const Layer& layer, const float* weight, const float* bias, AlignedFloats& block) {
  nn::for_each_run(layer, [&](std::size_t to, std::size_t from, int count) {
    std::copy_n(weight + from, count, block.data() + to);
  });
  std::copy_n(bias, layer.out, block.data() + layer.bias);
}

void out_of_block(const Layer& layer, const AlignedFloats& block, float* weight, float* bias) {
  nn::for_each_run(layer, [&](std::size_t from, std::size_t to, int count) {
    std::copy_n(block.data() + from, count, weight + to);
  });
  std::copy_n(block.data() + layer.bias, layer.out, bias);
}

}  // namespace

nn::Network network_of(const MlpEnsemble& model, int member) {
  nn::Network network(model.input_dim(), model.output_dim(),
                      {.hidden = model.settings.hidden, .activation = model.settings.activation}, 0);
  set_network(network, model, member);
  return network;
}

void set_network(nn::Network& network, const MlpEnsemble& model, int member) {
  const std::vector<DenseLayer>& layers = model.members.at(static_cast<std::size_t>(member));
  for (std::size_t l = 0; l < layers.size(); ++l)
    into_block(network.layers()[l], layers[l].weight.data(), layers[l].bias.data(), network.parameters());
}

void set_member(MlpEnsemble& model, int member, const nn::Network& network) {
  std::vector<DenseLayer>& layers = model.members.at(static_cast<std::size_t>(member));
  for (std::size_t l = 0; l < layers.size(); ++l)
    out_of_block(network.layers()[l], network.parameters(), layers[l].weight.data(), layers[l].bias.data());
}

AlignedFloats block_of(const nn::Network& shape, const float* plain) {
  AlignedFloats block(shape.parameters().size());
  for (const Layer& layer : shape.layers()) {
    const float* bias = plain + layer.in * layer.out;
    into_block(layer, plain, bias, block);
    plain = bias + layer.out;
  }
  return block;
}

void copy_block(const nn::Network& shape, const AlignedFloats& block, float* plain) {
  for (const Layer& layer : shape.layers()) {
    float* bias = plain + layer.in * layer.out;
    out_of_block(layer, block, plain, bias);
    plain = bias + layer.out;
  }
}

}  // namespace mbrl
