// Conditional restricted Boltzmann machines: the free energy is the sum over all hidden states, its gradient that of
// differences, and what it learns of motion is more than a linear autoregression can.
#include "mbrl/models/neural/conditional_rbm.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

static_assert(Checkpointable<ConditionalRbm>);

constexpr double kGaitNoise = 0.02;

// Four joints of a gait whose speed varies: two that stop at their ends, two that are slower one way.
Batchf gait(int frames, std::uint32_t id) {
  const RandomStream random(3, Stream::kUser);
  Batchf series(4, frames);
  double phase = random.uniform(0.0, 2 * std::numbers::pi, id, 0);
  for (int t = 0; t < frames; ++t) {
    phase += 0.35 + 0.1 * std::sin(0.02 * t);
    for (int j = 0; j < 4; ++j) {
      const double s = std::sin(phase + j);
      const double noise =
          kGaitNoise * random.normal(id, static_cast<std::uint32_t>(t), 1 + static_cast<std::uint32_t>(j));
      series(j, t) = static_cast<float>((j % 2 == 0 ? std::tanh(3 * s) : s * (1 + 0.5 * s)) + noise);
    }
  }
  return series;
}

Batchd with_one(const Batchf& x) {
  Batchd out(x.rows() + 1, x.cols());
  out << x.cast<double>(), Batchd::Ones(1, x.cols());
  return out;
}

double rmse(const Batchd& error) {
  return std::sqrt(error.squaredNorm() / static_cast<double>(error.size()));
}

TEST_CASE("conditional rbm: a gait one frame ahead, better than linear autoregression") {
  constexpr int kOrder = 3;
  ConditionalRbm model(4, {.order = kOrder, .deviation = 0.15, .epochs = 100}, 1);
  const Batchf seen = gait(2000, 0), fresh = gait(1000, 1);
  const TrainingReport report = model.train({seen});
  CHECK(report.epochs == 100);
  const SeriesWindows train = windows_of(seen, kOrder), test = windows_of(fresh, kOrder);
  const Batchd x = with_one(train.history);
  const Batchd linear =
      (x * x.transpose()).ldlt().solve(x * train.next.cast<double>().transpose()).transpose();
  const double of_linear = rmse(linear * with_one(test.history) - test.next.cast<double>());
  Batchf next(4, test.next.cols());
  model.predict(test.history, next);
  const double of_model = rmse((next - test.next).cast<double>());
  CAPTURE(of_linear, of_model);
  CHECK(of_model < 0.6 * of_linear);
  CHECK(of_model > kGaitNoise);

  SECTION("alone it goes on walking") {
    const Batchf walk = model.generate(fresh.leftCols(kOrder), 200);
    CHECK(walk.allFinite());
    CHECK(walk.cwiseAbs().maxCoeff() < 2.0f);
    const Batchf late = walk.rightCols(100);
    for (Index j = 0; j < 4; ++j) CHECK(late.row(j).maxCoeff() - late.row(j).minCoeff() > 1.0f);
  }
  SECTION("what happens has less free energy than what does not") {
    const Vecd real = model.free_energy(test.history, test.next);
    const Vecd other = model.free_energy(test.history, test.next.rowwise().reverse());
    CHECK((real.array() < other.array()).cast<double>().mean() > 0.9);
  }
  SECTION("saved and loaded") {
    StateDict dict;
    model.save(dict, "m.");
    ConditionalRbm again(4, model.settings(), 9), wider(5, model.settings());
    again.load(dict, "m.");
    Batchf same(4, next.cols());
    again.predict(test.history, same);
    CHECK(same == next);
    CHECK_THROWS_AS(wider.load(dict, "m."), Error);
  }
}

// A small machine with weights that matter, and frames to try it on.
struct Small {
  ConditionalRbm model{2, {.order = 2, .hidden = 3, .deviation = 1.0}, 4};
  Batchf history = Batchf::Random(4, 5), next = Batchf::Random(2, 5);
  Small() {
    ConditionalRbm::Parameters& p = model.parameters();
    p = {Batchf::Random(2, 3), Batchf::Random(2, 4), Batchf::Random(3, 4), Vecf::Random(2), Vecf::Random(3)};
  }
};

TEST_CASE("conditional rbm: the free energy sums over all hidden states") {
  const Small small;
  const ConditionalRbm::Parameters& p = small.model.parameters();
  const Vecd given = small.model.free_energy(small.history, small.next);
  for (Index j = 0; j < 5; ++j) {
    const Vecd u = small.history.col(j).cast<double>(), v = small.next.col(j).cast<double>();
    double sum = 0;
    for (int state = 0; state < 8; ++state) {
      const Vecd h{{static_cast<double>(state & 1), static_cast<double>(state >> 1 & 1),
                    static_cast<double>(state >> 2)}};
      const Vecd off = v - p.visible.cast<double>() - p.of_visible.cast<double>() * u;
      const double energy = 0.5 * off.squaredNorm() -
                            h.dot(p.hidden.cast<double>() + p.of_hidden.cast<double>() * u) -
                            v.dot(p.weight.cast<double>() * h);
      sum += std::exp(-energy);
    }
    CHECK(given[j] == Approx(-std::log(sum)).epsilon(1e-5));
  }
}

