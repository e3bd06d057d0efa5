// What a latent model minimises, and its gradient. Private to the Gaussian processes.
#pragma once

#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/models/gp/gaussian_process.hpp"

namespace mbrl::gp {

/// Negative log posterior of [latent (q x n); mapping; dynamics], packed one after the other, the last of size q + 2 or 0.
class LatentObjective {
 public:
  /// observations: p x n, centred; lengths: of the sequences, empty: no dynamics.
  LatentObjective(const Batchd& observations, int latent_dim, const std::vector<int>& lengths);

  Index size() const;
  Batchd latent(const Vecd& packed) const;
  GpHyperparameters mapping(const Vecd& packed) const;
  GpHyperparameters dynamics(const Vecd& packed) const;
  /// Columns of the points that have a successor, which is the next column.
  const std::vector<Index>& before() const { return before_; }

  double operator()(const Vecd& packed, Vecd& gradient) const;

 private:
  const Batchd* observations_;
  Index q_, n_;
  std::vector<Index> before_, first_;
};

}  // namespace mbrl::gp
