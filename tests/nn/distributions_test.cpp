// Distributions against numerical integrals, Monte-Carlo and differences, in double; in float against double.
#include "mbrl/nn/distributions.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "normals.hpp"

namespace mbrl::nn {
namespace {

using Matrix = RowBatch<double>;

Matrix normals(Index rows, Index columns, std::uint32_t id) {
  return testing::normals<Matrix>(RandomStream(8, Stream::kUser), rows, columns, id);
}

// Noise whose first row is uniform, the others normal.
Matrix mixture_noise(Index rows, Index columns, std::uint32_t id) {
  const RandomStream random(9, Stream::kUser);
  Matrix noise = normals(rows, columns, id);
  for (Index b = 0; b < columns; ++b) noise(0, b) = random.uniform(id, static_cast<std::uint32_t>(b));
  return noise;
}

// A Gaussian's parameters that reach into both of its bounds.
Matrix gaussian_parameters(Index dim, Index columns, std::uint32_t id) {
  Matrix p = normals(2 * dim, columns, id);
  p.bottomRows(dim) *= 3.0;
  return p;
}

// `gradient` of sum(weight .* f(parameters)) against central differences.
void check_gradient(const Matrix& parameters, const Vecd& weight, const Matrix& gradient,
                    const std::function<void(const Matrix&, Vecd&)>& f) {
  Matrix moved = parameters;
  Vecd above(parameters.cols()), below(parameters.cols());
  const double h = 1e-5;
  for (Index r = 0; r < parameters.rows(); ++r) {
    moved.row(r).array() += h;
    f(moved, above);
    moved.row(r).array() -= 2 * h;
    f(moved, below);
    moved.row(r) = parameters.row(r);
    const Vecd difference = weight.cwiseProduct(above - below) / (2 * h);
    CAPTURE(r, gradient.row(r), difference.transpose());
    const double scale = 1.0 + difference.cwiseAbs().maxCoeff();
    CHECK((gradient.row(r).transpose() - difference).cwiseAbs().maxCoeff() < 1e-6 * scale);
  }
}

// What both Gaussians offer, checked against the density itself.
template <class D>
void check_sampled(const D& d) {
  constexpr Index kSamples = 300;  // more than a chunk
  const int dim = d.dim();
  const Matrix p = gaussian_parameters(dim, kSamples, 1), noise = normals(dim, kSamples, 2);
  Matrix value(dim, kSamples);
  Vecd log_prob(kSamples), again(kSamples);
  d.sample(p, noise, value, log_prob);
  d.log_prob(p, value, again);
  CHECK((log_prob - again).cwiseAbs().maxCoeff() < 1e-5);

  const Vecd weight = normals(kSamples, 1, 3);
  Matrix gradient = Matrix::Zero(2 * dim, kSamples);
  d.log_prob_gradient(p, value, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.log_prob(q, value, out); });

  // A loss of value and log-probability with the noise held.
  const Matrix of_value = normals(dim, kSamples, 4);
  gradient.setZero();
  d.sample_gradient(p, noise, of_value, weight, gradient);
  check_gradient(p, Vecd::Ones(kSamples), gradient, [&](const Matrix& q, Vecd& out) {
    Matrix moved(dim, kSamples);
    d.sample(q, noise, moved, out);
    out = out.cwiseProduct(weight) + of_value.cwiseProduct(moved).colwise().sum().transpose();
  });

  const Matrix other = gaussian_parameters(dim, kSamples, 5);
  gradient.setZero();
  d.kl_gradient(other, p, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.kl(other, q, out); });
  Vecd kl(kSamples);
  d.kl(p, p, kl);
  CHECK(kl.cwiseAbs().maxCoeff() < 1e-12);
}

TEST_CASE("distributions: a Gaussian's sample and gradients are those of its density") {
  check_sampled(Gaussian<double>(3, -4.0, 2.0));
  const Gaussian<double> d(2, -4.0, 2.0);
  const Matrix p = gaussian_parameters(2, 40, 6);
  const Vecd weight = normals(40, 1, 7);
  Matrix gradient = Matrix::Zero(4, 40);
  d.entropy_gradient(p, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.entropy(q, out); });
}

