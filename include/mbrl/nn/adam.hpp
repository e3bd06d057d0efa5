// Adam on a network's parameters, from gradients that anyone may have computed. Kingma and Ba, "Adam: a
// method for stochastic optimization", ICLR 2015, algorithm 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

struct AdamSettings {
  double learning_rate = 3e-4;
  double beta1 = 0.9, beta2 = 0.999;  // decay of the first and second moment
  double epsilon = 1e-8;
  double weight_decay = 0.0;  // lambda of lambda/2 |W|^2, added to the gradient of weights (not of biases)
  double max_gradient = 0.0;  // the gradient's norm is clipped to it; 0: never

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("learning_rate", s.learning_rate, "step size");
    field("beta1", s.beta1, "decay of the gradient's mean");
    field("beta2", s.beta2, "decay of the gradient's square");
    field("epsilon", s.epsilon, "keeps the step finite where gradients vanish");
    field("weight_decay", s.weight_decay, "L2 weight of the layers' weights");
    field("max_gradient", s.max_gradient,
          "largest norm of a gradient, beyond which it is scaled down; 0: any");
  }
};

struct AdamNumbers;

class Adam {
 public:
  /// `layer_decay`, one number a layer, stands in for settings.weight_decay unless it is empty. Throws mbrl::Error for
  /// settings that make no sense.
  Adam(const Network& shape, const AdamSettings& settings, std::vector<float> layer_decay = {});

  /// One step down `gradient` (a block like the parameters). Returns the gradient's norm before clipping;
  /// where that is not finite nothing is changed.
  double step(Network& network, const AlignedFloats& gradient);

  /// pass.backward and step in one, to the last bit the same, where nobody else needs the gradient: that of a weight goes
  /// from a register into its step. What it saves is the way through memory, which counts where batches are small. It
  /// does not notice a gradient that is not finite. Throws mbrl::Error with max_gradient and for a network with
  /// normalisation, which need the gradient as a whole.
  void backward_step(Network& network, Pass& pass, int samples);

  const AdamSettings& settings() const { return settings_; }
  std::int64_t steps() const { return steps_; }

  /// Running means of the gradient and of its square, laid out as the parameters.
  const AlignedFloats& first() const { return first_; }
  const AlignedFloats& second() const { return second_; }
  /// Throws mbrl::Error unless they are of this shape.
  void set_moments(AlignedFloats first, AlignedFloats second, std::int64_t steps);

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the moments are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  AdamNumbers next_step();

  AdamSettings settings_;
  std::vector<float> decay_;  // of each layer's weights
  AlignedFloats first_, second_;
  std::int64_t steps_ = 0;
};

/// target <- target + share (source - target), parameter by parameter: Polyak averaging of target networks.
/// Throws mbrl::Error for networks of different shapes.
void move_towards(Network& target, const Network& source, double share);

}  // namespace mbrl::nn
