// Who acts where nothing was learned: chance, or nobody.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/random.hpp"
#include "mbrl/env/environment.hpp"

namespace mbrl::cli {

// `random`: uniform within the bounds, a function of seed, episode and step. `zero`: the action within the
// bounds that is nearest to zero.
class SimplePolicy {
 public:
  // Throws on another name.
  SimplePolicy(const EnvSpec& spec, const std::string& policy, std::uint64_t seed)
      : low_(spec.action_low),
        high_(spec.action_high),
        random_(seed, Stream::kUser),
        zero_(policy == "zero") {
    require(zero_ || policy == "random", "--policy is '", policy, "', expected random or zero");
  }
  Vecd act(int t, std::uint32_t episode = 0) const {
    Vecd action = Vecd::Zero(low_.size()).cwiseMax(low_).cwiseMin(high_);
    for (Index i = 0; i < action.size() && !zero_; ++i)
      action(i) = random_.uniform(low_(i), high_(i), static_cast<std::uint32_t>(t),
                                  static_cast<std::uint32_t>(i), episode);
    return action;
  }

 private:
  Vecd low_, high_;
  RandomStream random_;
  bool zero_;
};

}  // namespace mbrl::cli