TEST_CASE("distributions: a squashed Gaussian's sample and gradients are those of its density") {
  check_sampled(SquashedGaussian<double>(3, -4.0, 1.0));
}

TEST_CASE("distributions: the variance stays within its bounds") {
  const Gaussian<double> d(Vecd{{-3.0}}, Vecd{{1.0}});
  Matrix p(2, 3), mean(1, 3), variance(1, 3);
  p << 0.5, 0.5, 0.5, -500.0, -1.0, 500.0;
  d.moments(p, mean, variance);
  CHECK(mean(0, 0) == 0.5);
  // The upper bound is applied first, so the lower one lifts it by a trifle: Chua et al.'s formula.
  CHECK(std::log(variance(0, 0)) == Approx(-3.0));
  CHECK(std::log(variance(0, 2)) == Approx(-3.0 + std::log1p(std::exp(4.0))));
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  CHECK(std::log(variance(0, 1)) == Approx(-3.0 + softplus(1.0 - softplus(1.0 + 1.0) + 3.0)));
}

// The integral of exp(log-density) over a line or (-1, 1), by the midpoint rule.
template <class D>
double mass(const D& d, const Matrix& parameters, double from, double to) {
  constexpr Index kPoints = 40000;
  const double step = (to - from) / kPoints;
  Matrix value(1, kPoints);
  for (Index i = 0; i < kPoints; ++i) value(0, i) = from + (static_cast<double>(i) + 0.5) * step;
  Vecd log_prob(kPoints);
  d.log_prob(parameters.replicate(1, kPoints), value, log_prob);
  return log_prob.array().exp().sum() * step;
}

TEST_CASE("distributions: densities integrate to 1") {
  const Gaussian<double> gaussian(1, -6.0, 2.0);
  CHECK(mass(gaussian, Matrix{{0.3}, {0.7}}, -40.0, 40.0) == Approx(1.0).epsilon(1e-6));
  for (const double mean : {-1.0, 0.0, 0.4})
    CHECK(mass(SquashedGaussian<double>(gaussian), Matrix{{mean}, {-1.0}}, -1.0, 1.0) ==
          Approx(1.0).epsilon(1e-5));
  Matrix p(9, 1);
  p << 0.2, -1.0, 0.5, -2.0, -1.0, 0.1, 0.4, 3.0, -3.0;
  CHECK(mass(Mixture<double>(3, gaussian), p, -40.0, 40.0) == Approx(1.0).epsilon(1e-6));
}

TEST_CASE("distributions: an action at its bounds keeps its log-probability's digits") {
  const SquashedGaussian<double> d(1);
  const SquashedGaussian<float> single(1);
  const Gaussian<double> before(1);
  for (const double z : {-40.0, -12.0, 12.0, 40.0}) {
    const Matrix p{{z}, {0.0}}, noise{{0.0}};
    Matrix a(1, 1);
    Vecd log_prob(1), of_z(1);
    d.sample(p, noise, a, log_prob);
    before.log_prob(p, Matrix{{z}}, of_z);
    // 1 - tanh(z)^2 = 4 e^-2|z| but for e^-4|z|
    CHECK(log_prob[0] == Approx(of_z[0] - (std::log(4.0) - 2 * std::abs(z))).epsilon(1e-10));
    RowBatch<float> af(1, 1);
    Vecf log_prob_f(1);
    single.sample(p.cast<float>(), noise.cast<float>(), af, log_prob_f);
    CHECK(static_cast<double>(log_prob_f[0]) == Approx(log_prob[0]).epsilon(1e-5));
    Vecf at_bound(1);
    single.log_prob(p.cast<float>(), af, at_bound);
    CHECK(std::isfinite(at_bound[0]));
  }
}

