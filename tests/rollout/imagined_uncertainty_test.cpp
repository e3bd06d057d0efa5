// What imagination says an ensemble does not know: against its definitions in double precision; measuring it changes
// no trajectory.
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "each_target.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/policy/linear.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "models/neural/ensemble_oracle.hpp"
#include "rollout/trajectory_cases.hpp"

namespace mbrl {
namespace {

using enum EnsembleUncertainty;
using testing::same;

constexpr std::uint64_t kUncertaintySeed = 7;

void first_entry(ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float> next, int,
                 VecRef<float> out) {
  out = next.row(0).transpose();
}

// One of its entries is constant in an episode.
MlpEnsemble model_with_a_constant() {
  MlpEnsemble model = testing::lively_model({30, 40}, Activation::kSilu, true, 4);
  model.encoding.targets[3] = TargetKind::kConstant;
  model.max_logvar.assign(5, 2.0f);  // so that variances are not all at their bound
  model.elites = {3, 0};
  return model;
}

MlpPolicy test_policy(int obs_dim, int action_dim) {
  MlpPolicySettings settings;
  settings.network.hidden = {16};
  return {obs_dim, ActionBounds::uniform(action_dim, -1.0, 2.0), settings, 5};
}

// By the definitions, of one column.
double uncertainty_in_double(EnsembleUncertainty kind, const MlpEnsemble& model, const Batchf& obs,
                             const Batchf& action) {
  const int members = static_cast<int>(model.members.size());
  std::vector<Index> entries;
  for (Index i = 0; i < model.obs_dim(); ++i)
    if (model.encoding.targets[static_cast<std::size_t>(i)] != TargetKind::kConstant) entries.push_back(i);
  if (model.settings.learned_reward && kind != kDisagreement) entries.push_back(model.obs_dim());
  std::vector<Vecd> mean, variance;
  for (int m = 0; m < members; ++m) {
    const auto y = testing::predict_in_double(model, m, obs, action);
    mean.push_back(y.mean.col(0)(entries));
    variance.push_back(y.logvar.col(0).array().exp().matrix()(entries));
  }
  double most = 0, sum = 0;
  if (kind == kDivergence) {
    for (std::size_t m = 0; m < mean.size(); ++m)
      for (std::size_t n = 0; n < m; ++n) {
        // KL(g || m) and KL(g || n), g of the mean precision and the mean of precision times mean.
        const Vecd precision = 0.5 * (variance[m].cwiseInverse() + variance[n].cwiseInverse());
        const Vecd centre = 0.5 * (mean[m].cwiseQuotient(variance[m]) + mean[n].cwiseQuotient(variance[n]))
                                      .cwiseQuotient(precision);
        for (const std::size_t k : {m, n})
          for (Index i = 0; i < centre.size(); ++i) {
            const double ratio = 1 / (precision(i) * variance[k](i)), off = centre(i) - mean[k](i);
            sum += 0.25 * (ratio - 1 - std::log(ratio) + off * off / variance[k](i));
          }
      }
    return sum / (0.5 * members * (members - 1));
  }
  Vecd centre = Vecd::Zero(mean[0].size());
  for (const Vecd& mu : mean) centre += mu / members;
  for (std::size_t m = 0; m < mean.size(); ++m)
    most = std::max(most, kind == kDeviation ? std::sqrt(variance[m].sum()) : (mean[m] - centre).norm());
  return most;
}

void check_against_double(const MlpEnsemble& model, const RewardFunction<float>& reward) {
  ThreadPool pool(2);
  const int n = model.obs_dim();
  const MlpPolicy policy = test_policy(n, model.action_dim);
  const Batchf starts = testing::normals(n, 53, 8);
  for (const EnsembleUncertainty kind : {kDeviation, kDisagreement, kDivergence}) {
    const Trajectories found = imagine(model, reward, {}, policy, starts,
                                       {.horizon = 3, .propagation = Propagation::kTS1, .uncertainty = kind},
                                       {}, pool, kUncertaintySeed);
    REQUIRE(found.uncertainty.rows() == 53);
    double worst = 0;
    for (int h = 0; h < 3; ++h)
      for (Index k = 0; k < 53; ++k) {
        const double u =
            uncertainty_in_double(kind, model, found.obs_at(h).col(k), found.action_at(h).col(k));
        worst = std::max(worst, std::abs(static_cast<double>(found.uncertainty(k, h)) - u) / (0.01 + u));
      }
    INFO("kind " << static_cast<int>(kind));
    CHECK(worst < 1e-4);
    CHECK(found.uncertainty.maxCoeff() > 1.1f * found.uncertainty.minCoeff());
  }
}

TEST_CASE("imagined uncertainty: as in double precision on every instruction set") {
  testing::for_each_target([&](const std::string& target) {
    INFO(target);
    check_against_double(model_with_a_constant(), first_entry);
  });
  // With a reward that is learned, which counts where variances do.
  MlpEnsembleSettings settings;
  settings.members = 3;
  settings.hidden = {12};
  settings.learned_reward = true;
  MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(2), 1, 3);
  for (auto& layers : model.members)
    for (DenseLayer& layer : layers)
      for (float& w : layer.weight) w *= 3.0f;
  check_against_double(model, {});
}

TEST_CASE("imagined uncertainty: the divergence of Gaussians of one entry by numerical integration") {
  // Networks without an input: N(0, 1), N(1, 1) and N(-0.5, 0.3^2), but for the bounds of their variances.
  MlpEnsembleSettings settings;
  settings.members = 3;
  settings.hidden = {};
  MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(1), 1, 0);
  const float means[] = {0, 1, -0.5f}, logvars[] = {0, 0, 2 * std::log(0.3f)};
  for (std::size_t m = 0; m < 3; ++m) {
    model.members[m][0].weight_matrix().setZero();
    model.members[m][0].bias_vector() << means[m], logvars[m];
  }
  model.max_logvar = {10};
  model.min_logvar = {-20};

