// One update of DHMBPO: its targets summed term by term, and its gradient against differences of what it climbs.
#include "mbrl/algorithms/imagined/value_gradient.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

// The pendulum's numbers, and an end where one of them is large.
EnvSpec some_spec() {
  EnvSpec spec = Pendulum().spec();
  spec.termination = [](ConstBatchRef<float> next, VecRef<float> done) {
    for (Index j = 0; j < next.cols(); ++j) done(j) = next(0, j) > 1.2f ? 1.0f : 0.0f;
  };
  return spec;
}

Batchf some_starts(Index columns) {
  const RandomStream random(5, Stream::kUser);
  return Batchf::NullaryExpr(3, columns, [&](Index i, Index j) {
    return static_cast<float>(random.normal(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)));
  });
}

// Nothing moves, so that what an update says of itself is a function of the policy.
ValueGradientSettings still(int critics) {
  ValueGradientSettings s;
  s.policy = s.critic = {.hidden = {16}, .activation = Activation::kTanh};
  s.adam.learning_rate = 0;
  s.horizon = 4;
  s.discount = 0.9;
  s.temperature = 0.3;
  s.critics = critics;
  s.target_critics = critics;
  return s;
}

struct Parts {
  ThreadPool pool{2};
  EnvSpec spec = some_spec();
  DifferentiableEnsemble model{3, action_bounds(spec), {.members = 3, .network = {.hidden = {16}}}, 4};
  Parts() { model.log_deviation().setConstant(std::log(0.2f)); }
};

}  // namespace

TEST_CASE("value gradient: critics' loss and what the policy climbs are sums of the definition") {
  Parts parts;
  const ValueGradientSettings settings = still(1);
  ValueGradient learner(parts.spec, parts.model, settings, parts.pool, 7);
  const Batchf starts = some_starts(200);
  const ValueGradientReport report = learner.update(starts);
  REQUIRE(report.finite());

  DifferentiableRollout<MlpPolicy> rollout(parts.model, parts.spec.termination, 4, true, parts.pool, 7);
  const DifferentiablePaths& paths = rollout.run(learner.policy(), starts, 0);
  CHECK(paths.alive.minCoeff() == 0);
  Batchf q(200, 5);
  for (int h = 0; h <= 4; ++h) {
    Vecf of_step(200);
    learner.values(paths.obs_at(h), paths.action_at(h), of_step);
    q.col(h) = of_step;
  }
  double loss = 0, expected = 0, entropy = 0;
  const double gamma = 0.9, alpha = 0.3;
  for (Index j = 0; j < 200; ++j) {
    const auto log_prob = [&](int h) {
      return static_cast<double>(paths.log_prob(j, h) + learner.log_half());
    };
    const auto alive = [&](int h) { return paths.alive(j, h) != 0; };
    for (int from = 0; from < 4; ++from) {
      double y = 0;
      for (int h = from; h < 4; ++h) {
        if (h > from && alive(h)) y -= std::pow(gamma, h - from) * alpha * log_prob(h);
        if (alive(h)) y += std::pow(gamma, h - from) * static_cast<double>(paths.reward(j, h));
      }
      if (alive(4)) y += std::pow(gamma, 4 - from) * (static_cast<double>(q(j, 4)) - alpha * log_prob(4));
      // Of a trajectory that has ended nothing is learned; it is seen as worth 0.
      loss += std::pow(static_cast<double>(q(j, from)) - y, 2);
    }
    for (int h = 0; h <= 4; ++h) {
      if (!alive(h)) continue;
      const double earned = h < 4 ? static_cast<double>(paths.reward(j, h)) : static_cast<double>(q(j, 4));
      expected += std::pow(gamma, h) * (earned - alpha * log_prob(h)) / 200;
    }
    entropy -= log_prob(0) / 200;
  }
  CHECK(report.critic_loss == Approx(loss / 800).epsilon(1e-4));
  CHECK(report.expected == Approx(expected).epsilon(1e-4));
  CHECK(report.entropy == Approx(entropy).epsilon(1e-4));
}

TEST_CASE("value gradient: the policy's gradient is that of what it climbs, with and without critics") {
  for (const int critics : {0, 2}) {
    CAPTURE(critics);
    Parts parts;
    const ValueGradientSettings settings = still(critics);
    const Batchf starts = some_starts(60);
    ValueGradient first(parts.spec, parts.model, settings, parts.pool, 7);
    const ValueGradientReport report = first.update(starts);
    const AlignedFloats gradient = first.gradient();  // downhill of -expected
    const double norm = report.gradient_norm;
    StateDict state;
    first.save(state, "");
    state.put("updates", std::vector<std::int64_t>{0});  // the same noise again
    const auto expected = [&](float step) {
      MlpPolicy moved = first.policy();
      for (std::size_t i = 0; i < gradient.size(); ++i)
        moved.parameters()[i] -= step * gradient[i] / static_cast<float>(norm);
      StateDict changed = state;
      moved.save(changed, "policy.");
      ValueGradient learner(parts.spec, parts.model, settings, parts.pool, 7);
      learner.load(changed, "");
      return learner.update(starts).expected;
    };
    const double slope = (expected(1e-3f) - expected(-1e-3f)) / 2e-3;
    CHECK(slope == Approx(norm).epsilon(0.01));
  }
}

TEST_CASE("value gradient: critics alone leave the policy as it is") {
  Parts parts;
  ValueGradientSettings settings = still(2);
  settings.adam.learning_rate = 1e-3;
  ValueGradient learner(parts.spec, parts.model, settings, parts.pool, 7);
  const AlignedFloats before = learner.policy().parameters();
  const double first = learner.update(some_starts(60), true).critic_loss;
  for (int i = 0; i < 50; ++i) learner.update(some_starts(60), true);
  CHECK(std::equal(before.begin(), before.end(), learner.policy().parameters().begin()));
  CHECK(learner.update(some_starts(60), true).critic_loss < 0.5 * first);
  CHECK(learner.temperature() == Approx(0.3));
}

TEST_CASE("value gradient: settings that make no sense are refused") {
  const auto refused = [](auto&& change) {
    ValueGradientSettings s;
    change(s);
    CHECK_THROWS_AS(s.validate("x"), Error);
  };
  refused([](auto& s) { s.horizon = 0; });
  refused([](auto& s) { s.critics = 1; });
  refused([](auto& s) { s.policy.dropout = 0.1; });
  refused([](auto& s) { s.temperature = std::numeric_limits<double>::quiet_NaN(); });
}

}  // namespace mbrl
