// Meta-gradients against differences, the metric against the divergence that it is of, and TRPO where nothing adapts.
#include "mbrl/learning/adaptation/meta_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "normals.hpp"

using namespace mbrl;

namespace {

const ActionBounds kUnevenBounds = ActionBounds::uniform(2, -1, 3);

double dot(const AlignedFloats& a, const AlignedFloats& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

AlignedFloats moved(AlignedFloats from, const AlignedFloats& direction, double length) {
  for (std::size_t i = 0; i < from.size(); ++i) from[i] += static_cast<float>(length) * direction[i];
  return from;
}

// Parameters are those of `from` in all but what a seed draws anew: a direction.
AlignedFloats direction(const MlpPolicy& policy, std::uint64_t seed) {
  return MlpPolicy(policy.obs_dim(), kUnevenBounds, policy.settings(), seed).parameters();
}

// What a policy does, with advantages that depend on it.
OnPolicyBatch doings(const MlpPolicy& policy, std::uint32_t task, Index n = 300) {
  const RandomStream random(4, Stream::kUser);
  OnPolicyBatch b;
  b.obs = testing::normals<Batchf>(random, policy.obs_dim(), n, task);
  b.action.resize(policy.action_dim(), n);
  Batchf memory(0, n);
  MlpPolicy::Workspace w;
  policy.act(b.obs, memory, {random.key(), task, {}}, b.action, w);
  const float pull = task % 2 == 0 ? 1.0f : -0.5f;
  b.advantage = pull * b.action.row(0).cwiseProduct(b.obs.row(0)).transpose() -
                b.action.row(1).cwiseAbs2().transpose() + b.obs.row(1).transpose();
  b.target = b.old_value = Vecf::Zero(n);
  return b;
}

struct Tasks {
  MlpPolicy policy{3, kUnevenBounds, {.network = {{8}, Activation::kTanh}}, 5};
  double rate;
  std::vector<OnPolicyBatch> before, after;
  Tasks(double inner_rate, int count, ThreadPool& pool) : rate(inner_rate) {
    for (int k = 0; k < count; ++k) {
      before.push_back(doings(policy, static_cast<std::uint32_t>(k)));
      after.push_back(doings(adapted(policy, before.back(), rate, pool), 10 + static_cast<std::uint32_t>(k)));
    }
  }
  MetaObjective objective(ThreadPool& pool) const { return {policy, before, after, rate, pool}; }
  MlpPolicy at(const AlignedFloats& v, double length) const {
    MlpPolicy p = policy;
    p.parameters() = moved(policy.parameters(), v, length);
    return p;
  }
};

}  // namespace

TEST_CASE("policy surrogate: gradient and Hessian are those of differences, the Fisher matrix is TRPO's") {
  ThreadPool pool(2);
  const MlpPolicy policy(3, kUnevenBounds, {.network = {{10, 6}, Activation::kTanh}}, 5);
  const OnPolicyBatch batch = doings(policy, 1);
  const PolicySurrogate at(policy, batch, pool);
  CHECK(std::abs(at.advantage().mean()) < 1e-5f);
  const auto gradient_at = [&](const AlignedFloats& v, double length) {
    MlpPolicy p = policy;
    p.parameters() = moved(policy.parameters(), v, length);
    return PolicySurrogate(p, batch, pool).gradient();
  };
  const auto value_at = [&](const AlignedFloats& v, double length) {
    MlpPolicy p = policy;
    p.parameters() = moved(policy.parameters(), v, length);
    const PolicySurrogate s(p, batch, pool);
    return s.advantage().cast<double>().dot(s.log_prob().cast<double>()) / 300;
  };
  for (const std::uint64_t seed : {11u, 12u, 13u}) {
    const AlignedFloats v = direction(policy, seed);
    const double size = std::sqrt(dot(at.gradient(), at.gradient()) * dot(v, v));
    CHECK(std::abs((value_at(v, 0.01) - value_at(v, -0.01)) / 0.02 - dot(at.gradient(), v)) < 1e-3 * size);
    const AlignedFloats hv = at.hessian_product(v);
    const AlignedFloats differences = moved(gradient_at(v, 0.01), gradient_at(v, -0.01), -1);
    CHECK(std::sqrt(dot(moved(differences, hv, -0.02), moved(differences, hv, -0.02)) / dot(hv, hv)) <
          0.02 * 1e-3);
  }
  TrpoSettings settings{.policy = policy.settings().network, .cg_damping = 0};
  Trpo trpo(3, kUnevenBounds, settings, 5, pool);
  trpo.policy().parameters() = policy.parameters();
  const AlignedFloats v = direction(policy, 12), expected = trpo.fisher_product(batch.obs, v),
                      found = at.fisher_product(v);
  CHECK(std::sqrt(dot(moved(found, expected, -1), moved(found, expected, -1)) / dot(expected, expected)) <
        1e-5);
}

TEST_CASE("meta step: the gradient through the inner steps is that of differences to 1e-4") {
  ThreadPool pool(2);
  for (const double rate : {0.0, 0.3, 1.0}) {
    CAPTURE(rate);
    const Tasks tasks(rate, 3, pool);
    const MetaObjective objective = tasks.objective(pool);
    const AlignedFloats g = objective.gradient();
    AlignedFloats first_order(g.size());
    for (std::size_t k = 0; k < 3; ++k)
      first_order =
          moved(first_order,
                PolicySurrogate(adapted(tasks.policy, tasks.before[k], rate, pool), tasks.after[k], pool)
                    .gradient(),
                1.0 / 3);
    const auto gain = [&](const AlignedFloats& v, double length) {
      double value = 0, kl = 0;
      objective.compare(tasks.at(v, length), value, kl);
      return value;
    };
    CHECK(std::abs(gain(g, 0)) < 1e-6);
    // Central differences of two steps, extrapolated: their error is of fourth order.
    const auto slope = [&](const AlignedFloats& v, double h) {
      const auto central = [&](double step) { return (gain(v, step) - gain(v, -step)) / (2 * step); };
      return (4 * central(h) - central(2 * h)) / 3;
    };
    std::vector<AlignedFloats> directions = {g};
    for (const std::uint64_t seed : {21u, 22u, 23u}) directions.push_back(direction(tasks.policy, seed));
    double without = 0;  // the worst error of a gradient that leaves the Hessians out
    for (const AlignedFloats& v : directions) {
      const double length = std::sqrt(dot(v, v)), size = length * std::sqrt(dot(g, g));
      const double difference = slope(v, 0.03 / length);
      CHECK(std::abs(difference - dot(g, v)) < 1e-4 * size);
      without = std::max(without, std::abs(difference - dot(first_order, v)) / size);
    }
    CHECK((without > 1e-2) == (rate > 0));
  }
}

TEST_CASE("meta step: the metric is that of the divergence of the adapted policies") {
  ThreadPool pool(1);
  const Tasks tasks(0.5, 2, pool);
  const MetaObjective objective = tasks.objective(pool);
  for (const std::uint64_t seed : {31u, 32u}) {
    const AlignedFloats v = direction(tasks.policy, seed);
    const double length = std::sqrt(dot(v, v)), h = 0.02 / length;
    double gain = 0, plus = 0, minus = 0;
    objective.compare(tasks.at(v, h), gain, plus);
    objective.compare(tasks.at(v, -h), gain, minus);
    CHECK((plus + minus) / (h * h) == Approx(dot(v, objective.metric_product(v))).epsilon(0.01));
  }
}

TEST_CASE("meta step: without an inner step and with one task it is TRPO's, for any number of threads") {
  ThreadPool one(1), three(3);
  Tasks tasks(0, 1, one);
  TrpoSettings settings{.policy = tasks.policy.settings().network, .cg_iterations = 4};
  Trpo trpo(3, kUnevenBounds, settings, 5, one);
  trpo.policy().parameters() = tasks.policy.parameters();
  const TrpoReport expected = trpo.update(tasks.after[0]);
  MlpPolicy policy = tasks.policy, threaded = tasks.policy;
  const TrpoReport report = meta_step(policy, tasks.before, tasks.after, 0, settings, one);
  CHECK(report.gain == Approx(expected.gain).epsilon(1e-3));
  CHECK(report.kl == Approx(expected.kl).epsilon(1e-3));
  CHECK(report.step == expected.step);
  const AlignedFloats change = moved(trpo.policy().parameters(), tasks.policy.parameters(), -1),
                      apart = moved(trpo.policy().parameters(), policy.parameters(), -1);
  CHECK(std::sqrt(dot(apart, apart) / dot(change, change)) < 1e-3);

  meta_step(threaded, tasks.before, tasks.after, 0, settings, three);
  CHECK(std::equal(threaded.parameters().begin(), threaded.parameters().end(), policy.parameters().begin()));
  CHECK(contains(error_of([&] { MetaObjective(policy, {}, {}, 0, one); }), "there is no task"));
}
