#include "mbrl/nn/hessian_product.hpp"

#include <utility>

#include "mbrl/core/error.hpp"
#include "nn/activation_slopes.hpp"

namespace mbrl::nn {

HessianProduct::HessianProduct(const Network& network, ConstBatchRef<float> x) : shape_(network) {
  require_dim("HessianProduct", "x", x.rows(), network.in());
  require(
      !network.settings().layer_norm && network.settings().dropout == 0 && !network.settings().batch_norm.on,
      "HessianProduct: the network has layer_norm, dropout or batch_norm, expected none of them");
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
    curves_.emplace_back();
    activate(network.settings().activation, z, slopes_[l], &curves_[l]);
    inputs_.push_back(std::move(z));
  }
}

// delta_L = g;  delta_l = f'(z_l) * (W_(l+1)' delta_(l+1)).
std::vector<Batchf> HessianProduct::carry(const Batchf& g) const {
  require_dim("HessianProduct", "g", g.rows(), output_.rows());
  require_dim("HessianProduct", "g's batch", g.cols(), samples());
  std::vector<Batchf> deltas(layers_.size());
  deltas.back() = g;
  for (std::size_t l = layers_.size() - 1; l > 0; --l)
    deltas[l - 1] = slopes_[l - 1].cwiseProduct(layers_[l].weight.transpose() * deltas[l]);
  return deltas;
}

AlignedFloats HessianProduct::backward(const Batchf& g) const {
  const std::vector<Batchf> deltas = carry(g);
  Network out = shape_;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Network::Plain p = layers_[l];
    p.weight.noalias() = deltas[l] * inputs_[l].transpose();
    p.bias = deltas[l].rowwise().sum();
    out.set_layer(static_cast<int>(l), p);
  }
  return out.parameters();
}

Batchf HessianProduct::forward(const AlignedFloats& v) const {
  Batchf moved;  // of the layer's inputs
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Network::Plain d = shape_.plain(v, static_cast<int>(l));
    Batchf z = (d.weight * inputs_[l]).colwise() + d.bias;
    if (l > 0) z.noalias() += layers_[l].weight * moved;
    if (l + 1 < layers_.size()) z = z.cwiseProduct(slopes_[l]);
    moved = std::move(z);
  }
  return moved;
}

AlignedFloats HessianProduct::apply(const AlignedFloats& v,
                                    const std::function<Batchf(const Batchf&)>& change) const {
  require(!deltas_.empty(), "HessianProduct::apply: expected set_output_gradient before it");
  const std::size_t count = layers_.size();
  std::vector<Network::Plain> d;
  std::vector<Batchf> sums(count), moved(count);  // how each layer's sums and inputs move
  for (std::size_t l = 0; l < count; ++l) {
    d.push_back(shape_.plain(v, static_cast<int>(l)));
    sums[l] = (d[l].weight * inputs_[l]).colwise() + d[l].bias;
    if (l > 0) sums[l].noalias() += layers_[l].weight * moved[l];
    if (l + 1 < count) moved[l + 1] = sums[l].cwiseProduct(slopes_[l]);
  }
  Network out = shape_;
  Batchf delta = change(sums.back());  // how the layer's delta moves
  for (std::size_t l = count; l-- > 0;) {
    Network::Plain p = layers_[l];
    p.weight.noalias() = delta * inputs_[l].transpose();
    if (l > 0) p.weight.noalias() += deltas_[l] * moved[l].transpose();
    p.bias = delta.rowwise().sum();
    out.set_layer(static_cast<int>(l), p);
    if (l == 0) break;
    const Batchf back = layers_[l].weight.transpose() * deltas_[l];
    Batchf back_moved = layers_[l].weight.transpose() * delta;
    back_moved.noalias() += d[l].weight.transpose() * deltas_[l];
    delta =
        slopes_[l - 1].cwiseProduct(back_moved) + curves_[l - 1].cwiseProduct(sums[l - 1]).cwiseProduct(back);
  }
  return out.parameters();
}

}  // namespace mbrl::nn
