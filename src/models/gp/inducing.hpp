// Where inducing inputs lie: at the centres of clusters of the inputs. Private to the Gaussian processes.
#pragma once

#include <cstdint>

#include "mbrl/core/types.hpp"

namespace mbrl::gp {

/// Lloyd's k-means (1982) of x (D x n) from m of its columns drawn without replacement: D x m, m at most n. A function of
/// (x, m, seed, round).
Batchd inducing_inputs(const Batchd& x, Index m, std::uint64_t seed, std::uint32_t round);

}  // namespace mbrl::gp
