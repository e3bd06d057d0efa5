// Noise of a policy that explores, against its spectrum, its stationary moments and what it says of its weights.
#include "mbrl/policy/actor_noise.hpp"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/coloured_noise.hpp"

namespace mbrl {
namespace {

constexpr int kSteps = 200, kEpisodes = 400;
constexpr double kStd = 0.05;  // so that nothing is clipped

// kEpisodes x kSteps, in deviations.
Batchd drawn(const ActorNoiseSettings& settings) {
  ExplorationNoise<float> noise = actor_noise(ActionBounds::uniform(1, -40, 40), settings, kSteps, 3);
  Batchd all(kEpisodes, kSteps);
  for (Index e = 0; e < kEpisodes; ++e, noise.next_episode())
    for (int t = 0; t < kSteps; ++t) {
      Vecf action = Vecf::Zero(1);
      noise.disturb(t, action);
      all(e, t) = static_cast<double>(action(0)) / (kStd * 40);
    }
  return all;
}

double correlation(const Batchd& x, int apart) {
  return x.leftCols(kSteps - apart).cwiseProduct(x.rightCols(kSteps - apart)).mean();
}

// Mean power at frequency j / kSteps.
double power(const Batchd& x, int j) {
  Vecd c(kSteps), s(kSteps);
  for (int t = 0; t < kSteps; ++t) {
    c(t) = std::cos(2 * std::numbers::pi * j * t / kSteps);
    s(t) = std::sin(2 * std::numbers::pi * j * t / kSteps);
  }
  return ((x * c).squaredNorm() + (x * s).squaredNorm()) / (kEpisodes * kSteps);
}

// Of the regression of log power on log frequency.
double slope(const Batchd& x) {
  double n = 0, f = 0, p = 0, ff = 0, fp = 0;
  for (int j = 1; j < kSteps / 2; ++j) {
    const double lf = std::log(j), lp = std::log(power(x, j));
    n += 1, f += lf, p += lp, ff += lf * lf, fp += lf * lp;
  }
  return (n * fp - f * p) / (n * ff - f * f);
}

ActorNoiseSettings of(NoiseKind kind) {
  ActorNoiseSettings s{{.std = kStd}};
  s.kind = kind;
  return s;
}

MlpPolicy some_policy(std::uint64_t seed) {
  return {3,
          ActionBounds::uniform(2, -2, 2),
          {.network = {.hidden = {32, 32}}, .output = PolicyOutput::kTanh},
          seed};
}

}  // namespace

TEST_CASE("actor noise: the Ornstein-Uhlenbeck process is stationary and forgets exponentially") {
  ActorNoiseSettings settings = of(NoiseKind::kOu);
  settings.theta = 0.3;
  const Batchd x = drawn(settings);
  CHECK(x.mean() == Approx(0).margin(0.05));
  for (const Index t : {0, 1, 50, 199}) CHECK(x.col(t).squaredNorm() / kEpisodes == Approx(1).epsilon(0.25));
  CHECK(x.array().square().mean() == Approx(1).epsilon(0.05));
  for (const int apart : {1, 3, 8})
    CHECK(correlation(x, apart) == Approx(std::exp(-0.3 * apart)).margin(0.04));
  // Its covariance, exactly.
  const Batchd mixing = ornstein_uhlenbeck_mixing(40, 0.3), covariance = mixing * mixing.transpose();
  for (Index i = 0; i < 40; ++i)
    for (Index j = 0; j < 40; ++j)
      CHECK(covariance(i, j) == Approx(std::exp(-0.3 * static_cast<double>(std::abs(i - j)))));
  CHECK_THROWS_AS(ornstein_uhlenbeck_mixing(0, 0.1), Error);
  CHECK_THROWS_AS(ornstein_uhlenbeck_mixing(5, 0), Error);
}

TEST_CASE(
    "actor noise: the spectrum of pink noise falls as 1 / f over the whole episode, that of white not at "
    "all") {
  const Batchd pink = drawn(of(NoiseKind::kPink)), white = drawn(of(NoiseKind::kGaussian));
  CHECK(slope(pink) == Approx(-1).margin(0.05));
  CHECK(slope(white) == Approx(0).margin(0.05));
  CHECK(pink.array().square().mean() == Approx(1).epsilon(0.05));
  CHECK(white.array().square().mean() == Approx(1).epsilon(0.05));
}

TEST_CASE("actor noise: saved in the middle of an episode it goes on as if it had not been") {
  for (const NoiseKind kind : {NoiseKind::kGaussian, NoiseKind::kOu, NoiseKind::kPink}) {
    const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
    ExplorationNoise<float> one = actor_noise(bounds, of(kind), 50, 3),
                            other = actor_noise(bounds, of(kind), 50, 4);
    const auto at = [](ExplorationNoise<float>& noise, int t) {
      Vecf action = Vecf::Zero(2);
      noise.disturb(t, action);
      return action;
    };
    one.next_episode();
    at(one, 0);
    StateDict state;
    one.save(state, "n.");
    CHECK(at(one, 20) != at(other, 20));
    other.load(state, "n.");
    for (const int t : {20, 49}) CHECK(at(one, t) == at(other, t));
  }
}

TEST_CASE("parameter noise: its scale finds the distance between actions that is asked for") {
  for (const double distance : {0.05, 0.2}) {
    const MlpPolicy policy = some_policy(1);
    ParameterNoise noise(distance, 5);
    const RandomStream random(7, Stream::kUser);
    double squares = 0;
    int count = 0;
    Batchf action(2, 1), mode(2, 1), memory(0, 1), obs(3, 1);
    MlpPolicy::Workspace workspace;
    constexpr std::uint32_t kAll = 20'000, kLast = 8'000;
    for (std::uint32_t step = 0; step < kAll; ++step) {
      if (step % 100 == 0) noise.next_episode();
      for (Index i = 0; i < 3; ++i)
        obs(i, 0) = static_cast<float>(random.normal(step, static_cast<std::uint32_t>(i)));
      noise.act(policy, obs, action);
      policy.mode(obs, memory, mode, workspace);
      if (step < kAll - kLast) continue;
      squares += static_cast<double>((0.5f * (action - mode)).squaredNorm()) / 2;
      ++count;
    }
    CHECK(std::sqrt(squares / count) == Approx(distance).epsilon(0.2));
  }
}

TEST_CASE("parameter noise: it is drawn once an episode, follows the policy, and is saved") {
  const MlpPolicy policy = some_policy(1), learned = some_policy(2);
  const Batchf obs = Batchf::Constant(3, 1, 0.4f);
  const auto act = [&](ParameterNoise& noise, const MlpPolicy& by) {
    Batchf action(2, 1);
    noise.act(by, obs, action);
    return action;
  };
  ParameterNoise noise(0.1, 5);
  const Batchf first = act(noise, policy);
  CHECK(act(noise, policy) == first);
  CHECK(act(noise, learned) != first);
  noise.next_episode();
  CHECK(act(noise, policy) != first);

  for (int i = 0; i < 70; ++i) act(noise, policy);  // past an adaptation
  StateDict state;
  noise.save(state, "n.");
  ParameterNoise loaded(0.1, 5);
  loaded.load(state, "n.");
  CHECK(loaded.sigma() == noise.sigma());
  CHECK(loaded.sigma() != 0.1);
  for (int i = 0; i < 60; ++i) CHECK(act(loaded, policy) == act(noise, policy));
  CHECK(loaded.sigma() == noise.sigma());
}

TEST_CASE("actor noise: mistakes are named") {
  const auto refused = [](auto&& change) {
    ActorNoiseSettings s = of(NoiseKind::kOu);
    change(s);
    CHECK_THROWS_AS(s.validate(), Error);
  };
  refused([](ActorNoiseSettings& s) { s.theta = 0; });
  refused([](ActorNoiseSettings& s) { s.noise_beta = 1; });
  refused([](ActorNoiseSettings& s) { s.std = -1; });
  CHECK_NOTHROW(of(NoiseKind::kParameter).validate());
}

}  // namespace mbrl