// Mean over samples of what `f` gives a column, and three standard errors of it.
void check_mean(const Vecd& values, double expected) {
  const double mean = values.mean();
  const double error =
      std::sqrt((values.array() - mean).square().mean() / static_cast<double>(values.size()));
  CAPTURE(mean, expected, error);
  CHECK(std::abs(mean - expected) < 4 * error + 1e-12);
}

TEST_CASE("distributions: moments, entropies and divergences are those of samples") {
  constexpr Index kSamples = 200000;
  const Gaussian<double> gaussian(2, -4.0, 2.0);
  const Matrix p = gaussian_parameters(2, 1, 11).replicate(1, kSamples),
               q = gaussian_parameters(2, 1, 12).replicate(1, kSamples);
  Matrix value(2, kSamples);
  Vecd of_p(kSamples), of_q(kSamples), expected(kSamples);
  gaussian.sample(p, normals(2, kSamples, 13), value, of_p);
  gaussian.entropy(p, expected);
  check_mean(-of_p, expected[0]);
  gaussian.log_prob(q, value, of_q);
  gaussian.kl(p, q, expected);
  check_mean(of_p - of_q, expected[0]);

  const SquashedGaussian<double> squashed(gaussian);
  squashed.sample(p, normals(2, kSamples, 14), value, of_p);
  squashed.log_prob(q, value, of_q);
  squashed.kl(p, q, expected);
  check_mean(of_p - of_q, expected[0]);

  const Mixture<double> mixture(3, gaussian);
  const Matrix m = normals(15, 1, 15).replicate(1, kSamples);
  Matrix mean(2, kSamples), variance(2, kSamples);
  mixture.sample(m, mixture_noise(3, kSamples, 16), value, of_p);
  mixture.moments(m, mean, variance);
  for (Index r = 0; r < 2; ++r) {
    check_mean(value.row(r).transpose(), mean(r, 0));
    check_mean((value.row(r).array() - mean(r, 0)).square().matrix().transpose(), variance(r, 0));
  }
}

TEST_CASE("distributions: a categorical's gradients are those of differences") {
  constexpr Index kSamples = 300;
  const Categorical<double> d(4);
  const Matrix p = 2.0 * normals(4, kSamples, 20), other = normals(4, kSamples, 21);
  const Vecd weight = normals(kSamples, 1, 22);
  Vec<int> value(kSamples);
  for (Index b = 0; b < kSamples; ++b) value[b] = static_cast<int>(b % 4);
  Matrix gradient = Matrix::Zero(4, kSamples);
  d.log_prob_gradient(p, value, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.log_prob(q, value, out); });
  gradient.setZero();
  d.entropy_gradient(p, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.entropy(q, out); });
  gradient.setZero();
  d.kl_gradient(other, p, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.kl(other, q, out); });
}

TEST_CASE("distributions: a categorical is drawn with its probabilities") {
  constexpr Index kSamples = 100000;
  const Categorical<double> d(4);
  const Matrix p = normals(4, 1, 23).replicate(1, kSamples), other = normals(4, 1, 24);
  Matrix shares(4, kSamples);
  d.probabilities(p, shares);
  CHECK(shares.col(0).sum() == Approx(1.0));
  Matrix logs(4, kSamples);
  d.log_probabilities(p, logs);
  CHECK((logs.array().exp() - shares.array()).abs().maxCoeff() < 1e-12);
  Vec<int> value(kSamples);
  Vecd log_prob(kSamples), again(kSamples), expected(kSamples);
  d.sample(p, mixture_noise(1, kSamples, 25), value, log_prob);
  d.log_prob(p, value, again);
  CHECK((log_prob - again).cwiseAbs().maxCoeff() < 1e-12);
  for (int k = 0; k < 4; ++k) check_mean((value.array() == k).cast<double>().matrix(), shares(k, 0));
  d.entropy(p, expected);
  check_mean(-log_prob, expected[0]);
  d.log_prob(other.replicate(1, kSamples), value, again);
  d.kl(p, other.replicate(1, kSamples), expected);
  check_mean(log_prob - again, expected[0]);

  SECTION("a choice that cannot be is never made, whatever the noise") {
    const double never = -std::numeric_limits<double>::infinity();
    Matrix some(3, 2), noise{{0.0, 1.0}};  // 1: beyond any sum
    some << never, 0.0, 1.0, 1.0, never, never;
    Vec<int> chosen(2);
    Vecd two(2), entropy(2);
    d.entropy(Matrix::Zero(4, 2), entropy);
    CHECK(entropy[0] == Approx(std::log(4.0)));
    const Categorical<double> three(3);
    three.sample(some, noise, chosen, two);
    CHECK(chosen == Vec<int>{{1, 1}});
    CHECK(two[0] == Approx(0.0).margin(1e-12));
    three.entropy(some, entropy);
    CHECK(entropy[0] == Approx(0.0).margin(1e-12));
  }
}

