// A network whose parameters are independent Gaussians, and one differentiable pass through it. Blundell, Cornebise,
// Kavukcuoglu, Wierstra, "Weight uncertainty in neural networks", ICML 2015; with noise of layers in place of noise of
// weights: Kingma, Salimans, Welling, "Variational dropout and the local reparameterization trick", NeurIPS 2015.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// q(w) = N(mu, sigma^2) with sigma = log(1 + e^rho), and the prior p(w) = N(0, s^2): s is prior_deviation for biases and
/// that over the root of the layer's inputs for weights, so that functions of wide networks have a limit (Neal 1996).
class VariationalNetwork {
 public:
  /// mu as a Network starts, sigma a share of s. Throws mbrl::Error for layer_norm, dropout and batch_norm, and unless both
  /// numbers are more than 0.
  VariationalNetwork(int in, int out, const NetworkSettings& settings, double prior_deviation,
                     double initial_share, std::uint64_t seed);

  /// Blocks of one layout, that of a Network.
  Network& mean() { return mean_; }
  const Network& mean() const { return mean_; }
  Network& rho() { return rho_; }
  const Network& rho() const { return rho_; }

  /// KL(q || p) = sum log(s / sigma) + (sigma^2 + mu^2) / (2 s^2) - 1/2.
  double kl() const;
  /// Adds weight * its gradient to both blocks.
  void add_kl_gradient(double weight, AlignedFloats& mean, AlignedFloats& rho) const;
  /// -log p(mu) but for a constant, and its gradient: what remains of it for a point.
  double penalty() const;
  void add_penalty_gradient(double weight, AlignedFloats& mean) const;

  /// The network of weights mu + sigma e, where e is a function of (noise, index) and of where a weight stands.
  Network sample(const RandomStream& noise, std::uint32_t index) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape and finite; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  Network mean_, rho_;
  double prior_deviation_;
};

/// A layer maps x to z ~ N(M x + m, S x^2 + s) with the means M, m and variances S, s of its weights and biases: what z is
/// over draws of them, each sample with its own. So gradients of sums over samples vary less than with a draw for all.
class VariationalPass {
 public:
  /// f(x), out x n, for x in x n. Layer l's noise of sample j is counter_normals of (noise.key(), {step, l, j}).
  const Batchf& forward(const VariationalNetwork& q, ConstBatchRef<float> x, const RandomStream& noise,
                        std::uint32_t step);
  /// After forward: gradients of a loss from that with respect to f(x), out x n, into blocks (resized to the
  /// parameters').
  void backward(const VariationalNetwork& q, ConstBatchRef<float> output_gradient, AlignedFloats& mean,
                AlignedFloats& rho);

 private:
  struct Layer {
    Network::Plain mean, rho, variance;
    Batchf input, slope, deviation, noise;  // deviation: of z
  };
  std::vector<Layer> layers_;
  Batchf output_;
};

}  // namespace mbrl::nn
