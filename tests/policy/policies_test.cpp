// Small policies, state estimators and a policy as an actor.
#include <cmath>
#include <set>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/policy/kalman_filter.hpp"
#include "mbrl/policy/linear.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/policy/policy_actor.hpp"
#include "mbrl/policy/random_actor.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

static_assert(DifferentiablePolicy<LinearPolicy> && !StochasticPolicy<LinearPolicy> && Policy<RandomActor>);
static_assert(StateEstimator<IdentityEstimator> && StateEstimator<FrameStack> &&
              StateEstimator<KalmanFilter>);

TEST_CASE("linear policy: K obs + k within the bounds, and its gradients by finite differences") {
  LinearPolicy policy(3, ActionBounds::uniform(2, -1.0, 1.0));
  const Batchf gain = testing::normals(2, 3, 1), obs = testing::normals(3, 8, 2),
               weight = testing::normals(2, 8, 3);
  policy.set(gain.cast<double>(), Vecd::Constant(2, 0.1));
  LinearPolicy::Workspace w;
  Batchf action(2, 8), none(0, 8), obs_gradient(3, 8);
  policy.act(obs, none, {}, action, w);
  const Batchf expected = ((gain * obs).array() + 0.1f).max(-1.0f).min(1.0f);
  CHECK((action - expected).cwiseAbs().maxCoeff() < 1e-6f);
  CHECK((action.array().abs() == 1.0f).any());
  AlignedFloats gradient;
  policy.backward(weight, &gradient, obs_gradient, w);
  const auto loss = [&](const Batchf& x) {
    policy.act(x, none, {}, action, w);
    return static_cast<double>(action.cwiseProduct(weight).sum());
  };
  for (std::size_t p = 0; p < 8; ++p) {
    const float value = policy.parameters()[p];
    policy.parameters()[p] = value + 1e-2f;
    const double more = loss(obs);
    policy.parameters()[p] = value - 1e-2f;
    const double less = loss(obs);
    policy.parameters()[p] = value;
    CHECK(static_cast<double>(gradient[p]) == Approx((more - less) / 2e-2).epsilon(1e-2).margin(1e-3));
  }
  for (Index j = 0; j < 8; ++j)
    for (Index k = 0; k < 3; ++k) {
      Batchf more = obs, less = obs;
      more(k, j) += 1e-2f;
      less(k, j) -= 1e-2f;
      CHECK(static_cast<double>(obs_gradient(k, j)) ==
            Approx((loss(more) - loss(less)) / 2e-2).epsilon(1e-2).margin(1e-3));
    }
}

TEST_CASE("random actor: uniform within the bounds, choices equally likely, one column like many") {
  const RandomActor actor(2, ActionBounds(std::vector<double>{-1.0, 2.0}, std::vector<double>{3.0, 2.5}));
  constexpr Index kDraws = 40000;
  const Batchf obs = Batchf::Zero(2, kDraws);
  Batchf none(0, kDraws), action(2, kDraws), one(2, 1), nothing(0, 1);
  NoPolicyWorkspace w;
  actor.act(obs, none, {{3, 4}, 9, {}}, action, w);
  CHECK(action.row(0).minCoeff() >= -1.0f);
  CHECK(action.row(0).maxCoeff() <= 3.0f);
  const double standard = 4.0 / std::sqrt(12.0);
  CHECK(std::abs(action.row(0).cast<double>().mean() - 1.0) < 5 * standard / std::sqrt(kDraws));
  const double variance = (action.row(0).cast<double>().array() - 1.0).square().mean();
  CHECK(variance == Approx(standard * standard).epsilon(0.03));
  const std::vector<std::uint32_t> id = {77};
  actor.act(obs.col(0), nothing, {{3, 4}, 9, id}, one, w);
  CHECK(one == action.col(77));

  RandomActor dice(1, ActionBounds::choice_of(6));
  std::vector<int> count(6, 0);
  dice.begin(8);
  for (int t = 0; t < 6000; ++t) ++count[static_cast<std::size_t>(dice.act(Vecd::Zero(1), t)(0))];
  for (const int n : count) CHECK(std::abs(n - 1000) < 5 * std::sqrt(1000.0 * 5 / 6));
  const Vecd before = dice.act(Vecd::Zero(1), 4);
  dice.begin(8);
  CHECK(dice.act(Vecd::Zero(1), 4) == before);
}

