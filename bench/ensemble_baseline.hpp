// What the ensemble benchmarks compare with: the same work in LibTorch. The source that includes LibTorch is
// ensemble_torch_bench.cpp alone.
#pragma once

#include <functional>
#include <string>

#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl::bench {

// Version, and whether its matrix products are MKL's: Debian's LibTorch calls whatever libblas is installed,
// which by default is the reference implementation and an unfair opponent.
std::string torch_description();

// A measurement that can be repeated, in turns with another: runs for about `seconds`, returns rows a second.
using RateMeasurement = std::function<double(double seconds)>;

// A LibTorch program on the CPU that does the ensemble's work member by member: blocks of rows that stay in
// cache (the fastest of a few sizes, found here), without autograd, with LibTorch's threads set to `threads`.
RateMeasurement torch_forward(const MlpEnsemble& model, int threads);
// The same with everything a TSinf rollout needs: encoding, log-variance bounds, noise, state update and the
// reward o0' - 0.1 |a|^2, a block at a time through several steps.
RateMeasurement torch_rollout(const MlpEnsemble& model, int threads);

}  // namespace mbrl::bench
