// Cloning against closed forms: the gain of a linear-quadratic regulator, the precision-weighted mean of two actions,
// the frequencies of choices.
#include "mbrl/learning/cloning.hpp"

#include <Eigen/LU>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/dare.hpp"

namespace mbrl {
namespace {

CloningSettings linear() {
  CloningSettings s;
  s.policy.hidden = {};
  s.adam.learning_rate = 0.01;
  s.epochs = 300;
  s.patience = 300;
  return s;
}

// Two kinds of demonstrations in one state, `often` times the first and as often the second.
Demonstrations two(float first, float second, Index often, float first_deviation, float second_deviation) {
  Demonstrations data{Batchf::Constant(1, 2 * often, 0.5f), Batchf(1, 2 * often), Batchf(1, 2 * often)};
  data.action.leftCols(often).setConstant(first);
  data.action.rightCols(often).setConstant(second);
  data.deviation.leftCols(often).setConstant(first_deviation);
  data.deviation.rightCols(often).setConstant(second_deviation);
  return data;
}

}  // namespace

TEST_CASE("cloning: recovers the gain of a linear-quadratic regulator") {
  Batchd a(2, 2), b(2, 1);
  a << 1, 0.1, 0, 1;
  b << 0, 0.1;
  const Batchd gain =
      infinite_lqr(a, b, Batchd::Identity(2, 2), Batchd::Constant(1, 1, 0.1)).gain;  // u = K x
  Demonstrations data{Batchf(2, 600), Batchf(), Batchf()};
  const RandomStream random(3, Stream::kUser);
  for (std::uint32_t j = 0; j < 600; ++j)
    for (std::uint32_t i = 0; i < 2; ++i)
      data.obs(i, j) = static_cast<float>(random.uniform(-1.0, 1.0, j, i));
  data.action = gain.cast<float>() * data.obs;

  // So wide that tanh is straight where the data are.
  const ActionBounds bounds(Vecd::Constant(1, -200.0), Vecd::Constant(1, 200.0));
  MlpPolicy policy = new_cloned_policy(2, bounds, linear(), 1, 0);
  const CloningReport report = clone(data, linear(), 1, 0, policy);
  CHECK(report.validation_loss < 1e-7);
  MlpPolicy::Workspace w;
  Batchf memory(0, 2), action(1, 2);
  policy.mode(Batchf::Identity(2, 2) * 0.5f, memory, action, w);
  for (int i = 0; i < 2; ++i) CHECK(action(0, i) / 0.5 == Approx(gain(0, i)).epsilon(0.01));

  CloningSettings again = linear();  // a warm fit begins where the last one ended
  again.epochs = 1;
  again.adam.learning_rate = 1e-9;
  CHECK(clone(data, again, 1, 1, policy, {}, true).validation_loss < 1e-6);
}

TEST_CASE("cloning: the KL divergence weighs actions by their precision") {
  CloningSettings s = linear();
  s.loss = CloningLoss::kKl;
  s.min_std = 1e-3;
  s.validation = 0;
  s.batch_size = 64;
  s.epochs = s.patience = 4000;
  const ActionBounds bounds(Vecd::Constant(1, -2.0), Vecd::Constant(1, 2.0));
  MlpPolicy policy = new_cloned_policy(1, bounds, s, 1, 0);
  clone(two(1.0f, -0.2f, 32, 0.2f, 0.4f), s, 1, 0, policy);
  MlpPolicy::Workspace w;
  Batchf memory(0, 1), action(1, 1), obs = Batchf::Constant(1, 1, 0.5f);
  policy.mode(obs, memory, action, w);
  const double p = 1 / 0.04, q = 1 / 0.16;
  CHECK(action(0, 0) == Approx((p * 1.0 - q * 0.2) / (p + q)).margin(2e-3));

  // Its deviation, to first order in tanh: the variance is the mean precision's inverse.
  Batchf output(2, 1);
  policy.network().evaluate(obs, output);
  const double slope = 1 - std::pow(std::tanh(output(0, 0)), 2);
  CHECK(2 * slope * std::exp(0.5 * output(1, 0)) == Approx(std::sqrt(2 / (p + q))).epsilon(0.03));

  // The mean of the actions, without weights.
  CloningSettings mean = s;
  mean.loss = CloningLoss::kMean;
  MlpPolicy plain = new_cloned_policy(1, bounds, mean, 1, 0);
  clone(two(1.0f, -0.2f, 32, 0.2f, 0.4f), mean, 1, 0, plain);
  plain.mode(obs, memory, action, w);
  CHECK(action(0, 0) == Approx(0.4).margin(2e-3));
}

TEST_CASE("cloning: choices are as probable as they were frequent") {
  CloningSettings s = linear();
  s.validation = 0;
  s.epochs = s.patience = 2000;
  Demonstrations data{Batchf::Constant(1, 60, 0.5f), Batchf::Zero(1, 60), Batchf()};
  data.action.leftCols(30).setConstant(1);
  data.action.leftCols(6).setConstant(2);
  CategoricalPolicy policy(1, ActionBounds::choice_of(3), s.policy, 1);
  clone(data, s, 1, 0, policy);
  CategoricalPolicy::Workspace w;
  Batchf memory(0, 3), actions(1, 3);
  actions << 0, 1, 2;
  Vecf log_prob(3);
  policy.log_probability(Batchf::Constant(1, 3, 0.5f), memory, actions, log_prob, w);
  CHECK(std::exp(log_prob(0)) == Approx(0.5).margin(0.01));
  CHECK(std::exp(log_prob(1)) == Approx(0.4).margin(0.01));
  CHECK(std::exp(log_prob(2)) == Approx(0.1).margin(0.01));
}

TEST_CASE("cloning: in precisions of correlated actions, the mean of two is (P + Q)^-1 (P a + Q b)") {
  const Batchd p{{4.0, 1.5}, {1.5, 1.0}}, q{{1.0, -0.5}, {-0.5, 2.0}};
  const Vecd a{{0.5, -0.8}}, b{{-0.6, 0.4}};
  constexpr Index kOften = 32;
  Demonstrations data{
      Batchf::Constant(1, 2 * kOften, 0.5f), Batchf(2, 2 * kOften), {}, Batchf(4, 2 * kOften)};
  data.action << a.cast<float>().replicate(1, kOften), b.cast<float>().replicate(1, kOften);
  data.precision << p.reshaped().cast<float>().replicate(1, kOften),
      q.reshaped().cast<float>().replicate(1, kOften);
  CloningSettings s = linear();
  s.loss = CloningLoss::kPrecision;
  s.validation = 0;
  // Bounds of different widths: distances are in action units whatever they are.
  const ActionBounds bounds(Vecd{{-2.0, -1.0}}, Vecd{{2.0, 3.0}});
  MlpPolicy policy = new_cloned_policy(1, bounds, s, 1, 0);
  clone(data, s, 1, 0, policy);
  MlpPolicy::Workspace w;
  Batchf memory(0, 1), action(2, 1);
  policy.mode(Batchf::Constant(1, 1, 0.5f), memory, action, w);
  const Vecd expected = (p + q).inverse() * (p * a + q * b);
  CHECK((action.cast<double>() - expected).norm() < 0.01);

  data.precision.resize(4, 0);
  CHECK_THROWS_WITH(clone(data, s, 1, 0, policy), Catch::Contains("precision matrices"));
}

TEST_CASE("cloning: says what is wrong with its data and settings") {
  const ActionBounds bounds(Vecd::Constant(1, -2.0), Vecd::Constant(1, 2.0));
  CloningSettings s = linear();
  MlpPolicy policy = new_cloned_policy(1, bounds, s, 1, 0);
  CHECK_THROWS_WITH(clone({}, s, 1, 0, policy), Catch::Contains("no demonstrations"));
  Demonstrations data = two(1, 0, 4, 0.1f, 0.1f);
  data.action(0, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(clone(data, s, 1, 0, policy), Catch::Contains("not finite"));
  s.batch_size = 0;
  CHECK_THROWS_WITH(clone(two(1, 0, 4, 0.1f, 0.1f), s, 1, 0, policy), Catch::Contains("batch_size is 0"));
  CloningSettings kl = linear();
  kl.loss = CloningLoss::kKl;
  MlpPolicy gaussian = new_cloned_policy(1, bounds, kl, 1, 0);
  data = two(1, 0, 4, 0.1f, 0.1f);
  data.deviation.resize(1, 0);
  CHECK_THROWS_WITH(clone(data, kl, 1, 0, gaussian), Catch::Contains("expert's Gaussian"));
  Demonstrations more = two(1, 0, 4, 0.1f, 0.1f);
  CHECK_THROWS_WITH(more.append(data), Catch::Contains("some have deviations"));
}

}  // namespace mbrl
