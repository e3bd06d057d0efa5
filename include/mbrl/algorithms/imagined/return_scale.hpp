// The unit of imagined rewards: the deviation of what they add up to.
#pragma once

#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/rollout/imagination.hpp"

namespace mbrl {

/// Of the discounted rewards so far, at every step of every trajectory ever seen.
class ReturnScale {
 public:
  void see(const Trajectories& paths, double discount) {
    std::vector<double> returns;
    for (Index i = 0; i < paths.count(); ++i) {
      double discounted = 0;
      for (Index h = 0; h < paths.length[static_cast<std::size_t>(i)]; ++h) {
        discounted = discount * discounted + static_cast<double>(paths.reward(i, h));
        returns.push_back(discounted);
      }
    }
    statistics_.update(ConstBatchRef<double>(
        Eigen::Map<const Batchd>(returns.data(), 1, static_cast<Index>(returns.size()))));
  }
  float deviation() const { return static_cast<float>(statistics_.scale()(0)); }

  void save(StateDict& out, const std::string& prefix) const { statistics_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { statistics_.load(in, prefix); }

 private:
  Normalizer statistics_{1};
};

}  // namespace mbrl
