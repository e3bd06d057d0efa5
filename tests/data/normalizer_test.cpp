// Statistics against two plain passes over the data; views of a buffer.
#include "mbrl/data/normalizer.hpp"

#include <cmath>
#include <limits>
#include <set>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/views.hpp"

using namespace mbrl;

TEST_CASE("many updates give the statistics of all data", "[normalizer]") {
  // A large offset: sums of squares without the shift would lose every digit.
  Batchd data = Batchd::Random(3, 1000);
  data.row(1) = (data.row(1) * 1e-3).array() + 1e6;
  data.row(2).setConstant(0.1);
  Normalizer running(3), whole(3);
  for (Index at = 0, n = 0; at < 1000; at += n) {
    n = std::min<Index>(1 + (at * 7) % 50, 1000 - at);
    running.update(Batchd(data.middleCols(at, n)));
  }
  running.update(Batchd(3, 0));
  whole.fit(data);
  CHECK(running.count() == 1000);
  for (Index i = 0; i < 3; ++i) {
    long double mean = 0, squares = 0;
    for (Index j = 0; j < 1000; ++j) mean += static_cast<long double>(data(i, j)) / 1000;
    for (Index j = 0; j < 1000; ++j) squares += (data(i, j) - mean) * (data(i, j) - mean) / 1000;
    const auto deviation = static_cast<double>(std::sqrt(squares));
    for (const Normalizer* n : {&running, &whole}) {
      CHECK(n->mean()(i) == Approx(static_cast<double>(mean)).epsilon(1e-13));
      CHECK(n->std()(i) == Approx(deviation).epsilon(1e-7).margin(1e-12));
    }
  }
  CHECK(running.scale()(2) == 1.0);  // constant: only centred
  CHECK(running.scale()(0) == running.std()(0));
}

TEST_CASE("normalised data has mean 0 and deviation 1, and comes back", "[normalizer]") {
  const Batchf data = (Batchf::Random(4, 500) * 3.0f).array() + 2.0f;
  Normalizer normalizer(4);
  normalizer.fit(data);
  Batchf z(4, 500), back(4, 500);
  normalizer.normalize(data, z);
  CHECK(z.rowwise().mean().cwiseAbs().maxCoeff() < 1e-5f);
  CHECK(((z.array().square().rowwise().mean()) - 1.0f).abs().maxCoeff() < 1e-5f);
  normalizer.denormalize(z, back);
  CHECK((back - data).cwiseAbs().maxCoeff() < 1e-5f);
  Batchf inplace = data;
  normalizer.normalize(inplace, inplace);
  CHECK(inplace == z);
  const Normalizer fresh(4);  // before any data: the identity
  fresh.normalize(data, z);
  CHECK(z == data);
}

TEST_CASE("the normaliser comes back from a checkpoint bit for bit", "[normalizer]") {
  Normalizer a(3), b(3);
  a.update(Batchd(Batchd::Random(3, 17)));
  StateDict state;
  a.save(state, "n.");
  b.load(state, "n.");
  const Batchd more = Batchd::Random(3, 5);
  a.update(more);
  b.update(more);
  CHECK(a.mean() == b.mean());
  CHECK(a.std() == b.std());
  CHECK(a.count() == b.count());
  Normalizer other(2);
  CHECK_THROWS_AS(other.load(state, "n."), Error);
  CHECK_THROWS_AS(b.load(state, "m."), Error);
  state.put("n.sum_of_squares", std::vector<double>{1, -1, 0});
  CHECK_THROWS_AS(b.load(state, "n."), Error);
}

TEST_CASE("the normaliser refuses wrong shapes and numbers", "[normalizer]") {
  Normalizer n(2);
  CHECK_THROWS_AS(n.update(Batchf(Batchf::Zero(3, 1))), Error);
  Batchf bad = Batchf::Zero(2, 2);
  bad(1, 1) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(n.update(bad), Error);
  CHECK(n.count() == 0);
  Batchf out(2, 3);
  CHECK_THROWS_AS(n.normalize(Batchf::Zero(2, 2), out), Error);
  CHECK_THROWS_AS(n.denormalize(Batchf::Zero(3, 3), out), Error);
  CHECK_THROWS_AS(Normalizer(0), Error);
  CHECK_THROWS_AS(Normalizer(2, -1.0), Error);
}

TEST_CASE("views name rows of the buffer", "[views]") {
  TransitionBuffer buffer(1, 1, 64);
  for (int i = 0; i < 100; ++i) {
    const Vecd x = Vecd::Constant(1, i);
    buffer.add(x, x, x, i, false, false);
  }
  const auto [train, holdout] = holdout_views(buffer, 0.25, 1000, 7, 2);
  CHECK(holdout.size() == 16);
  CHECK(train.size() == 48);
  std::set<float> seen;
  const Transitions held = holdout.batch(), kept = train.batch();
  for (const Transitions* t : {&held, &kept})
    for (Index i = 0; i < t->obs.cols(); ++i) seen.insert(t->obs(0, i));
  CHECK(seen.size() == 64);
  CHECK(*seen.begin() == 36.0f);

  const BufferView sample = bootstrap_view(train, 7, 2, 1);
  CHECK(sample.size() == train.size());
  for (const std::uint32_t row : sample.rows())
    CHECK(std::find(train.rows().begin(), train.rows().end(), row) != train.rows().end());
  CHECK(bootstrap_view(train, 7, 2, 1).rows() == sample.rows());
  CHECK(bootstrap_view(train, 7, 2, 3).rows() != sample.rows());

  Transitions part;
  sample.gather(5, 4, part);
  CHECK(part.obs(0, 2) == static_cast<float>(36 + sample.rows()[7]));
  CHECK_THROWS_AS(sample.gather(46, 4, part), Error);
  CHECK_THROWS_AS(BufferView(buffer, {64}), Error);
}
