// SVG(H): a policy climbs the gradient of a learned model over H steps from replayed states, and of critics behind
// them. Heess et al., "Learning continuous control policies by stochastic value gradients", NeurIPS 2015; with entropy
// and an ensemble Amos et al., "On the model-based stochastic value gradient for continuous reinforcement learning",
// L4DC 2021. Without critics it is backpropagation through time, SVG(inf) where the horizon is the episode's.
#pragma once

#include "mbrl/algorithms/imagined/dhmbpo.hpp"
#include "mbrl/algorithms/registry.hpp"

namespace mbrl {

/// DHMBPO's, with updates that begin at replayed states.
DhmbpoSettings svg_settings();
/// Without critics and entropy, over 30 steps, gradients clipped to norm 10.
DhmbpoSettings bptt_settings();

/// Registers it as "svg", with the preset "bptt".
void register_svg(AlgorithmRegistry& registry);

}  // namespace mbrl
