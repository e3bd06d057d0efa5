// Latent models: pictures of something that turns lie on a circle, and a sequence of them goes around it.
#include "mbrl/models/gp/latent_model.hpp"

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "models/gp/latent_objective.hpp"

namespace mbrl {
namespace {

constexpr int kSize = 16, kFrames = 40;

// A bright and a dim blob, turned by the angle about the middle of the picture.
Vecd picture(double angle) {
  Vecd out(kSize * kSize);
  const auto blob = [&](double at, double radius, double x, double y) {
    const double dx = x - radius * std::cos(angle + at), dy = y - radius * std::sin(angle + at);
    return std::exp(-(dx * dx + dy * dy) / 0.18);
  };
  for (int i = 0; i < kSize; ++i)
    for (int j = 0; j < kSize; ++j) {
      const double x = 2.0 * (i + 0.5) / kSize - 1.0, y = 2.0 * (j + 0.5) / kSize - 1.0;
      out[i * kSize + j] = blob(0.0, 0.55, x, y) + 0.4 * blob(2.0, 0.35, x, y);
    }
  return out;
}

double angle_of(int frame) { return 2.0 * std::numbers::pi * frame / kFrames; }

Batchd pictures() {
  Batchd y(kSize * kSize, kFrames);
  for (int t = 0; t < kFrames; ++t) y.col(t) = picture(angle_of(t));
  return y;
}

double rms(const Batchd& m) { return m.norm() / std::sqrt(static_cast<double>(m.size())); }

// What two principal components leave.
double left_by_components(const Batchd& y) {
  const Batchd centred = y.colwise() - Vecd(y.rowwise().mean());
  const Vecd s = Eigen::BDCSVD<Batchd>(centred).singularValues();
  return s.tail(s.size() - 2).norm() / std::sqrt(static_cast<double>(y.size()));
}

// Whether the latent points go once around their middle, always the same way and about as far from it.
void check_circle(const Batchd& x) {
  const Batchd z = x.colwise() - Vecd(x.rowwise().mean());
  const Vecd radius = z.colwise().norm();
  CHECK(radius.maxCoeff() < 1.6 * radius.minCoeff());
  double turned = 0.0, least = 10.0, most = -10.0;
  for (Index t = 0; t < z.cols(); ++t) {
    const auto a = z.col(t), b = z.col((t + 1) % z.cols());
    const double step = std::atan2(a[0] * b[1] - a[1] * b[0], a.dot(b));
    turned += step;
    least = std::min(least, step);
    most = std::max(most, step);
  }
  CHECK(std::abs(turned) == Approx(2.0 * std::numbers::pi));
  CHECK(least * most > 0.0);
}

TEST_CASE("latent model: the gradient is that of differences") {
  Batchd y(4, 9);
  for (Index i = 0; i < y.size(); ++i) y.data()[i] = std::sin(1.3 * static_cast<double>(i * i) + 0.4);
  for (const std::vector<int>& lengths : {std::vector<int>{}, std::vector<int>{9}, std::vector<int>{5, 4}}) {
    const gp::LatentObjective f(y, 2, lengths);
    Vecd x(f.size()), g, unused;
    for (Index i = 0; i < x.size(); ++i) x[i] = std::cos(0.7 * static_cast<double>(i * i));
    x.tail(lengths.empty() ? 4 : 8).array() *= 0.3;
    const double value = f(x, g);
    REQUIRE(std::isfinite(value));
    for (Index i = 0; i < x.size(); ++i) {
      constexpr double kStep = 1e-6;
      Vecd low = x, high = x;
      low[i] -= kStep;
      high[i] += kStep;
      CAPTURE(i, lengths.size());
      CHECK(g[i] == Approx((f(high, unused) - f(low, unused)) / (2.0 * kStep)).epsilon(1e-5).margin(1e-5));
    }
  }
}

TEST_CASE("latent model: pictures of a turning thing lie on a circle") {
  const Batchd y = pictures();
  const LatentModel model(y, {});
  CAPTURE(model.first_loss(), model.loss());
  CHECK(model.loss() < model.first_loss());
  check_circle(model.latent());
  Batchd mean;
  Vecd variance;
  model.decode(model.latent(), mean, variance);
  const double left = rms(mean - y);
  CAPTURE(left, left_by_components(y));
  CHECK(left < 0.3 * left_by_components(y));
  // Between two neighbours lies what is between them in time.
  const Batchd halfway = 0.5 * (model.latent().leftCols(kFrames - 1) + model.latent().rightCols(kFrames - 1));
  model.decode(halfway, mean, variance);
  double error = 0.0;
  for (int t = 0; t + 1 < kFrames; ++t)
    error += rms(mean.col(t) - picture(angle_of(t) + angle_of(1) / 2)) / (kFrames - 1);
  CHECK(error < 0.3 * left_by_components(y));
  // Elsewhere little is known.
  Vecd far;
  model.decode(Batchd::Constant(2, 1, 50.0), mean, far);
  CHECK(far[0] > 10.0 * variance.maxCoeff());
  CHECK_THROWS_AS(model.step(model.latent(), mean, variance), Error);
}

TEST_CASE("latent model: with dynamics a sequence goes on around the circle") {
  const Batchd y = pictures();
  const LatentModel model(y, {.dynamics = true});
  check_circle(model.latent());
  Batchd x = model.latent().rightCols(1), next, mean;
  Vecd variance;
  double error = 0.0, standing = 0.0;
  constexpr int kAhead = 10;
  for (int t = 0; t < kAhead; ++t) {
    model.step(x, next, variance);
    x = next;
    model.decode(x, mean, variance);
    const Vecd truth = picture(angle_of(kFrames + t));  // a second turn, which it has not seen
    error += rms(mean - truth) / kAhead;
    standing += rms(y.rightCols(1) - truth) / kAhead;
  }
  CAPTURE(error, standing);
  CHECK(error < 0.3 * standing);
  // Two sequences of half a turn each.
  const LatentModel halves(y, {.dynamics = true}, {20, 20});
  CHECK(halves.dynamics().dim() == 2);
  CHECK(halves.loss() < halves.first_loss());
}

TEST_CASE("latent model: a checkpoint gives the same numbers") {
  const Batchd y = pictures();
  for (const bool dynamics : {false, true}) {
    const LatentModel model(y, {.dynamics = dynamics, .search = {.iterations = 5}});
    StateDict state;
    model.save(state, "latent.");
    const LatentModel read(state, "latent.");
    CHECK(read.latent() == model.latent());
    CHECK(read.loss() == model.loss());
    CHECK(read.status() == model.status());
    CHECK(read.mapping().packed() == model.mapping().packed());
    Batchd mean, mean_read;
    Vecd variance, variance_read;
    const Batchd at = model.latent() + Batchd::Constant(2, kFrames, 0.1);
    model.decode(at, mean, variance);
    read.decode(at, mean_read, variance_read);
    CHECK(mean_read == mean);
    CHECK(variance_read == variance);
    if (!dynamics) {
      CHECK_THROWS_AS(read.step(at, mean, variance), Error);
      continue;
    }
    model.step(at, mean, variance);
    read.step(at, mean_read, variance_read);
    CHECK(mean_read == mean);
    CHECK(variance_read == variance);
    state.put_matrix("latent.changes.weights", Batchd::Zero(2, 3));
    CHECK_THROWS_AS(LatentModel(state, "latent."), Error);
  }
  CHECK_THROWS_AS(LatentModel(StateDict(), "latent."), Error);
}

TEST_CASE("latent model: mistakes are named") {
  Batchd y = pictures();
  CHECK_THROWS_AS(LatentModel(y.leftCols(2), {}), Error);
  CHECK_THROWS_AS(LatentModel(y, {.latent_dim = 0}), Error);
  CHECK_THROWS_AS(LatentModel(y, {.latent_dim = kFrames}), Error);
  CHECK_THROWS_AS(LatentModel(Batchd::Constant(5, 10, 3.0), {}), Error);
  CHECK_THROWS_AS(LatentModel(y, {}, {20, 20}), Error);
  CHECK_THROWS_AS(LatentModel(y, {.dynamics = true}, {20, 21}), Error);
  CHECK_THROWS_AS(LatentModel(y, {.dynamics = true}, {39, 1}), Error);
  y(3, 4) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(LatentModel(y, {}), Error);
}

}  // namespace
}  // namespace mbrl