  const Batchf zero = Batchf::Zero(1, 1);
  std::vector<double> mean, sigma;
  for (int m = 0; m < 3; ++m) {
    const auto y = testing::predict_in_double(model, m, zero, zero);
    mean.push_back(y.mean(0, 0));
    sigma.push_back(std::exp(0.5 * y.logvar(0, 0)));
  }
  const auto log_density = [&](std::size_t m, double x) {
    const double z = (x - mean[m]) / sigma[m];
    return -0.5 * z * z - std::log(sigma[m] * std::sqrt(2 * std::numbers::pi));
  };
  constexpr double kStep = 1e-3;
  const auto integral = [&](const auto& f) {
    double sum = 0;
    for (double x = -12; x < 12; x += kStep) sum += kStep * f(x);
    return sum;
  };
  double expected = 0;
  for (std::size_t m = 0; m < 3; ++m)
    for (std::size_t n = 0; n < m; ++n) {
      const auto log_root = [&](double x) { return 0.5 * (log_density(m, x) + log_density(n, x)); };
      const double log_total = std::log(integral([&](double x) { return std::exp(log_root(x)); }));
      const auto log_g = [&](double x) { return log_root(x) - log_total; };
      for (const std::size_t k : {m, n})
        expected +=
            0.5 / 3 * integral([&](double x) { return std::exp(log_g(x)) * (log_g(x) - log_density(k, x)); });
    }

  ThreadPool pool(1);
  LinearPolicy still(1, ActionBounds::uniform(1, -1.0, 1.0));
  still.set(Batchd::Zero(1, 1), Vecd::Zero(1));
  const Trajectories found = imagine(model, first_entry, {}, still, zero,
                                     {.horizon = 1, .uncertainty = kDivergence}, {}, pool, kUncertaintySeed);
  CHECK(expected > 0.2);
  CHECK(static_cast<double>(found.uncertainty(0, 0)) == Approx(expected).epsilon(1e-4));
}

TEST_CASE("imagined uncertainty: measuring it changes no trajectory, threads change no bit of it") {
  ThreadPool one(1), three(3);
  const MlpEnsemble model = model_with_a_constant();
  const MlpPolicy policy = test_policy(5, 2);
  const Batchf starts = testing::normals(5, 501, 8);
  for (const Propagation how : {Propagation::kExpectation, Propagation::kTS1, Propagation::kTSinf}) {
    const auto run = [&](EnsembleUncertainty kind, ThreadPool& pool) {
      return imagine(model, first_entry, testing::wider_than(2.0f), policy, starts,
                     {.horizon = 4, .propagation = how, .uncertainty = kind}, {1, 2, 3}, pool,
                     kUncertaintySeed);
    };
    const Trajectories plain = run(kNone, one);
    CHECK(plain.uncertainty.size() == 0);
    for (const EnsembleUncertainty kind : {kDeviation, kDisagreement, kDivergence}) {
      const Trajectories a = run(kind, one), b = run(kind, three);
      CHECK(same(plain, a));
      CHECK(same(a, b));
      CHECK(a.uncertainty == b.uncertainty);
      int ended = 0;
      for (Index k = 0; k < a.count(); ++k)
        for (int h = 0; h < 4; ++h) {
          const bool over = h >= a.length[static_cast<std::size_t>(k)];
          ended += over;
          CHECK((a.uncertainty(k, h) > 0) != over);
        }
      CHECK(ended > 20);
    }
  }
}

TEST_CASE("imagined uncertainty: what is not finite ends a trajectory, what is not predicted is refused") {
  ThreadPool pool(1);
  MlpEnsemble model = testing::lively_model({8}, Activation::kRelu, false, 2);
  const MlpPolicy policy = test_policy(5, 2);
  const auto make = [&](const MlpEnsemble& m, EnsembleUncertainty kind) {
    return Imagination<MlpPolicy>(m, first_entry, {}, {.horizon = 2, .uncertainty = kind}, pool,
                                  kUncertaintySeed);
  };
  CHECK_THROWS_WITH(make(model, kDeviation), Catch::Contains("no variances"));
  CHECK_THROWS_WITH(make(model, kDivergence), Catch::Contains("no variances"));
  Imagination<MlpPolicy> distances = make(model, kDisagreement);
  const MlpEnsemble gaussian = testing::lively_model({8}, Activation::kRelu, true, 1);
  CHECK_THROWS_WITH(make(gaussian, kDivergence), Catch::Contains("two or more"));
  CHECK_THROWS_WITH(
      make(testing::lively_model({8}, Activation::kRelu, true, 2), kDivergence).set_model(model),
      Catch::Contains("no variances"));

  // Only the second network is beyond floats, and it is no elite.
  Trajectories out;
  distances.run(policy, testing::normals(5, 4, 8), {}, out);
  CHECK(out.length == std::vector<int>(4, 2));
  model.elites = {0};
  model.members[1].back().bias[0] = 3e38f;
  distances.set_model(model);
  distances.run(policy, testing::normals(5, 4, 8), {}, out);
  CHECK(out.diverged == std::vector<std::uint8_t>(4, 1));
  CHECK(out.uncertainty.isZero());
}

}  // namespace
}  // namespace mbrl
