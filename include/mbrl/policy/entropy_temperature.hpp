// The weight of a policy's entropy beside its rewards, which may follow the entropy that is asked for. Haarnoja et al., "Soft
// actor-critic algorithms and applications", arXiv 1812.05905, section 5.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/scalar_adam.hpp"

namespace mbrl {

/// alpha = e^log_alpha, by steps down log_alpha (entropy - target). From 0 on it stays 0: there is none.
class EntropyTemperature {
 public:
  EntropyTemperature(double temperature, bool tuned, const nn::AdamSettings& adam)
      : there_(temperature > 0),
        tuned_(tuned && there_),
        log_(there_ ? std::log(temperature) : 0.0),
        adam_(adam) {}

  double value() const { return there_ ? std::exp(log_) : 0.0; }
  /// Does nothing unless it is tuned.
  void step(double entropy, double target) {
    if (tuned_) adam_.step(log_, entropy - target);
  }

  void save(StateDict& out, const std::string& prefix) const {
    adam_.save(out, prefix + "temperature_adam.");
    out.put(prefix + "log_temperature", std::vector<double>{log_});
  }
  void load(const StateDict& in, const std::string& prefix) {
    adam_.load(in, prefix + "temperature_adam.");
    log_ = in.get_scalar<double>(prefix + "log_temperature");
  }

 private:
  bool there_, tuned_;
  double log_;
  nn::ScalarAdam adam_;
};

}  // namespace mbrl
