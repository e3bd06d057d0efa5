// Encodings: features against plain loops, decode against target.
#include "mbrl/task/observation_encoding.hpp"

#include <cmath>

#include "catch.hpp"

using namespace mbrl;

namespace {
// Cart-pole's: angle as sine and cosine, then the rest; the cart's position predicted absolutely.
ObsEncoding cart_pole() {
  using Kind = ObsFeature::Kind;
  return {
      {{Kind::kSin, 1}, {Kind::kCos, 1}, {Kind::kIdentity, 0}, {Kind::kIdentity, 2}, {Kind::kIdentity, 3}},
      {TargetKind::kAbsolute, TargetKind::kDelta, TargetKind::kDelta, TargetKind::kDelta}};
}
}  // namespace

TEST_CASE("features are entries, sines and cosines", "[encoding]") {
  const ObsEncoding encoding = cart_pole();
  CHECK(encoding.obs_dim() == 4);
  CHECK(encoding.feature_dim() == 5);
  const Batchd obs = Batchd::Random(4, 9);
  Batchd out(5, 9);
  encoding.encode<double>(obs, out);
  for (Index i = 0; i < 9; ++i) {
    CHECK(out(0, i) == Approx(std::sin(obs(1, i))));
    CHECK(out(1, i) == Approx(std::cos(obs(1, i))));
    CHECK(out(2, i) == obs(0, i));
    CHECK(out(3, i) == obs(2, i));
    CHECK(out(4, i) == obs(3, i));
  }
}

TEST_CASE("decode undoes target", "[encoding]") {
  for (const ObsEncoding& encoding : {cart_pole(), ObsEncoding::identity(4)}) {
    const Batchd obs = Batchd::Random(4, 20), next = Batchd::Random(4, 20);
    Batchd target(4, 20), back(4, 20);
    encoding.target<double>(obs, next, target);
    encoding.decode<double>(obs, target, back);
    CHECK((back - next).cwiseAbs().maxCoeff() < 1e-15);
    for (Index i = 0; i < 4; ++i) {
      const bool delta = encoding.targets[static_cast<std::size_t>(i)] == TargetKind::kDelta;
      CHECK(target(i, 0) == Approx(next(i, 0) - (delta ? obs(i, 0) : 0.0)));
    }
  }
}

TEST_CASE("encodings refuse wrong shapes and indices", "[encoding]") {
  const ObsEncoding encoding = cart_pole();
  Batchf out(5, 2), small(4, 2);
  CHECK_THROWS_AS(encoding.encode<float>(Batchf::Zero(3, 2), out), Error);
  CHECK_THROWS_AS(encoding.encode<float>(Batchf::Zero(4, 2), small), Error);
  CHECK_THROWS_AS(encoding.encode<float>(Batchf::Zero(4, 3), out), Error);
  CHECK_THROWS_AS(encoding.target<float>(Batchf::Zero(4, 2), Batchf::Zero(4, 3), small), Error);
  CHECK_THROWS_AS(encoding.decode<float>(Batchf::Zero(4, 2), Batchf::Zero(5, 2), small), Error);
  encoding.validate();
  ObsEncoding broken = encoding;
  broken.features.push_back({ObsFeature::Kind::kSin, 4});
  CHECK_THROWS_AS(broken.validate(), Error);
  broken.features.back().obs_index = -1;
  CHECK_THROWS_AS(broken.validate(), Error);
}
