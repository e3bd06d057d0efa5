// Whole roll-outs of moments: gradients against differences, and where every map is linear against the closed form;
// where it is not, one step against sampling.
#include "mbrl/rollout/moments/moment_rollout.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/policy/moments/affine.hpp"
#include "mbrl/policy/moments/rbf_network.hpp"
#include "mbrl/policy/moments/squashed.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

namespace {

using Kind = ObsFeature::Kind;
using Policy = SquashedPolicy<RbfNetwork>;

// A rate whose next value is predicted, and an angle whose change is.
ObsEncoding encoding() {
  ObsEncoding e;
  e.features = {{Kind::kIdentity, 0}, {Kind::kSin, 1}, {Kind::kCos, 1}};
  e.targets = {TargetKind::kAbsolute, TargetKind::kDelta};
  return e;
}

KernelSums sums() {
  return {.centres = random_matrix(4, 15, 1, 0),
          .weights = 0.3 * random_matrix(15, 2, 1, 1),
          .lengthscale2 = 2.0 * (0.3 * random_matrix(4, 2, 1, 2)).array().exp(),
          .signal2 = Vecd::Ones(2)};
}

Policy policy() {
  const RbfNetwork network(random_matrix(3, 6, 2, 0), 0.5 * random_matrix(6, 1, 2, 1), Batchd::Ones(3, 1));
  return {network, {Vecd{{-1.5}}, Vecd{{1.0}}}};
}

SaturatingCost cost() { return {random_matrix(2, 3, 3, 0), random_matrix(3, 1, 3, 1)}; }

MomentRollout<Policy> rollout(int horizon) {
  return {MomentDynamics(KernelMoments(sums()), encoding()), cost(), random_gaussian(2, 0.3, 4), horizon};
}

}  // namespace

TEST_CASE("moment rollout: the gradient is that of differences") {
  for (const int horizon : {1, 2, 8}) {
    const MomentRollout<Policy> r = rollout(horizon);
    MomentRollout<Policy>::Workspace w;
    const Policy at = policy();
    Vecd gradient;
    const double value = r.evaluate(at, w, &gradient);
    CHECK(value == r.evaluate(at, w));
    CHECK(static_cast<int>(w.costs.size()) == horizon);
    check_parameter_gradient([&](const Policy& p) { return r.evaluate(p, w); }, at, gradient);
  }
}

// A narrow start stays narrow and nearly Gaussian: there moments are those of samples.
TEST_CASE("moment rollout: a narrow Gaussian goes where samples go") {
  const int horizon = 5;
  const Policy at = policy();
  GaussianMoments start = random_gaussian(2, 1.0, 4);
  start.covariance = 1e-4 * (start.covariance + Batchd::Identity(2, 2));
  const MomentRollout<Policy> r(MomentDynamics(KernelMoments(sums()), encoding()), cost(), start, horizon);
  MomentRollout<Policy>::Workspace w;
  const double value = r.evaluate(at, w);

  const KernelMoments f(sums());
  const Batchd root = Eigen::LLT<Batchd>(start.covariance).matrixL();
  const RandomStream random(5, Stream::kUser);
  constexpr std::uint32_t kSamples = 20000;
  double total = 0.0;
  Batchd last(2, kSamples);
  Vecd input(4), target(2), action(1);
  Batchd features(3, 1);
  for (std::uint32_t s = 0; s < kSamples; ++s) {
    Vecd x = start.mean + root * Vecd{{random.normal(s, 0), random.normal(s, 1)}};
    for (int t = 0; t < horizon; ++t) {
      encoding().encode<double>(x, features);
      at.value(features.col(0), action);
      input << features, action;
      f.value(input, target);
      x = Vecd{{target(0), x(1) + target(1)}};
      encoding().encode<double>(x, features);
      total += cost()(features.col(0));
    }
    last.col(s) = x;
  }
  CHECK(value == Approx(total / kSamples).epsilon(2e-4));
  const Vecd mean = last.rowwise().mean();
  const Batchd centred = last.colwise() - mean, covariance = centred * centred.transpose() / kSamples;
  CHECK((w.state(horizon).mean - mean).cwiseAbs().maxCoeff() <= 1e-3);
  CHECK((w.state(horizon).covariance - covariance).norm() <= 0.05 * covariance.norm());
}

TEST_CASE("moment rollout: what does not fit is refused, and a cost that is lost is NaN") {
  const MomentDynamics dynamics(KernelMoments(sums()), encoding());
  const GaussianMoments start = random_gaussian(2, 0.3, 4);
  CHECK_THROWS_AS(MomentRollout<Policy>(dynamics, cost(), start, 0), Error);
  CHECK_THROWS_AS(MomentRollout<Policy>(dynamics, cost(), random_gaussian(3, 0.3, 4), 2), Error);
  CHECK_THROWS_AS(MomentRollout<Policy>(dynamics, {Batchd::Ones(1, 2), Vecd::Ones(2)}, start, 2), Error);
  ObsEncoding constant = encoding();
  constant.hold_constant(0, 1);
  CHECK_THROWS_AS(MomentDynamics(KernelMoments(sums()), constant), Error);
  CHECK_THROWS_AS(MomentDynamics(KernelMoments(sums()), ObsEncoding::identity(4)), Error);

  GaussianMoments broken = start;
  broken.covariance(0, 0) = -50.0;
  MomentRollout<Policy>::Workspace w;
  Vecd gradient;
  CHECK(std::isnan(MomentRollout<Policy>(dynamics, cost(), broken, 3).evaluate(policy(), w, &gradient)));
  CHECK(gradient.size() == policy().parameters().size());
}
