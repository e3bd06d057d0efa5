#include "mbrl/learning/adaptation/meta_step.hpp"

#include <cmath>
#include <utility>

#include "learning/trust_region.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/learning/policy_fisher.hpp"

namespace mbrl {
namespace {

MlpPolicy moved(MlpPolicy policy, const AlignedFloats& direction, double length) {
  block(policy.parameters()) += static_cast<float>(length) * block(direction);
  return policy;
}

}  // namespace

MlpPolicy adapted(const MlpPolicy& policy, const OnPolicyBatch& before, double inner_rate, ThreadPool& pool) {
  return moved(policy, PolicySurrogate(policy, before, pool).gradient(), inner_rate);
}

MetaObjective::MetaObjective(const MlpPolicy& policy, std::span<const OnPolicyBatch> before,
                             std::span<const OnPolicyBatch> after, double inner_rate, ThreadPool& pool)
    : rate_(inner_rate), pool_(&pool) {
  require(!before.empty(), "MetaObjective: there is no task, expected at least 1");
  require_dim("MetaObjective", "after", after.size(), before.size());
  for (std::size_t k = 0; k < before.size(); ++k) {
    PolicySurrogate inner(policy, before[k], pool);
    const MlpPolicy own = moved(policy, inner.gradient(), inner_rate);
    tasks_.push_back({&before[k], &after[k], std::move(inner), PolicySurrogate(own, after[k], pool)});
  }
}

// (I + a H) v.
AlignedFloats MetaObjective::through_inner_step(const Task& task, const AlignedFloats& v) const {
  AlignedFloats out = v;
  if (rate_ != 0) block(out) += static_cast<float>(rate_) * block(task.inner.hessian_product(v));
  return out;
}

template <class Part>
AlignedFloats MetaObjective::mean(const Part& part) const {
  AlignedFloats total = part(tasks_.front());
  for (std::size_t k = 1; k < tasks_.size(); ++k) total += part(tasks_[k]);
  block(total) /= static_cast<float>(tasks_.size());
  return total;
}

AlignedFloats MetaObjective::gradient() const {
  return mean([&](const Task& task) { return through_inner_step(task, task.outer.gradient()); });
}

AlignedFloats MetaObjective::metric_product(const AlignedFloats& v) const {
  return mean([&](const Task& task) {
    return through_inner_step(task, task.outer.fisher_product(through_inner_step(task, v)));
  });
}

void MetaObjective::compare(const MlpPolicy& policy, double& gain, double& kl) const {
  gain = kl = 0;
  for (const Task& task : tasks_) {
    const PolicySurrogate now(adapted(policy, *task.before, rate_, *pool_), *task.after, *pool_);
    const Index n = task.outer.advantage().size();
    Vecf divergence(n);
    fisher_of(policy).kl(nn::RowBatch<float>(task.outer.output()), nn::RowBatch<float>(now.output()),
                         divergence);
    double task_gain = 0;
    for (Index j = 0; j < n; ++j)
      task_gain += static_cast<double>((std::exp(now.log_prob()(j) - task.outer.log_prob()(j)) - 1.0f) *
                                       task.outer.advantage()(j));
    gain += task_gain / static_cast<double>(n);
    kl += divergence.cast<double>().mean();
  }
  gain /= static_cast<double>(tasks_.size());
  kl /= static_cast<double>(tasks_.size());
}

double MetaObjective::entropy() const {
  double sum = 0;
  for (const Task& task : tasks_) sum -= task.outer.log_prob().cast<double>().mean();
  return sum / static_cast<double>(tasks_.size());
}

TrpoReport meta_step(MlpPolicy& policy, std::span<const OnPolicyBatch> before,
                     std::span<const OnPolicyBatch> after, double inner_rate, const TrpoSettings& settings,
                     ThreadPool& pool) {
  const MetaObjective objective(policy, before, after, inner_rate, pool);
  TrpoReport report;
  report.entropy = objective.entropy();
  const auto product = [&](const AlignedFloats& v) {
    AlignedFloats out = objective.metric_product(v);
    block(out) += static_cast<float>(settings.cg_damping) * block(v);
    return out;
  };
  natural_gradient_step(
      settings, objective.gradient(), product,
      [&](double& gain, double& kl) { objective.compare(policy, gain, kl); }, policy.parameters(), report);
  return report;
}

}  // namespace mbrl
