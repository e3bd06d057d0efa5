#include "mbrl/learning/adaptation/policy_surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/learning/policy_fisher.hpp"
#include "mbrl/nn/bounded_logvar.hpp"

namespace mbrl {

PolicySurrogate::PolicySurrogate(const MlpPolicy& policy, const OnPolicyBatch& batch, ThreadPool& pool)
    : pool_(&pool) {
  constexpr const char* kWhere = "PolicySurrogate";
  require(policy.settings().output == PolicyOutput::kSquashedGaussian, kWhere,
          ": the policy is deterministic, expected output = squashed_gaussian");
  check_batch(kWhere, batch, policy.obs_dim(), policy.action_dim());
  const Index n = batch.obs.cols();
  const AdvantageScale normal = advantage_scale(batch.advantage);
  advantage_ = normal.scale * (batch.advantage.array() - normal.mean);
  log_prob_.resize(n);
  output_.resize(policy.network().out(), n);
  for (const BatchRange& range : batch_ranges(n)) {
    chunks_.emplace_back();
    chunks_.back().first = range.first;
    chunks_.back().count = range.count;
  }
  const auto one = [&](int k) { prepare(chunks_[static_cast<std::size_t>(k)], policy, batch); };
  pool.run(static_cast<int>(chunks_.size()), std::cref(one));
  gradient_ = chunks_.front().part;
  for (std::size_t k = 1; k < chunks_.size(); ++k) gradient_ += chunks_[k].part;
}

// With the weight w of a column's log-density:  g_m = w z / sigma;  g_raw = w (z^2 - 1) / 2 * dv/draw.
void PolicySurrogate::prepare(Chunk& c, const MlpPolicy& policy, const OnPolicyBatch& batch) {
  const auto obs = batch.obs.middleCols(c.first, c.count);
  const auto action = batch.action.middleCols(c.first, c.count);
  MlpPolicy::Workspace workspace;
  Batchf memory(0, c.count);
  policy.log_probability(obs, memory, action, log_prob_.segment(c.first, c.count), workspace);
  c.network.emplace(policy.network(), obs);
  const Batchf& out = c.network->output();
  output_.middleCols(c.first, c.count) = out;
  c.fisher = fisher_of(policy).at(nn::RowBatch<float>(out));
  c.weight = advantage_.segment(c.first, c.count) / static_cast<float>(advantage_.size());

  const Index dims = policy.action_dim();
  const auto low = static_cast<float>(policy.settings().min_logvar),
             high = static_cast<float>(policy.settings().max_logvar);
  for (Batchf* b : {&c.z, &c.inverse, &c.slope, &c.curve}) b->resize(dims, c.count);
  Batchf g(2 * dims, c.count);
  constexpr float kInside = 1.0f - 0x1p-24f;  // as MlpPolicy counts actions at their bounds
  for (Index j = 0; j < c.count; ++j)
    for (Index i = 0; i < dims; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const float tanh = (action(i, j) - policy.mid()[at]) / policy.half()[at];
      const float u = std::atanh(std::clamp(tanh, -kInside, kInside)), raw = out(dims + i, j);
      const float inverse = std::exp(-0.5f * nn::bounded_logvar(raw, low, high)),
                  z = (u - out(i, j)) * inverse;
      c.inverse(i, j) = inverse;
      c.z(i, j) = z;
      c.slope(i, j) = nn::bounded_logvar_slope(raw, low, high);
      c.curve(i, j) = nn::bounded_logvar_curve(raw, low, high);
      g(i, j) = c.weight(j) * z * inverse;
      g(dims + i, j) = 0.5f * c.weight(j) * (z * z - 1.0f) * c.slope(i, j);
    }
  c.network->set_output_gradient(g);
  c.part = c.network->backward(g);
}

// How that moves with m and raw; v moves by slope * draw, z by -dm / sigma - z dv / 2.
Batchf PolicySurrogate::change(const Chunk& c, const Batchf& moved) const {
  const Index dims = c.z.rows();
  Batchf out(2 * dims, c.count);
  for (Index j = 0; j < c.count; ++j)
    for (Index i = 0; i < dims; ++i) {
      const float z = c.z(i, j), inverse = c.inverse(i, j), raw = moved(dims + i, j);
      const float m = moved(i, j) * inverse, v = c.slope(i, j) * raw;
      out(i, j) = -c.weight(j) * inverse * (m + z * v);
      out(dims + i, j) = c.weight(j) * (-z * (m + 0.5f * z * v) * c.slope(i, j) +
                                        0.5f * (z * z - 1.0f) * c.curve(i, j) * raw);
    }
  return out;
}

template <class Part>
AlignedFloats PolicySurrogate::sum(const Part& part) const {
  std::vector<AlignedFloats> parts(chunks_.size());
  const auto one = [&](int k) {
    parts[static_cast<std::size_t>(k)] = part(chunks_[static_cast<std::size_t>(k)]);
  };
  pool_->run(static_cast<int>(parts.size()), std::cref(one));
  AlignedFloats total = std::move(parts.front());
  for (std::size_t k = 1; k < parts.size(); ++k) total += parts[k];
  return total;
}

AlignedFloats PolicySurrogate::hessian_product(const AlignedFloats& v) const {
  return sum([&](const Chunk& c) {
    return c.network->apply(v, [&](const Batchf& moved) { return change(c, moved); });
  });
}

AlignedFloats PolicySurrogate::fisher_product(const AlignedFloats& v) const {
  const float share = 1.0f / static_cast<float>(advantage_.size());
  return sum([&](const Chunk& c) {
    const nn::HessianProduct& network = *c.network;
    return network.backward(share * c.fisher.cwiseProduct(network.forward(v)));
  });
}

}  // namespace mbrl
