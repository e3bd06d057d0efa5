// Trust region policy optimisation: its Fisher matrix against one that is written out, its bound, and a choice whose best
// action is known.
#include "mbrl/learning/trpo.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

using testing::equal;
using testing::fill_uniform;
using testing::state_of;

TrpoSettings small_trpo(std::vector<int> hidden = {16}) {
  TrpoSettings s;
  s.policy.hidden = s.value.hidden = std::move(hidden);
  return s;
}

const ActionBounds& planar_bounds() {
  static const ActionBounds all = ActionBounds::uniform(2, 0, 4);
  return all;
}

OnPolicyBatch planar_batch(std::uint32_t round, Index n) {
  OnPolicyBatch b{Batchf(3, n), Batchf(2, n), Vecf(n), Vecf(n), Vecf::Zero(n)};
  fill_uniform(b.obs, -1, 1, round, 0);
  fill_uniform(b.action, 0.1, 3.9, round, 1);
  for (Index j = 0; j < n; ++j) {
    b.advantage(j) = b.obs(0, j) * (b.action(0, j) - 2) - std::abs(b.action(1, j) - 1);
    b.target(j) = b.obs(1, j);
  }
  return b;
}

// Log-density of the Gaussian before tanh, in double.
double log_density(const MlpPolicy& policy, const Vecd& outputs, const Vecd& u) {
  const Index dim = u.size();
  double sum = 0;
  for (Index i = 0; i < dim; ++i) {
    const auto softplus = [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); };
    const double high = policy.settings().max_logvar, low = policy.settings().min_logvar;
    double v = high - softplus(high - outputs(dim + i));
    v = low + softplus(v - low);
    sum += -0.5 * std::pow(u(i) - outputs(i), 2) * std::exp(-v) - 0.5 * v;
  }
  return sum;
}

// A network's outputs for one observation, and their derivatives with respect to its parameters, by backward passes.
struct Linearised {
  Vecd outputs;
  Batchd jacobian;
};
Linearised linearised(const nn::Network& network, const Batchf& obs) {
  nn::Pass pass(network, 1);
  pass.set_input(obs);
  pass.forward(network, 1);
  const Index outputs = network.out(), size = static_cast<Index>(network.parameters().size());
  Linearised at{pass.outputs(1).col(0).cast<double>(), Batchd(outputs, size)};
  for (Index o = 0; o < outputs; ++o) {
    AlignedFloats row;
    pass.output_gradients(1).setZero();
    pass.output_gradients(1)(o, 0) = 1;
    pass.backward(network, 1, &row);
    at.jacobian.row(o) = Eigen::Map<const Vecf>(row.data(), size).cast<double>().transpose();
  }
  return at;
}

// Products of the optimiser against this matrix, the damping taken off.
template <class T>
void check_products(T& trpo, const Batchf& obs, const Batchd& fisher, double damping) {
  const auto size = static_cast<std::size_t>(fisher.rows());
  for (std::uint32_t trial = 0; trial < 3; ++trial) {
    AlignedFloats v(size);
    const RandomStream random(4, Stream::kUser);
    for (std::size_t p = 0; p < size; ++p)
      v[p] = static_cast<float>(random.normal(trial, static_cast<std::uint32_t>(p)));
    const AlignedFloats product = trpo.fisher_product(obs, v);
    const Vecd direction = Eigen::Map<const Vecf>(v.data(), fisher.rows()).cast<double>();
    const Vecd got =
        Eigen::Map<const Vecf>(product.data(), fisher.rows()).cast<double>() - damping * direction;
    const Vecd expected = fisher * direction;
    CHECK((got - expected).norm() < 1e-5 * expected.norm());
  }
}

}  // namespace

TEST_CASE("trpo: products with the Fisher matrix are those of the matrix written out") {
  // F = mean over observations of J' M J. J comes row by row from backward passes; M is the expectation of the Hessian of
  // -log p over the Gaussian's own draws: of a function quadratic in u, exactly by the three points of Gauss and Hermite.
  ThreadPool pool(2);
  TrpoSettings settings = small_trpo({7});
  settings.cg_damping = 0.1;
  Trpo trpo(3, planar_bounds(), settings, 3, pool);
  constexpr Index kObs = 150, kOutputs = 4;
  Batchf obs(3, kObs);
  fill_uniform(obs, -1, 1, 0, 0);
  const MlpPolicy& policy = trpo.policy();
  const std::size_t size = policy.parameters().size();
  Batchd fisher = Batchd::Zero(static_cast<Index>(size), static_cast<Index>(size));
  for (Index n = 0; n < kObs; ++n) {
    const auto [outputs, j] = linearised(policy.network(), obs.col(n));
    Batchd m = Batchd::Zero(kOutputs, kOutputs);
    constexpr double kStep = 1e-3;
    for (Index i = 0; i < 2; ++i) {
      const Vecd mean = outputs.head(2);
      Vecd aside = mean;
      aside(i) += 1;
      const double precision =
          -2 * (log_density(policy, outputs, aside) - log_density(policy, outputs, mean));
      const double sigma = 1 / std::sqrt(precision);
      for (const double point : {-std::sqrt(3.0), 0.0, std::sqrt(3.0)}) {
        const double weight = point == 0 ? 2.0 / 3 : 1.0 / 6;
        Vecd u = mean;
        u(i) += sigma * point;
        for (const Index o : {i, 2 + i}) {
          Vecd above = outputs, below = outputs;
          above(o) += kStep;
          below(o) -= kStep;
          m(o, o) -= weight *
                     (log_density(policy, above, u) - 2 * log_density(policy, outputs, u) +
                      log_density(policy, below, u)) /
                     (kStep * kStep);
        }
      }
    }
    fisher += j.transpose() * m * j / double{kObs};
  }
  check_products(trpo, obs, fisher, settings.cg_damping);
}

