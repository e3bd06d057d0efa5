#include "mbrl/policy/gaussian_around.hpp"

#include <cmath>

#include "mbrl/core/error.hpp"

namespace mbrl {

MlpPolicy gaussian_around(const MlpPolicy& policy, const ActionBounds& bounds, double std) {
  MlpPolicySettings settings = policy.settings();
  require(settings.output == PolicyOutput::kTanh, "gaussian_around: the policy's output is ",
          "squashed_gaussian, expected tanh");
  const double low = settings.min_logvar, high = settings.max_logvar, v = 2 * std::log(std);
  require(v > low && v < high, "gaussian_around: std is ", std, ", expected more than ", std::exp(low / 2),
          " and less than ", std::exp(high / 2));
  settings.output = PolicyOutput::kSquashedGaussian;
  MlpPolicy out(policy.obs_dim(), bounds, settings, 0);
  const int last = static_cast<int>(policy.network().layers().size()) - 1;
  for (int l = 0; l < last; ++l) out.network().set_layer(l, policy.network().layer(l));
  nn::Network::Plain head = out.network().layer(last);
  const nn::Network::Plain mean = policy.network().layer(last);
  const Index dims = policy.action_dim();
  head.weight.topRows(dims) = mean.weight;
  head.weight.bottomRows(dims).setZero();
  head.bias.head(dims) = mean.bias;
  // What the bounds of the log-variance (nn/bounded_logvar.hpp) make v of.
  const double capped = low + std::log(std::expm1(v - low));
  head.bias.tail(dims).setConstant(static_cast<float>(high - std::log(std::expm1(high - capped))));
  out.network().set_layer(last, head);
  return out;
}

}  // namespace mbrl
