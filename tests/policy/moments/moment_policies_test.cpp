// The policies of PILCO: moments against sampling, gradients against differences, what acts is what was matched.
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/policy/moments/affine.hpp"
#include "mbrl/policy/moments/rbf_network.hpp"
#include "mbrl/policy/moments/squashed.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

namespace {

using Rbf = SquashedPolicy<RbfNetwork>;
using Affine = SquashedPolicy<AffineMap>;
static_assert(MomentPolicy<Rbf> && MomentPolicy<Affine> && Actor<MomentActor<Rbf>>);

ActionBounds range() { return {Vecd{{-2.0, 1.0}}, Vecd{{3.0, 1.5}}}; }

Rbf rbf() {
  const Batchd lengths = (0.2 * random_matrix(3, 2, 1, 2)).array().exp();
  return {RbfNetwork(random_matrix(3, 8, 1, 0), 0.5 * random_matrix(8, 2, 1, 1), lengths), range()};
}
Affine affine() {
  AffineMap map(3, 2);
  map.set_parameters(0.5 * random_matrix(8, 1, 2, 0));
  return {map, range()};
}

template <class P>
void check_gradients(const P& policy) {
  const GaussianMoments in = random_gaussian(3, 0.6, 3);
  const MomentImage adjoint = random_adjoint(3, 2, 4);
  typename P::Tape tape;
  typename P::Gradient accumulated;
  MomentImage out;
  GaussianMoments gradient;
  policy.forward(in, out, tape);
  accumulated.set_zero(policy);
  policy.backward(adjoint, tape, gradient, accumulated);
  check_gradient([&](const GaussianMoments& m) { return inner(adjoint, image_of(policy, m)); }, in, gradient);
  check_parameter_gradient([&](const P& p) { return inner(adjoint, image_of(p, in)); }, policy,
                           policy.gradient(accumulated));
}

}  // namespace

TEST_CASE("moment policies: gradients are those of differences") {
  check_gradients(rbf().function());
  check_gradients(rbf());
  check_gradients(affine().function());
  check_gradients(affine());
}

TEST_CASE("moment policies: moments are those of a million samples") {
  const GaussianMoments in = random_gaussian(3, 0.7, 5);
  const Rbf network = rbf();
  check_by_sampling([&](const Vecd& x, std::uint32_t, Vecd& y) { network.function().value(x, y); }, in,
                    image_of(network.function(), in));
  const Affine linear =
      affine();  // of a Gaussian the map is Gaussian, so that the squashed moments are exact
  check_by_sampling([&](const Vecd& x, std::uint32_t, Vecd& y) { linear.value(x, y); }, in,
                    image_of(linear, in));
}

TEST_CASE("moment policies: a network gives its targets at its centres, and an actor acts within the range") {
  const Batchd centres = 3.0 * random_matrix(3, 5, 7, 0);
  const Batchd targets = 0.8 * random_matrix(5, 1, 7, 1);
  const RbfNetwork network(centres, targets, Batchd::Ones(3, 1));
  Vecd y(1);
  for (Index i = 0; i < 5; ++i) {
    network.value(centres.col(i), y);
    CHECK(y(0) == Approx(targets(i, 0)).margin(2e-3));
  }
  RbfNetwork copy = network;
  copy.set_parameters(network.parameters());
  CHECK(copy.parameters() == network.parameters());

  const Rbf policy = rbf();
  MomentActor<Rbf> actor(ObsEncoding::identity(3), policy);
  const GaussianMoments in{random_matrix(3, 1, 8, 0), Batchd::Zero(3, 3)};
  CHECK((actor.act(in.mean, 0) - image_of(policy, in).mean).cwiseAbs().maxCoeff() <= 1e-12);
  for (std::uint32_t i = 0; i < 50; ++i) {
    const Vecd action = actor.act(3.0 * random_matrix(3, 1, 9, i).col(0), 0);
    CHECK((action(0) >= -2.0 && action(0) <= 3.0 && action(1) >= 1.0 && action(1) <= 1.5));
  }

  CHECK_THROWS_AS(copy.set_parameters(Vecd::Zero(3)), Error);
  CHECK_THROWS_AS(RbfNetwork(centres, targets, Batchd::Zero(3, 1)), Error);
  CHECK_THROWS_AS(RbfNetwork(centres, Batchd::Ones(4, 1), Batchd::Ones(3, 1)), Error);
  CHECK_THROWS_AS(Affine(AffineMap(3, 1), range()), Error);
  CHECK_THROWS_AS(MomentActor<Rbf>(ObsEncoding::identity(2), policy), Error);
}
