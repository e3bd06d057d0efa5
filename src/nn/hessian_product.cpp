#include "mbrl/nn/hessian_product.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl::nn {

// delta_L = g;  delta_l = f'(z_l) * (W_(l+1)' delta_(l+1)).
std::vector<Batchf> HessianProduct::carry(const Batchf& g) const {
  require_dim("HessianProduct", "g", g.rows(), output().rows());
  require_dim("HessianProduct", "g's batch", g.cols(), samples());
  const std::vector<Network::Plain>& layers = record_.layers;
  std::vector<Batchf> deltas(layers.size());
  deltas.back() = g;
  for (std::size_t l = layers.size() - 1; l > 0; --l)
    deltas[l - 1] = record_.slopes[l - 1].cwiseProduct(layers[l].weight.transpose() * deltas[l]);
  return deltas;
}

AlignedFloats HessianProduct::backward(const Batchf& g) const {
  const std::vector<Batchf> deltas = carry(g);
  Network out = shape_;
  for (std::size_t l = 0; l < deltas.size(); ++l) {
    Network::Plain p = record_.layers[l];
    p.weight.noalias() = deltas[l] * record_.inputs[l].transpose();
    p.bias = deltas[l].rowwise().sum();
    out.set_layer(static_cast<int>(l), p);
  }
  return out.parameters();
}

AlignedFloats HessianProduct::apply(const AlignedFloats& v,
                                    const std::function<Batchf(const Batchf&)>& change) const {
  require(!deltas_.empty(), "HessianProduct::apply: expected set_output_gradient before it");
  std::vector<LayerRecord::Move> moves;
  Batchf delta = change(record_.forward(shape_, v, &moves));  // how the layer's delta moves
  Network out = shape_;
  for (std::size_t l = moves.size(); l-- > 0;) {
    const Network::Plain& layer = record_.layers[l];
    Network::Plain p = layer;
    p.weight.noalias() = delta * record_.inputs[l].transpose();
    if (l > 0) p.weight.noalias() += deltas_[l] * moves[l].input.transpose();
    p.bias = delta.rowwise().sum();
    out.set_layer(static_cast<int>(l), p);
    if (l == 0) break;
    const Batchf back = layer.weight.transpose() * deltas_[l];
    Batchf back_moved = layer.weight.transpose() * delta;
    back_moved.noalias() += moves[l].parameters.weight.transpose() * deltas_[l];
    delta = record_.slopes[l - 1].cwiseProduct(back_moved) +
            record_.curves[l - 1].cwiseProduct(moves[l - 1].sum).cwiseProduct(back);
  }
  return out.parameters();
}

}  // namespace mbrl::nn