TEST_CASE("conditional rbm: the free energy's gradient is that of differences") {
  Small small;
  const ConditionalRbm::Parameters gradient = small.model.free_energy_gradient(small.history, small.next);
  const auto check = [&](auto& block, const auto& given) {
    for (Index i = 0; i < block.size(); ++i) {
      constexpr float kStep = 1e-2f;
      const float before = block.data()[i];
      block.data()[i] = before + kStep;
      const double up = small.model.free_energy(small.history, small.next).sum(),
                   top = static_cast<double>(block.data()[i]);
      block.data()[i] = before - kStep;
      const double down = small.model.free_energy(small.history, small.next).sum(),
                   bottom = static_cast<double>(block.data()[i]);
      block.data()[i] = before;
      CHECK(given.data()[i] == Approx((up - down) / (top - bottom)).margin(1e-3));
    }
  };
  ConditionalRbm::Parameters& p = small.model.parameters();
  check(p.weight, gradient.weight);
  check(p.of_visible, gradient.of_visible);
  check(p.of_hidden, gradient.of_hidden);
  check(p.visible, gradient.visible);
  check(p.hidden, gradient.hidden);
}

TEST_CASE("conditional rbm: of a linear process it predicts most of what can be predicted") {
  const RandomStream random(1, Stream::kUser);
  constexpr int kFrames = 8000;
  Batchf series = Batchf::Zero(1, kFrames), linear = series;
  for (int t = 2; t < kFrames; ++t) {
    linear(0, t) = 0.5f * series(0, t - 1) - 0.3f * series(0, t - 2);
    series(0, t) = linear(0, t) + static_cast<float>(random.normal(static_cast<std::uint32_t>(t)));
  }
  ConditionalRbm model(1, {.order = 2, .hidden = 3, .deviation = 0.8, .epochs = 30, .learning_rate = 1e-2},
                       1);
  model.train({series.leftCols(kFrames / 2)});
  const SeriesWindows fresh = windows_of(series.rightCols(kFrames / 2), 2);
  Batchf next(1, fresh.next.cols());
  model.predict(fresh.history, next);
  const Batchf known = linear.rightCols(next.cols());
  CHECK(rmse((next - known).cast<double>()) < 0.6 * rmse(known.cast<double>()));
  CHECK(rmse((next - fresh.next).cast<double>()) < 1.06);
}

TEST_CASE("conditional rbm: the same for the same seed, and mistakes are named") {
  const Batchf series = gait(100, 0);
  const auto trained = [&](std::uint64_t seed, std::uint32_t round) {
    ConditionalRbm model(4, {.hidden = 5, .epochs = 2}, seed);
    model.train({series, series.leftCols(2)}, round);  // the second is too short to say anything
    return model.parameters().weight;
  };
  CHECK(trained(1, 0) == trained(1, 0));
  CHECK(trained(1, 0) != trained(2, 0));
  CHECK(trained(1, 0) != trained(1, 1));

  ConditionalRbm model(4, {.hidden = 5, .epochs = 2}, 1);
  Batchf constant = Batchf::Constant(4, 50, 3.0f), next(4, 1);
  model.train({constant});
  model.predict(constant.leftCols(3).reshaped(), next);
  CHECK((next.array() - 3).abs().maxCoeff() < 0.1f);
  CHECK_THROWS_AS(model.train({series.leftCols(3)}), Error);
  CHECK_THROWS_AS(model.train({}), Error);
  CHECK_THROWS_AS(model.train({Batchf::Zero(3, 50)}), Error);
  constant(2, 7) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(model.train({constant}), Error);
  CHECK_THROWS_AS(model.predict(Batchf::Zero(11, 1), next), Error);
  CHECK_THROWS_WITH(model.generate(Batchf::Zero(4, 2), 5), Catch::Contains("first has 2 frames, expected "));
  CHECK_THROWS_AS(ConditionalRbm(0), Error);
  CHECK_THROWS_AS(ConditionalRbm(4, {.order = 0}), Error);
  CHECK_THROWS_AS(ConditionalRbm(4, {.deviation = 0.0}), Error);
  CHECK_THROWS_AS(ConditionalRbm(4, {.momentum = 1.0}), Error);
  CHECK_THROWS_AS(ConditionalRbm(4, {.learning_rate = 1e3}).train({series}), Error);
}

}  // namespace
}  // namespace mbrl
