// A learned policy for programs that know nothing of this library: as C source, or as plain arrays.
#pragma once

#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// A header in C99 (and C++) that needs the C library alone. `name` is the function
///   static void name(const float observation[NAME_OBS_DIM], float action[NAME_ACTION_DIM]);
/// which gives the policy's mode; it allocates nothing and keeps no state. Weights are written exactly. `about` goes
/// into the comment at its top. Throws mbrl::Error unless `name` is an identifier of C.
std::string policy_c_header(const MlpPolicy& policy, const std::string& name, const std::string& about);
std::string policy_c_header(const CategoricalPolicy& policy, const std::string& name,
                            const std::string& about);

/// The same as arrays: layers.<k>.weight (out x in, row by row), layers.<k>.bias, with layer normalisation also
/// layers.<k>.gain and layers.<k>.shift of hidden layers; action_mid, action_half, action_low, action_high. Metadata:
/// activation, output, layer_norm, obs_dim, action_dim, layers. Of choices there are the layers alone, whose last
/// outputs are logits, and metadata has choices, too. docs/export.md evaluates them in twenty lines of numpy.
StateDict policy_arrays(const MlpPolicy& policy);
StateDict policy_arrays(const CategoricalPolicy& policy);

}  // namespace mbrl
