// Gaussian process dynamics at an uncertain input: moments of their targets, exactly, and derivatives of the moments.
#pragma once

#include "mbrl/math/moments/kernel_sums.hpp"
#include "mbrl/models/gp/gp_model.hpp"

namespace mbrl {

/// Of the model's targets over (features, action), without the observations' noise. `uncertain` false: of the posterior's
/// mean alone, as if the model were sure of it. A copy: the model may go. Throws mbrl::Error where nothing was learned.
KernelMoments target_moments(const GpModel& model, bool uncertain = true);

}  // namespace mbrl