TEST_CASE("trpo: of choices as well, M being the Hessian of KL") {
  // J as above; M by differences of the gradient of KL(old || new) in the logits, softmax - old, in double.
  ThreadPool pool(2);
  TrpoSettings settings = small_trpo({5});
  DiscreteTrpo trpo(3, ActionBounds::choice_of(4), settings, 3, pool);
  constexpr Index kObs = 150, kOutputs = 4;
  Batchf obs(3, kObs);
  fill_uniform(obs, -1, 1, 0, 0);
  const CategoricalPolicy& policy = trpo.policy();
  const std::size_t size = policy.parameters().size();
  Batchd fisher = Batchd::Zero(static_cast<Index>(size), static_cast<Index>(size));
  for (Index n = 0; n < kObs; ++n) {
    const auto [z, j] = linearised(policy.network(), obs.col(n));
    const auto softmax = [](const Vecd& logits) -> Vecd {
      return logits.array().exp() / logits.array().exp().sum();
    };
    Batchd m(kOutputs, kOutputs);
    constexpr double kStep = 1e-4;
    for (Index o = 0; o < kOutputs; ++o)
      m.col(o) =
          (softmax(z + kStep * Vecd::Unit(kOutputs, o)) - softmax(z - kStep * Vecd::Unit(kOutputs, o))) /
          (2 * kStep);
    fisher += j.transpose() * m * j / double{kObs};
  }
  check_products(trpo, obs, fisher, settings.cg_damping);
}

TEST_CASE("trpo: of choices a step stays within the bound, and the best is found") {
  ThreadPool one(1), three(3);
  TrpoSettings settings = small_trpo();
  settings.max_kl = 0.02;
  DiscreteTrpo trpo(3, ActionBounds::choice_of(3), settings, 1, one),
      other(3, ActionBounds::choice_of(3), settings, 1, three);
  constexpr Index kSteps = 300;
  CategoricalPolicy::Workspace workspace;
  OnPolicyBatch batch = planar_batch(0, kSteps);
  batch.action.resize(1, kSteps);
  Batchf memory(0, kSteps);
  for (std::uint32_t round = 0; round < 40; ++round) {
    trpo.policy().act(batch.obs, memory, {RandomStream(2, Stream::kUser).key(), round, {}}, batch.action,
                      workspace);
    // 2 where obs(0) is positive, 0 where it is not
    batch.advantage =
        (batch.obs.row(0).array().sign() * (batch.action.row(0).array() - 1)).matrix().transpose();
    const TrpoReport report = trpo.update(batch);
    REQUIRE(report.finite());
    CHECK(report.kl <= settings.max_kl);
    if (round == 0) CHECK(report.kl > 0.3 * settings.max_kl);
    if (round < 3) CHECK(report.gain == other.update(batch).gain);
  }
  trpo.policy().mode(batch.obs, memory, batch.action, workspace);
  CHECK((batch.obs.row(0).array().sign() * (batch.action.row(0).array() - 1)).mean() > 0.95f);
  CHECK(contains(error_of([&] { Trpo(3, ActionBounds::choice_of(3), settings, 1, one); }), "choices"));
}

TEST_CASE("trpo: a step gains, and stays within the bound") {
  ThreadPool pool(1);
  for (const double bound : {0.001, 0.01, 0.1}) {
    TrpoSettings settings = small_trpo();
    settings.max_kl = bound;
    Trpo trpo(3, planar_bounds(), settings, 1, pool);
    for (std::uint32_t round = 0; round < 15; ++round) {
      const TrpoReport report = trpo.update(planar_batch(round, 700));
      REQUIRE(report.finite());
      CHECK(report.kl <= bound);
      CHECK(report.gain >= 0);
      CHECK((report.step > 0) == (report.gain > 0));
      if (round < 5) CHECK(report.step > 0);
      if (round == 0) CHECK(report.kl > 0.3 * bound);  // the bound is used
    }
  }
}

TEST_CASE("trpo: with iterations enough, conjugate gradients solve the system") {
  ThreadPool pool(1);
  TrpoSettings settings = small_trpo({6});
  settings.cg_iterations = 100;
  Trpo many(3, planar_bounds(), settings, 1, pool);
  CHECK(many.update(planar_batch(0, 300)).residual < 1e-3);
  settings.cg_iterations = 1;
  Trpo one(3, planar_bounds(), settings, 1, pool);
  CHECK(one.update(planar_batch(0, 300)).residual > 0.05);
}

