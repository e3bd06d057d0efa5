// A pass for batches and networks that are not known before: scratch memory of policies.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl::nn {

/// Holds no pass at first. It grows to the largest batch and stays.
class GrowingPass {
 public:
  /// Makes it one for `samples` of this network; whether it had to be made anew.
  bool fit(const Network& network, Index samples) {
    const NetworkSettings& shape = network.settings();
    if (pass_ && samples <= pass_->max_samples() && in_ == network.in() && out_ == network.out() &&
        hidden_ == shape.hidden && layer_norm_ == shape.layer_norm && batch_norm_ == shape.batch_norm.on &&
        dropout_ == (shape.dropout > 0))
      return false;
    in_ = network.in();
    out_ = network.out();
    hidden_ = shape.hidden;
    layer_norm_ = shape.layer_norm;
    batch_norm_ = shape.batch_norm.on;
    dropout_ = shape.dropout > 0;
    pass_ = std::make_unique<Pass>(network, static_cast<int>(std::max<Index>(samples, 1)));
    return true;
  }

  explicit operator bool() const { return pass_ != nullptr; }
  const Pass& operator*() const { return *pass_; }
  Pass* operator->() { return pass_.get(); }
  const Pass* operator->() const { return pass_.get(); }

 private:
  std::unique_ptr<Pass> pass_;
  int in_ = 0, out_ = 0;  // of the network it was made for, as what follows
  std::vector<int> hidden_;
  bool layer_norm_ = false, batch_norm_ = false, dropout_ = false;
};

}  // namespace mbrl::nn
