// Which network of an ensemble a propagation steps a column with.
#pragma once

#include "mbrl/rollout/propagation.hpp"
#include "models/neural/ensemble_sampler.hpp"

namespace mbrl {

inline MemberUse members_of(Propagation how) {
  if (how == Propagation::kTSinf) return MemberUse::kShared;
  return how == Propagation::kTS1 ? MemberUse::kOwn : MemberUse::kAll;
}

}  // namespace mbrl