TEST_CASE("distributions: a mixture's gradients are those of differences") {
  constexpr Index kSamples = 300;
  const Mixture<double> d(3, Gaussian<double>(2, -4.0, 2.0));
  const Matrix p = normals(d.parameter_count(), kSamples, 30), value = 2.0 * normals(2, kSamples, 31);
  const Vecd weight = normals(kSamples, 1, 32);
  Matrix gradient = Matrix::Zero(d.parameter_count(), kSamples);
  d.log_prob_gradient(p, value, weight, gradient);
  check_gradient(p, weight, gradient, [&](const Matrix& q, Vecd& out) { d.log_prob(q, value, out); });

  SECTION("one component is the Gaussian itself, far from it too") {
    const Gaussian<double> gaussian(2, -4.0, 2.0);
    const Mixture<double> one(1, gaussian);
    Matrix q(5, 2);
    q << normals(5, 2, 33);
    const Matrix far{{1e3, 1.0}, {-1e3, 2.0}};
    Vecd expected(2), got(2);
    one.log_prob(q, far, got);
    gaussian.log_prob(q.bottomRows(4), far, expected);
    CHECK((got - expected).cwiseAbs().maxCoeff() < 1e-9 * expected.cwiseAbs().maxCoeff());
  }
}

TEST_CASE("distributions: float agrees with double, and a column does not see its company") {
  constexpr Index kSamples = 300;
  const auto close = [](const RowBatch<float>& f, const Matrix& d) {
    CHECK(((f.cast<double>() - d).array() / (1.0 + d.array().abs())).abs().maxCoeff() < 2e-4);
  };
  const auto compare = [&]<template <class> class D>(const D<float>& f, const D<double>& d, const Matrix& p,
                                                     const Matrix& noise, const auto& gradient_of) {
    const RowBatch<float> pf = p.cast<float>(), noise_f = noise.cast<float>();
    const Matrix rounded = pf.cast<double>();
    Matrix value(d.dim(), kSamples), gradient = Matrix::Zero(p.rows(), kSamples);
    RowBatch<float> value_f(d.dim(), kSamples), gradient_f = gradient.cast<float>();
    Vecd log_prob(kSamples);
    Vecf log_prob_f(kSamples), one(1);
    d.sample(rounded, noise_f.cast<double>(), value, log_prob);
    f.sample(pf, noise_f, value_f, log_prob_f);
    close(value_f, value);
    close(log_prob_f, log_prob);
    gradient_of(f, pf, noise_f, value_f, gradient_f);
    gradient_of(d, rounded, Matrix(noise_f.cast<double>()), value, gradient);
    close(gradient_f, gradient);
    for (Index b = 0; b < kSamples; b += 7) {
      RowBatch<float> alone(d.dim(), 1), g = RowBatch<float>::Zero(p.rows(), 1);
      f.sample(pf.col(b), noise_f.col(b), alone, one);
      CHECK(alone.col(0) == value_f.col(b));
      CHECK(one[0] == log_prob_f[b]);
      gradient_of(f, RowBatch<float>(pf.col(b)), RowBatch<float>(noise_f.col(b)), alone, g);
      CHECK(g.col(0) == gradient_f.col(b));
    }
  };
  const auto by_sample = [](const auto& d, const auto& p, const auto& noise, const auto& value, auto& g) {
    using S = typename std::decay_t<decltype(g)>::Scalar;
    d.sample_gradient(p, noise, value, Vec<S>::Constant(p.cols(), S(0.3)), g);
  };
  const auto by_value = [](const auto& d, const auto& p, const auto&, const auto& value, auto& g) {
    using S = typename std::decay_t<decltype(g)>::Scalar;
    d.log_prob_gradient(p, value, Vec<S>::Constant(p.cols(), S(0.3)), g);
  };
  const Matrix p = gaussian_parameters(2, kSamples, 40);
  compare(Gaussian<float>(2, -4, 2), Gaussian<double>(2, -4, 2), p, normals(2, kSamples, 41), by_sample);
  compare(SquashedGaussian<float>(2, -4, 1), SquashedGaussian<double>(2, -4, 1), p, normals(2, kSamples, 42),
          by_sample);
  compare(Mixture<float>(3, Gaussian<float>(2, -4, 2)), Mixture<double>(3, Gaussian<double>(2, -4, 2)),
          normals(15, kSamples, 43), mixture_noise(3, kSamples, 44), by_value);
}

