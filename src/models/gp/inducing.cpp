#include "models/gp/inducing.hpp"

#include <vector>

#include "mbrl/core/random.hpp"
#include "models/gp/factor.hpp"

namespace mbrl::gp {

Batchd inducing_inputs(const Batchd& x, Index m, std::uint64_t seed, std::uint32_t round) {
  constexpr int kIterations = 10;
  const auto n = static_cast<std::uint32_t>(x.cols());
  std::vector<std::uint32_t> order(n);
  RandomStream(seed, Stream::kStarts).permutation(order.data(), n, round);
  Batchd centres(x.rows(), m);
  for (Index i = 0; i < m; ++i) centres.col(i) = x.col(order[static_cast<std::size_t>(i)]);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    // |x - c|^2 less |x|^2, which does not matter.
    Batchd distance = -2.0 * product(centres.transpose(), x);
    distance.colwise() += centres.colwise().squaredNorm().transpose();
    Batchd sum = Batchd::Zero(x.rows(), m);
    Vecd count = Vecd::Zero(m);
    for (Index i = 0; i < x.cols(); ++i) {
      Index nearest = 0;
      distance.col(i).minCoeff(&nearest);
      sum.col(nearest) += x.col(i);
      count[nearest] += 1.0;
    }
    for (Index i = 0; i < m; ++i)
      if (count[i] > 0.0) centres.col(i) = sum.col(i) / count[i];
  }
  return centres;
}

}  // namespace mbrl::gp
