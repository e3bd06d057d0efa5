// The members of an ensemble as networks of their own.
#pragma once

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

/// A member of an MlpEnsemble as a network, into one of its shape, and back.
nn::Network network_of(const MlpEnsemble& model, int member);
void set_network(nn::Network& network, const MlpEnsemble& model, int member);
void set_member(MlpEnsemble& model, int member, const nn::Network& network);

/// A block laid out as a network's parameters from a plain array, and back: layer by layer the weight (out x in,
/// column-major, as DenseLayer's), then the bias. For networks without normalisation.
AlignedFloats block_of(const nn::Network& shape, const float* plain);
void copy_block(const nn::Network& shape, const AlignedFloats& block, float* plain);

}  // namespace mbrl
