// exp of whole matrices by the machine's widest vectors. Private to the Gaussian processes.
#pragma once

#include "mbrl/core/types.hpp"

namespace mbrl::gp {

/// x <- exp(x) in place, rows x cols with columns ld apart. Of an entry the same whatever is beside it; NaN stays.
void exponential(double* x, Index rows, Index cols, Index ld);

}  // namespace mbrl::gp
