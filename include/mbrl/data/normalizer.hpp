// Mean and standard deviation of each dimension, over everything seen so far or over one batch.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// Sums are kept in double and merged batch by batch (Chan, Golub, LeVeque, "Updating formulae and a pairwise
/// algorithm for computing sample variances", 1979), so that many small updates agree with one large one. A
/// dimension whose standard deviation is below the floor counts as constant and is only centred (its scale is
/// 1): dividing by next to nothing would turn rounding into signal.
class Normalizer {
 public:
  explicit Normalizer(int dim, double floor = 1e-8);

  /// batch: dim x n. Throws mbrl::Error for another dimension or numbers that are not finite.
  void update(ConstBatchRef<float> batch);
  void update(ConstBatchRef<double> batch);
  /// Forgets what was seen before.
  void fit(ConstBatchRef<float> batch);
  void fit(ConstBatchRef<double> batch);
  void clear();

  int dim() const { return static_cast<int>(mean_.size()); }
  std::uint64_t count() const { return count_; }
  const Vecd& mean() const { return mean_; }
  Vecd std() const;    // population standard deviation (divided by n); 0 before the first sample
  Vecd scale() const;  // what `normalize` divides by: std, or 1 where it is below the floor

  /// (x - mean) / scale and back; in and out dim x n, may be the same memory.
  void normalize(ConstBatchRef<float> in, BatchRef<float> out) const;
  void denormalize(ConstBatchRef<float> in, BatchRef<float> out) const;

  /// Throws mbrl::Error for another dimension or statistics that cannot be.
  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  double floor_;
  std::uint64_t count_ = 0;
  Vecd mean_, sum_of_squares_;  // squared deviations from the mean
};

}  // namespace mbrl