TEST_CASE("trpo: the policy of a single step finds the best action, and the value what it earns") {
  ThreadPool pool(1);
  TrpoSettings settings = small_trpo();
  settings.max_kl = 0.05;
  Trpo trpo(3, planar_bounds(), settings, 1, pool);
  constexpr Index kSteps = 256;
  MlpPolicy::Workspace workspace;
  OnPolicyBatch batch = planar_batch(0, kSteps);
  batch.obs.setConstant(0.5f);
  Batchf memory(0, kSteps);
  for (std::uint32_t round = 0; round < 100; ++round) {
    trpo.policy().act(batch.obs, memory, {RandomStream(2, Stream::kUser).key(), round, {}}, batch.action,
                      workspace);
    batch.target =
        -((batch.action.row(0).array() - 2.6f).square() + (batch.action.row(1).array() - 1.0f).square())
             .matrix()
             .transpose();
    trpo.values(batch.obs, batch.old_value);
    batch.advantage = batch.target - batch.old_value;
    REQUIRE(trpo.update(batch).finite());
  }
  Batchf action(2, 1), none(0, 1);
  trpo.policy().mode(batch.obs.leftCols(1), none, action, workspace);
  CHECK(action(0, 0) == Approx(2.6f).margin(0.15));
  CHECK(action(1, 0) == Approx(1.0f).margin(0.15));
  Vecf value(1);
  trpo.values(batch.obs.leftCols(1), value);
  CHECK(value(0) == Approx(batch.target.mean()).margin(0.1));
}

TEST_CASE("trpo: the number of threads changes no bit, nor does a stop") {
  ThreadPool one(1), two(2), three(3);
  Trpo a(3, planar_bounds(), small_trpo(), 4, one), b(3, planar_bounds(), small_trpo(), 4, two);
  for (std::uint32_t round = 0; round < 3; ++round) {
    const TrpoReport x = a.update(planar_batch(round, 500)), y = b.update(planar_batch(round, 500));
    CHECK(x.gain == y.gain);
    CHECK(x.value_loss == y.value_loss);
  }
  CHECK(equal(a, b));
  Trpo loaded(3, planar_bounds(), small_trpo(), 4, three);
  loaded.load(state_of(a), "");
  a.update(planar_batch(5, 500));
  loaded.update(planar_batch(5, 500));
  CHECK(equal(a, loaded));
}

TEST_CASE("trpo: mistakes are named, and numbers that are not finite change no policy") {
  ThreadPool pool(1);
  const auto refused = [&](auto change) {
    TrpoSettings settings = small_trpo();
    change(settings);
    return error_of([&] { Trpo(3, planar_bounds(), settings, 1, pool); });
  };
  CHECK(contains(refused([](TrpoSettings& s) { s.max_kl = 0; }), "max_kl is 0"));
  CHECK(contains(refused([](TrpoSettings& s) { s.backtrack_ratio = 1; }), "backtrack_ratio is 1"));
  CHECK(contains(refused([](TrpoSettings& s) { s.cg_damping = -1; }), "cg_damping is -1"));
  CHECK(contains(refused([](TrpoSettings& s) { s.policy.layer_norm = true; }), "layer_norm"));
  Trpo trpo(3, planar_bounds(), small_trpo(), 1, pool);
  OnPolicyBatch batch = planar_batch(0, 64);
  batch.target.conservativeResize(63);
  CHECK(contains(error_of([&] { trpo.update(batch); }), "expected 64"));
  batch = planar_batch(0, 64);
  batch.advantage(3) = std::numeric_limits<float>::quiet_NaN();
  const Batchf before = trpo.policy().network().layer(0).weight;
  CHECK_FALSE(trpo.update(batch).finite());
  CHECK(trpo.policy().network().layer(0).weight == before);
}

TEST_CASE("trpo: the entropy's weight moves the policy where its advantages do not") {
  ThreadPool pool(2);
  OnPolicyBatch batch = planar_batch(0, 300);
  MlpPolicy::Workspace w;
  Trpo plain(3, planar_bounds(), small_trpo(), 3, pool), wide(3, planar_bounds(), small_trpo(), 3, pool);
  Batchf memory(0, 300);
  plain.policy().act(batch.obs, memory, {}, batch.action,
                     w);  // what the policy does, so that its entropy is known
  batch.advantage.setZero();
  const MlpPolicy before = plain.policy();
  plain.update(batch);
  CHECK(equal(plain.policy(), before));
  const double first = wide.update(batch, 0.1).entropy;
  CHECK(!equal(wide.policy(), before));
  double last = first;
  for (std::uint32_t i = 1; i < 6; ++i) {
    wide.policy().act(batch.obs, memory, {{1, 2}, i, {}}, batch.action, w);
    last = wide.update(batch, 0.1).entropy;
  }
  CHECK(last > first + 0.05);  // of a squashed Gaussian at most 2 log 4
  CHECK(last <= 2 * std::log(4.0) + 0.1);
}

}  // namespace mbrl
