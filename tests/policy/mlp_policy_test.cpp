// MlpPolicy: actions, densities and gradients against the formulas in double precision, and what must not
// matter.
#include "mbrl/policy/mlp_policy.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/normals.hpp"
#include "models/neural/ensemble_oracle.hpp"
#include "policy/uneven_bounds.hpp"

namespace mbrl {
namespace {

using testing::kBounds;

static_assert(StochasticPolicy<MlpPolicy> && DifferentiablePolicy<MlpPolicy>);

MlpPolicy policy_of(PolicyOutput output, std::vector<int> hidden = {20, 30}) {
  MlpPolicySettings settings;
  settings.output = output;
  settings.network.hidden = std::move(hidden);
  settings.min_logvar = -4.0;
  settings.max_logvar = 1.0;
  return {4, kBounds, settings, 3};
}

// The head in double precision: outputs (as the network's) to actions and log-densities.
struct Head {
  Batchd action;
  Vecd log_prob;
};
Head head_in_double(const MlpPolicy& policy, const Batchd& outputs, const Batchd& noise) {
  const Index dims = policy.action_dim();
  Head head{Batchd(dims, outputs.cols()), Vecd::Zero(outputs.cols())};
  const double low = policy.settings().min_logvar, high = policy.settings().max_logvar;
  for (Index j = 0; j < outputs.cols(); ++j)
    for (Index i = 0; i < dims; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double half = 0.5 * (kBounds.high[at] - kBounds.low[at]);
      double u = outputs(i, j);
      if (policy.settings().output == PolicyOutput::kSquashedGaussian) {
        const double capped = high - testing::softplus(high - outputs(dims + i, j));
        const double logvar = low + testing::softplus(capped - low);
        u += std::exp(0.5 * logvar) * noise(i, j);
        head.log_prob(j) += -0.5 * noise(i, j) * noise(i, j) - 0.5 * logvar -
                            0.5 * std::log(2 * std::numbers::pi) - std::log(1 - std::tanh(u) * std::tanh(u)) -
                            std::log(half);
      }
      head.action(i, j) = 0.5 * (kBounds.low[at] + kBounds.high[at]) + half * std::tanh(u);
    }
  return head;
}

Batchd noise_of(const PolicyKey& key, Index dims, Index batch) {
  Batchd noise(dims, batch);
  for (Index j = 0; j < batch; ++j)
    counter_normals(key.key, {key.id(j), 0, key.step}, static_cast<int>(dims), noise.col(j).data());
  return noise;
}

TEST_CASE("mlp policy: actions and densities are the formula's") {
  const Batchf obs = testing::normals(4, 37, 1);
  const std::vector<std::uint32_t> ids(37, 5);
  for (const PolicyOutput output : {PolicyOutput::kTanh, PolicyOutput::kSquashedGaussian}) {
    const MlpPolicy policy = policy_of(output);
    Batchf outputs(policy.network().out(), 37), none(0, 37), action(3, 37);
    policy.network().evaluate(obs, outputs);
    MlpPolicy::Workspace w;
    for (const bool own : {true, false}) {
      const PolicyKey key{
          {11, 12}, 7, own ? std::span<const std::uint32_t>() : std::span<const std::uint32_t>(ids)};
      const Head exact = head_in_double(policy, outputs.cast<double>(), noise_of(key, 3, 37));
      policy.act(obs, none, key, action, w);
      CHECK((action.cast<double>() - exact.action).cwiseAbs().maxCoeff() < 2e-6);
      if (output == PolicyOutput::kTanh) continue;
      Batchf again(3, 37);
      Vecf log_prob(37), given(37);
      policy.sample(obs, key, again, log_prob, w);
      CHECK(again == action);
      CHECK((log_prob.cast<double>() - exact.log_prob).cwiseAbs().maxCoeff() < 1e-4);
      policy.log_probability(obs, none, action, given, w);
      CHECK((given.cast<double>() - exact.log_prob).cwiseAbs().maxCoeff() < 5e-3);
    }
    policy.mode(obs, none, action, w);
    const Head middle = head_in_double(policy, outputs.cast<double>(), Batchd::Zero(3, 37));
    CHECK((action.cast<double>() - middle.action).cwiseAbs().maxCoeff() < 2e-6);
  }
}

TEST_CASE(
    "mlp policy: the density of one action integrates to 1, and its noise has the moments of a normal") {
  MlpPolicySettings settings;
  settings.network.hidden = {8};
  const MlpPolicy policy(2, ActionBounds::uniform(1, -1.5, 3.0), settings, 1);
  constexpr Index kPoints = 20000;
  const Batchf obs = testing::normals(2, 1, 3).replicate(1, kPoints);
  Batchf action(1, kPoints), none(0, kPoints);
  for (Index i = 0; i < kPoints; ++i)
    action(0, i) = -1.5f + 4.5f * (static_cast<float>(i) + 0.5f) / static_cast<float>(kPoints);
  Vecf log_prob(kPoints);
  MlpPolicy::Workspace w;
  policy.log_probability(obs, none, action, log_prob, w);
  const Vecd density = log_prob.cast<double>().array().exp();
  CHECK(density.sum() * 4.5 / kPoints == Approx(1.0).epsilon(2e-3));
  const double mean = density.dot(action.row(0).transpose().cast<double>()) * 4.5 / kPoints;
  policy.act(obs, none, {{1, 2}, 3, {}}, action, w);
  const Vecd drawn = action.row(0).transpose().cast<double>();
  const double deviation = std::sqrt((drawn.array() - drawn.mean()).square().mean());
  CHECK(std::abs(drawn.mean() - mean) < 5 * deviation / std::sqrt(kPoints));
}

TEST_CASE("mlp policy: gradients are those of the formula by finite differences") {
  const Batchf obs = testing::normals(4, 5, 1), weight = testing::normals(3, 5, 2);
  const Vecf log_weight = testing::normals(5, 1, 4);
  const PolicyKey key{{11, 12}, 7, {}};
  const Batchd noise = noise_of(key, 3, 5);
  Batchf none(0, 5);
  for (const PolicyOutput output : {PolicyOutput::kTanh, PolicyOutput::kSquashedGaussian}) {
    // Without hidden layers the network is W obs + b.
    const MlpPolicy policy = policy_of(output, {});
    const bool gaussian = output == PolicyOutput::kSquashedGaussian;
    const nn::Network::Plain plain = policy.network().layer(0);
    const Batchd w0 = plain.weight.cast<double>(), b0 = plain.bias.cast<double>(), x0 = obs.cast<double>();
    const auto loss = [&](const Batchd& w, const Batchd& b, const Batchd& x) {
      const Batchd outputs = (w * x).colwise() + Vecd(b.col(0));
      const Head head = head_in_double(policy, outputs, noise);
      return head.action.cwiseProduct(weight.cast<double>()).sum() +
             (gaussian ? head.log_prob.dot(log_weight.cast<double>()) : 0.0);
    };
    const auto difference = [&](int which, Index i, Index k) {
      constexpr double kStep = 1e-5;
      double values[2];
      for (const int side : {0, 1}) {
        Batchd w = w0, b = b0, x = x0;
        (which == 0 ? w : which == 1 ? b : x)(i, k) += side == 0 ? -kStep : kStep;
        values[side] = loss(w, b, x);
      }
      return (values[1] - values[0]) / (2 * kStep);
    };
    Batchf action(3, 5), obs_gradient(4, 5);
    Vecf log_prob(5);
    AlignedFloats gradient;
    MlpPolicy::Workspace workspace;
    if (gaussian) {
      policy.sample(obs, key, action, log_prob, workspace);
      policy.sample_backward(weight, log_weight, &gradient, obs_gradient, workspace);
    } else {
      policy.act(obs, none, key, action, workspace);
      policy.backward(weight, &gradient, obs_gradient, workspace);
    }
    const nn::Network::Plain found = policy.network().plain(gradient, 0);
    for (Index i = 0; i < w0.rows(); ++i) {
      CHECK(static_cast<double>(found.bias(i)) == Approx(difference(1, i, 0)).epsilon(1e-3).margin(1e-4));
      for (Index k = 0; k < 4; ++k)
        CHECK(static_cast<double>(found.weight(i, k)) ==
              Approx(difference(0, i, k)).epsilon(1e-3).margin(1e-4));
    }
    for (Index j = 0; j < 5; ++j)
      for (Index k = 0; k < 4; ++k)
        CHECK(static_cast<double>(obs_gradient(k, j)) ==
              Approx(difference(2, k, j)).epsilon(1e-3).margin(1e-4));
  }
}

TEST_CASE("mlp policy: the gradient of given actions' densities, by finite differences") {
  const MlpPolicy policy = policy_of(PolicyOutput::kSquashedGaussian, {});
  const Batchf obs = testing::normals(4, 5, 1);
  const Vecf log_weight = testing::normals(5, 1, 4);
  Batchf none(0, 5), action(3, 5), obs_gradient(4, 0);
  MlpPolicy::Workspace workspace;
  policy.act(obs, none, {{1, 2}, 3, {}}, action, workspace);
  const nn::Network::Plain plain = policy.network().layer(0);
  const auto loss = [&](const Batchd& w) {
    double sum = 0.0;
    const Batchd outputs = (w * obs.cast<double>()).colwise() + Vecd(plain.bias.cast<double>());
    for (Index j = 0; j < 5; ++j) {
      Batchd noise(3, 1);
      for (Index i = 0; i < 3; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double mid = 0.5 * (kBounds.low[at] + kBounds.high[at]), half = kBounds.high[at] - mid;
        const double capped = 1.0 - testing::softplus(1.0 - outputs(3 + i, j));
        const double logvar = -4.0 + testing::softplus(capped + 4.0);
        noise(i, 0) = (std::atanh((static_cast<double>(action(i, j)) - mid) / half) - outputs(i, j)) /
                      std::exp(0.5 * logvar);
      }
      sum += static_cast<double>(log_weight(j)) * head_in_double(policy, outputs.col(j), noise).log_prob(0);
    }
    return sum;
  };
  Vecf log_prob(5);
  AlignedFloats gradient;
  policy.log_probability(obs, none, action, log_prob, workspace);
  policy.log_probability_backward(log_weight, &gradient, obs_gradient, workspace);
  const nn::Network::Plain found = policy.network().plain(gradient, 0);
  const Batchd w0 = plain.weight.cast<double>();
  for (Index i = 0; i < w0.rows(); ++i)
    for (Index k = 0; k < 4; ++k) {
      Batchd more = w0, less = w0;
      more(i, k) += 1e-5;
      less(i, k) -= 1e-5;
      CHECK(static_cast<double>(found.weight(i, k)) ==
            Approx((loss(more) - loss(less)) / 2e-5).epsilon(2e-3).margin(2e-3));
    }
}

TEST_CASE("mlp policy: a column's action does not depend on its company, and NaN stays where it is") {
  const MlpPolicy policy = policy_of(PolicyOutput::kSquashedGaussian);
  Batchf obs = testing::normals(4, 37, 1), none(0, 37), all(3, 37), one(3, 1), nothing(0, 1);
  obs(2, 20) = std::numeric_limits<float>::quiet_NaN();
  MlpPolicy::Workspace w, small;
  policy.act(obs, none, {{5, 6}, 2, {}}, all, w);
  CHECK(all.col(20).array().isNaN().all());
  for (std::uint32_t j = 0; j < 37; ++j) {
    if (j == 20) continue;
    const std::vector<std::uint32_t> id = {j};
    for (MlpPolicy::Workspace* any : {&w, &small}) {
      policy.act(obs.col(j), nothing, {{5, 6}, 2, id}, one, *any);
      CHECK(one == all.col(j));
    }
    policy_of(PolicyOutput::kTanh, {7}).act(obs.col(j), nothing, {}, one, w);  // another shape in between
    policy.act(obs.col(j), nothing, {{5, 6}, 2, id}, one, w);
    CHECK(one == all.col(j));
    for (Index i = 0; i < 3; ++i) {
      CHECK(static_cast<double>(one(i, 0)) >= kBounds.low[static_cast<std::size_t>(i)]);
      CHECK(static_cast<double>(one(i, 0)) <= kBounds.high[static_cast<std::size_t>(i)]);
    }
  }
}

TEST_CASE("mlp policy: saved and loaded, allocates nothing in a loop, and refuses mistakes") {
  const MlpPolicy policy = policy_of(PolicyOutput::kSquashedGaussian);
  MlpPolicySettings settings = policy.settings();
  MlpPolicy other(4, kBounds, settings, 99);
  StateDict state;
  policy.save(state, "actor.");
  other.load(state, "actor.");
  const Batchf obs = testing::normals(4, 20, 1);
  Batchf none(0, 20), a(3, 20), b(3, 20);
  MlpPolicy::Workspace w;
  policy.act(obs, none, {}, a, w);
  other.act(obs, none, {}, b, w);
  CHECK(a == b);
  if (test::can_count_allocations())
    CHECK(test::allocations_during([&] { policy.act(obs, none, {}, a, w); }) == 0);

  Vecf out(20);
  CHECK_THROWS_AS(MlpPolicy(4, ActionBounds::choice_of(3), settings, 0), Error);
  settings.min_logvar = 2.0;
  CHECK_THROWS_AS(MlpPolicy(4, kBounds, settings, 0), Error);
  const MlpPolicy deterministic = policy_of(PolicyOutput::kTanh);
  MlpPolicy::Workspace fresh;
  CHECK_THROWS_AS(deterministic.log_probability(obs, none, a, out, fresh), Error);
  CHECK_THROWS_AS(deterministic.backward(a, nullptr, none, fresh), Error);
  CHECK_THROWS_AS(policy.act(testing::normals(5, 20, 1), none, {}, a, w), Error);
}

}  // namespace
}  // namespace mbrl
