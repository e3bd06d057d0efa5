#include "mbrl/nn/adam.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "nn/network_kernels.hpp"

namespace mbrl::nn {

Adam::Adam(const Network& shape, const AdamSettings& settings, std::vector<float> layer_decay)
    : settings_(settings),
      decay_(std::move(layer_decay)),
      first_(shape.parameters().size()),
      second_(shape.parameters().size()) {
  const auto check = [](const char* name, double value, double low, double high) {
    require(value >= low && value < high, "Adam: ", name, " is ", value, ", expected from ", low,
            " to below ", high);
  };
  const double infinity = std::numeric_limits<double>::infinity();
  check("learning_rate", settings.learning_rate, 0.0, infinity);
  check("beta1", settings.beta1, 0.0, 1.0);
  check("beta2", settings.beta2, 0.0, 1.0);
  check("epsilon", settings.epsilon, 0.0, infinity);
  check("weight_decay", settings.weight_decay, 0.0, infinity);
  check("max_gradient", settings.max_gradient, 0.0, infinity);
  if (decay_.empty()) decay_.assign(shape.layers().size(), static_cast<float>(settings.weight_decay));
  require_dim("Adam", "layer_decay", decay_.size(), shape.layers().size());
  for (const float decay : decay_) check("layer_decay", static_cast<double>(decay), 0.0, infinity);
}

AdamNumbers Adam::next_step() {
  return adam_numbers(settings_.learning_rate, ++steps_, settings_.beta1, settings_.beta2, settings_.epsilon);
}

double Adam::step(Network& network, const AlignedFloats& gradient) {
  require_dim("Adam", "the network's parameters", network.parameters().size(), first_.size());
  require_dim("Adam", "the gradient", gradient.size(), first_.size());
  const double norm = std::sqrt(squared_norm(gradient.data(), gradient.size()));
  if (!std::isfinite(norm)) return norm;
  AdamNumbers numbers = next_step();
  const bool clip = settings_.max_gradient > 0.0 && norm > settings_.max_gradient;
  numbers.scale = clip ? static_cast<float>(settings_.max_gradient / norm) : 1.0f;
  const auto update = [&](std::size_t begin, std::size_t end, float decay) {
    adam_update(network.parameters().data() + begin, first_.data() + begin, second_.data() + begin,
                gradient.data() + begin, end - begin, decay, numbers);
  };
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const Network::Layer& layer = network.layers()[l];
    const std::size_t end = l + 1 < network.layers().size() ? network.layers()[l + 1].weight : first_.size();
    update(layer.weight, layer.bias, decay_[l]);
    update(layer.bias, end, 0.0f);
  }
  return norm;
}

void Adam::backward_step(Network& network, Pass& pass, int samples) {
  require_dim("Adam", "the network's parameters", network.parameters().size(), first_.size());
  const NetworkSettings& shape = network.settings();
  require(settings_.max_gradient == 0.0 && !shape.layer_norm && !shape.batch_norm.on,
          "Adam::backward_step: expected a network without normalisation, and no max_gradient");
  pass.backward(
      network, samples,
      AdamSteps{network.parameters().data(), first_.data(), second_.data(), decay_.data(), next_step()});
}

void Adam::set_moments(AlignedFloats first, AlignedFloats second, std::int64_t steps) {
  require_dim("Adam::set_moments", "first", first.size(), first_.size());
  require_dim("Adam::set_moments", "second", second.size(), second_.size());
  first_ = std::move(first);
  second_ = std::move(second);
  steps_ = steps;
}

void Adam::save(StateDict& out, const std::string& prefix) const {
  out.put(prefix + "first", first_.data(), {static_cast<std::int64_t>(first_.size())});
  out.put(prefix + "second", second_.data(), {static_cast<std::int64_t>(second_.size())});
  out.put_scalar(prefix + "steps", steps_);
}

void Adam::load(const StateDict& in, const std::string& prefix) {
  const std::vector<float> first = in.get<float>(prefix + "first"), second = in.get<float>(prefix + "second");
  const auto steps = in.get_scalar<std::int64_t>(prefix + "steps");
  require(first.size() == first_.size() && second.size() == second_.size(), "checkpoint: '", prefix,
          "first' and 'second' hold ", first.size(), " and ", second.size(), " numbers, expected ",
          first_.size());
  require(steps >= 0, "checkpoint: '", prefix, "steps' is ", steps, ", expected at least 0");
  std::copy(first.begin(), first.end(), first_.begin());
  std::copy(second.begin(), second.end(), second_.begin());
  steps_ = steps;
}

void move_towards(Network& target, const Network& source, double share) {
  require(target.in() == source.in() && target.out() == source.out() &&
              target.settings().hidden == source.settings().hidden &&
              target.settings().layer_norm == source.settings().layer_norm &&
              !target.settings().batch_norm.on && !source.settings().batch_norm.on,
          "move_towards: the networks are of different shapes");
  require(share >= 0.0 && share <= 1.0, "move_towards: share is ", share, ", expected from 0 to 1");
  move_towards(target.parameters().data(), source.parameters().data(), source.parameters().size(),
               static_cast<float>(share));
}

}  // namespace mbrl::nn
