#include "mbrl/algorithms/imagined/svg.hpp"

#include "algorithms/imagined/dhmbpo_description.hpp"

namespace mbrl {

DhmbpoSettings svg_settings() {
  DhmbpoSettings s;
  s.distribution_horizon = 0;
  return s;
}

DhmbpoSettings bptt_settings() {
  DhmbpoSettings s = svg_settings();
  s.critic_updates = 0;
  s.learner.critics = 0;
  s.learner.temperature = 0;
  s.learner.horizon = 30;
  s.learner.adam.max_gradient = 10;
  return s;
}

void register_svg(AlgorithmRegistry& registry) {
  DhmbpoSettings quick = svg_settings(), quick_bptt = bptt_settings();
  quicken(quick);
  quicken(quick_bptt);
  quick_bptt.learner.critics = 0;
  register_value_gradient(
      registry, "svg",
      "SVG(H) (Heess et al. 2015, Amos et al. 2021): the gradient of a learned model, and critics behind it.",
      svg_settings(), quick,
      {{"bptt", "no critics: backpropagation through 30 steps", bptt_settings()},
       {"quick-bptt", "the same with small networks and 3,000 steps", quick_bptt}});
}

}  // namespace mbrl
