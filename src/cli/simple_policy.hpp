// Who acts where nothing was learned: chance, or nobody.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/random.hpp"
#include "mbrl/env/environment.hpp"

namespace mbrl::cli {

// `random`: uniform within the bounds (of choices: each as likely), a function of seed, episode and step.
// `zero`: the action within the bounds that is nearest to zero.
class SimplePolicy {
 public:
  // Throws on another name.
  SimplePolicy(const EnvSpec& spec, const std::string& policy, std::uint64_t seed)
      : spec_(spec), random_(seed, Stream::kUser), zero_(policy == "zero") {
    require(zero_ || policy == "random", "--policy is '", policy, "', expected random or zero");
  }
  // An Actor: each beginning is another episode.
  void begin(std::uint64_t /*seed*/) { ++episode_; }
  Vecd act(ConstVecRef<double> /*obs*/, int t) const { return act(t, episode_); }

  Vecd act(int t, std::uint32_t episode) const {
    if (zero_)
      return spec_.executed(
          Vecd::Zero(spec_.action_dim()).cwiseMax(spec_.action_low).cwiseMin(spec_.action_high));
    return spec_.random_action([&](double low, double high, std::uint32_t i) {
      return random_.uniform(low, high, static_cast<std::uint32_t>(t), i, episode);
    });
  }

 private:
  EnvSpec spec_;
  RandomStream random_;
  bool zero_;
  std::uint32_t episode_ = ~0u;  // before the first
};

}  // namespace mbrl::cli