TEST_CASE("distributions: what is not a number stays none, in its column alone") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  RowBatch<float> p = RowBatch<float>::Zero(4, 3), noise = RowBatch<float>::Zero(2, 3), value(2, 3);
  for (const Index row : {0, 2}) {
    CAPTURE(row);
    p.setZero();
    p(row, 1) = nan;
    Vecf log_prob(3);
    SquashedGaussian<float>(2).sample(p, noise, value, log_prob);
    CHECK(std::isnan(log_prob[1]));
    CHECK(std::isnan(value(0, 1)));
    CHECK(std::isfinite(log_prob[0]));
    CHECK(std::isfinite(log_prob[2]));
    Categorical<float>(4).entropy(p, log_prob);
    CHECK(std::isnan(log_prob[1]));
    CHECK(std::isfinite(log_prob[2]));
  }
}

TEST_CASE("distributions: nothing is allocated") {
  if (!test::can_count_allocations()) return;
  const SquashedGaussian<float> d(6);
  RowBatch<float> p = RowBatch<float>::Zero(12, 300), noise = RowBatch<float>::Zero(6, 300), value = noise,
                  gradient = p;
  Vecf log_prob(300), weight = Vecf::Ones(300);
  const Mixture<float> mixture(2, Gaussian<float>(2));
  RowBatch<float> m = RowBatch<float>::Zero(10, 300), gm = m;
  CHECK(test::allocations_during([&] {
          d.sample(p, noise, value, log_prob);
          d.sample_gradient(p, noise, value, weight, gradient);
          mixture.log_prob_gradient(m, value.topRows(2), weight, gm);
        }) == 0);
}

TEST_CASE("distributions: mistakes are named") {
  CHECK_THROWS_AS(Gaussian<float>(0), Error);
  CHECK_THROWS_AS(Gaussian<float>(1, 2.0, 1.0), Error);
  CHECK_THROWS_AS(Gaussian<float>(Vecf::Zero(2), Vecf::Ones(3)), Error);
  CHECK_THROWS_AS(Categorical<float>(0), Error);
  CHECK_THROWS_AS(Mixture<float>(0, Gaussian<float>(1)), Error);
  const Gaussian<float> d(2);
  Vecf out(3);
  CHECK_THROWS_AS(d.entropy(RowBatch<float>::Zero(3, 3), out), Error);
  CHECK_THROWS_AS(d.log_prob(RowBatch<float>::Zero(4, 3), RowBatch<float>::Zero(2, 2), out), Error);
  CHECK_THROWS_AS(Categorical<float>(4).log_prob(RowBatch<float>::Zero(4, 3), Vec<int>{{0, 4, 1}}, out),
                  Error);
}

}  // namespace
}  // namespace mbrl::nn
