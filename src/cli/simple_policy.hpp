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
  Vecd act(int t, std::uint32_t episode = 0) const {
    Vecd action = Vecd::Zero(spec_.action_dim()).cwiseMax(spec_.action_low).cwiseMin(spec_.action_high);
    const double beyond = spec_.choices > 0 ? 0.5 : 0.0;  // every choice as likely
    for (Index i = 0; i < action.size() && !zero_; ++i)
      action(i) = random_.uniform(spec_.action_low(i) - beyond, spec_.action_high(i) + beyond,
                                  static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i), episode);
    return spec_.executed(action);
  }

 private:
  EnvSpec spec_;
  RandomStream random_;
  bool zero_;
};

}  // namespace mbrl::cli