TEST_CASE("frame stack: the last observations, the first of an episode in all places") {
  FrameStack stack(2, 3);
  CHECK(stack.state_dim() == 6);
  const Vecd last_action = Vecd::Zero(1);
  for (int episode = 0; episode < 2; ++episode) {
    stack.reset();
    std::vector<Vecd> seen(3, Vecd::Random(2));
    CHECK(stack.observe(last_action, seen[0]) == seen[0].replicate(3, 1));
    for (int t = 0; t < 5; ++t) {
      seen.push_back(Vecd::Random(2));
      const Vecd& state = stack.observe(last_action, seen.back());
      for (std::size_t frame = 0; frame < 3; ++frame)
        CHECK(state.segment(2 * static_cast<Index>(frame), 2) == seen[seen.size() - 3 + frame]);
    }
  }
  CHECK_THROWS_AS(FrameStack(2, 0), Error);
}

TEST_CASE("kalman filter: the error on a simulated system has the covariance that theory gives") {
  KalmanFilter::System s;
  s.a = (Batchd(2, 2) << 1.0, 0.1, -0.2, 0.95).finished();
  s.b = (Batchd(2, 1) << 0.0, 0.1).finished();
  s.c = (Batchd(1, 2) << 1.0, 0.0).finished();
  s.process_noise = (Batchd(2, 2) << 0.01, 0.0, 0.0, 0.04).finished();
  s.measurement_noise = Batchd::Constant(1, 1, 0.25);
  s.start = Vecd::Zero(2);
  KalmanFilter filter(s);
  const SteadyKalman steady = steady_kalman(s.a, s.c, s.process_noise, s.measurement_noise);
  const Batchd expected = steady.covariance - steady.gain * s.c * steady.covariance;  // after the measurement
  const RandomStream random(4, Stream::kUser);
  Vecd x = Vecd::Zero(2), action = Vecd::Zero(1);
  Batchd sum = Batchd::Zero(2, 2);
  constexpr std::uint32_t kSteps = 40000;
  for (std::uint32_t t = 0; t < kSteps; ++t) {
    const Vecd y = s.c * x + Vecd::Constant(1, 0.5 * random.normal(t, 0));
    const Vecd& estimate = filter.observe(action, y);
    if (t >= 100) sum += (x - estimate) * (x - estimate).transpose() / (kSteps - 100);
    action(0) = -1.5 * estimate(1) + random.normal(t, 1);  // any action, as long as the filter is told
    x = s.a * x + s.b * action + (Vecd(2) << 0.1 * random.normal(t, 2), 0.2 * random.normal(t, 3)).finished();
  }
  CHECK((sum - expected).cwiseAbs().maxCoeff() < 0.05 * expected.cwiseAbs().maxCoeff());

  filter.reset();
  CHECK(filter.observe(action, Vecd::Zero(1)) == Vecd::Zero(2));
  s.start = Vecd::Zero(3);
  CHECK_THROWS_AS(KalmanFilter(s), Error);
}

// Adds what it has seen up: action = memory = sum of the observations so far.
struct Summing {
  using Scalar = double;
  using Workspace = NoPolicyWorkspace;
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  int memory_dim() const { return 1; }
  void act(ConstBatchRef<double> obs, BatchRef<double> memory, const PolicyKey&, BatchRef<double> action,
           Workspace&) const {
    memory += obs;
    action = memory;
  }
};

TEST_CASE("policy actor: memory begins anew with an episode, seeds fix the noise, a mode must exist") {
  PolicyActor<Summing> actor{Summing{}};
  for (const std::uint64_t seed : {1u, 2u}) {
    actor.begin(seed);
    CHECK(actor.act(Vecd::Constant(1, 2.0), 0)(0) == 2.0);
    CHECK(actor.act(Vecd::Constant(1, 3.0), 1)(0) == 5.0);
  }
  CHECK_THROWS_AS(PolicyActor<Summing>(Summing{}, ActMode::kMode), Error);

  MlpPolicySettings settings;
  settings.network.hidden = {8};
  const MlpPolicy policy(4, ActionBounds::uniform(2, -1.0, 1.0), settings, 1);
  PolicyActor<MlpPolicy, FrameStack> drawing(policy, FrameStack(2, 2)),
      steady(policy, FrameStack(2, 2), ActMode::kMode);
  const Vecd obs = Vecd::Constant(2, 0.3);
  std::set<double> drawn;
  for (const std::uint64_t seed : {1u, 2u, 1u}) {
    drawing.begin(seed);
    drawn.insert(drawing.act(obs, 0)(0));
  }
  CHECK(drawn.size() == 2);
  CHECK(drawing.act(obs, 1)(0) != *drawn.begin());
  Batchf mode(2, 1), none(0, 1);
  MlpPolicy::Workspace w;
  policy.mode(obs.replicate(2, 1).cast<float>(), none, mode, w);
  CHECK(steady.act(obs, 0) == mode.col(0).cast<double>());
  CHECK_THROWS_AS((PolicyActor<MlpPolicy, FrameStack>(policy, FrameStack(2, 3))), Error);
}

}  // namespace
}  // namespace mbrl
