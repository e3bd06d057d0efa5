#include "mbrl/policy/categorical_policy.hpp"

#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

void mark_what_is_not_finite(const ConstBatchRef<float>& obs, BatchRef<float>& action) {
  for (Index j = 0; j < obs.cols(); ++j)
    if (!obs.col(j).allFinite()) action(0, j) = std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

CategoricalPolicy::CategoricalPolicy(int obs_dim, const ActionBounds& bounds,
                                     const nn::NetworkSettings& network, std::uint64_t seed,
                                     std::uint32_t index)
    : head_(1) {
  require(bounds.choices > 0 && bounds.dim() == 1, "CategoricalPolicy: an action has ", bounds.dim(),
          bounds.choices > 0 ? " choices" : " real numbers", ", expected one choice");
  bounds.validate<float>("CategoricalPolicy", 1);
  network_ = nn::Network(obs_dim, bounds.choices, network, seed, index);
  head_ = nn::Categorical<float>(bounds.choices);
}

int CategoricalPolicy::choice(const char* where, float action) const {
  for (int k = 0; k < choices(); ++k)
    if (action == static_cast<float>(k)) return k;
  fail(where, ": the action is ", action, ", expected a choice of 0 to ", choices() - 1);
}

nn::ConstRowMap<float> CategoricalPolicy::logits(const char* where, const ConstBatchRef<float>& obs,
                                                 Index action_rows, Index action_cols, Workspace& w) const {
  require_dim(where, "obs", obs.rows(), obs_dim());
  require_dim(where, "action", action_rows, 1);
  require_dim(where, "action's batch", action_cols, obs.cols());
  const auto n = static_cast<int>(obs.cols());
  w.pass.fit(network_, n);
  w.pass->set_input(obs);
  w.pass->forward(network_, n);
  w.given = false;
  return w.pass->outputs(n);
}

void CategoricalPolicy::act(ConstBatchRef<float> obs, BatchRef<float>, const PolicyKey& key,
                            BatchRef<float> action, Workspace& w) const {
  const nn::ConstRowMap<float> z = logits("CategoricalPolicy::act", obs, action.rows(), action.cols(), w);
  const Index n = obs.cols();
  w.noise.resize(1, n);
  w.choice.resize(n);
  w.log_prob.resize(n);
  for (Index j = 0; j < n; ++j)
    w.noise(0, j) = static_cast<float>(philox4x32({key.id(j), 0, key.step, 0}, key.key)[0] >> 8) * 0x1p-24f;
  head_.sample(z, w.noise, w.choice, w.log_prob);
  action.row(0) = w.choice.cast<float>().transpose();
  mark_what_is_not_finite(obs, action);
}

void CategoricalPolicy::mode(ConstBatchRef<float> obs, BatchRef<float>, BatchRef<float> action,
                             Workspace& w) const {
  const nn::ConstRowMap<float> z = logits("CategoricalPolicy::mode", obs, action.rows(), action.cols(), w);
  for (Index j = 0; j < obs.cols(); ++j) {
    Index best = 0;
    for (Index k = 1; k < z.rows(); ++k)
      if (z(k, j) > z(best, j)) best = k;
    action(0, j) = static_cast<float>(best);
  }
  mark_what_is_not_finite(obs, action);
}

void CategoricalPolicy::log_probability(ConstBatchRef<float> obs, BatchRef<float>,
                                        ConstBatchRef<float> action, VecRef<float> out, Workspace& w) const {
  constexpr const char* kWhere = "CategoricalPolicy::log_probability";
  const nn::ConstRowMap<float> z = logits(kWhere, obs, action.rows(), action.cols(), w);
  require_dim(kWhere, "out", out.size(), obs.cols());
  w.choice.resize(obs.cols());
  for (Index j = 0; j < obs.cols(); ++j) w.choice(j) = choice(kWhere, action(0, j));
  head_.log_prob(z, w.choice, out);
  w.given = true;
}

void CategoricalPolicy::log_probability_backward(ConstVecRef<float> log_prob_weight,
                                                 ConstVecRef<float> entropy_weight, AlignedFloats* gradient,
                                                 BatchRef<float> obs_gradient, Workspace& w) const {
  constexpr const char* kWhere = "CategoricalPolicy::log_probability_backward";
  require(w.given, kWhere, ": expected a call of log_probability with the same workspace before it");
  const Index n = w.choice.size();
  const auto samples = static_cast<int>(n);
  require_dim(kWhere, "log_prob_weight", log_prob_weight.size(), n);
  nn::RowMap<float> logits = w.pass->output_gradients(samples);
  logits.setZero();
  head_.log_prob_gradient(w.pass->outputs(samples), w.choice, log_prob_weight, logits);
  if (entropy_weight.size() > 0) {
    require_dim(kWhere, "entropy_weight", entropy_weight.size(), n);
    head_.entropy_gradient(w.pass->outputs(samples), entropy_weight, logits);
  }
  const bool obs_wanted = obs_gradient.cols() > 0;
  w.pass->backward(network_, samples, gradient, obs_wanted);
  if (!obs_wanted) return;
  require_dim(kWhere, "obs_gradient", obs_gradient.rows(), obs_dim());
  require_dim(kWhere, "obs_gradient's batch", obs_gradient.cols(), n);
  obs_gradient = w.pass->input_gradients(samples);
}

}  // namespace mbrl
