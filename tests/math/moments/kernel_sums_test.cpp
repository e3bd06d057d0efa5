// GaussianMoments of kernel sums: against sampling, derivatives against differences, a straight transcription of the formulas.
#include "mbrl/math/moments/kernel_sums.hpp"

#include <Eigen/LU>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "each_target.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

namespace {

KernelSums random_sums(Index dims, Index count, Index outputs, std::uint64_t seed) {
  KernelSums s;
  s.centres = random_matrix(dims, count, seed, 1);
  s.weights = random_matrix(count, outputs, seed, 2);
  s.lengthscale2 = (0.3 * random_matrix(dims, outputs, seed, 3)).array().exp() * 1.5;
  s.signal2 = (0.3 * random_matrix(outputs, 1, seed, 4)).array().exp();
  return s;
}

double kernel(const KernelSums& s, Index a, const Vecd& x, const Vecd& y) {
  return s.signal2(a) * std::exp(-0.5 * (x - y).cwiseAbs2().cwiseQuotient(s.lengthscale2.col(a)).sum());
}

// (K + 0.01 I)^-1 of every output, as an uncertain process has it.
std::vector<Batchd> inverses(const KernelSums& s) {
  std::vector<Batchd> all;
  for (Index a = 0; a < s.outputs(); ++a) {
    Batchd k(s.size(), s.size());
    for (Index i = 0; i < s.size(); ++i)
      for (Index j = 0; j < s.size(); ++j)
        k(i, j) = kernel(s, a, s.centres.col(i), s.centres.col(j)) + (i == j ? 0.01 : 0.0);
    all.push_back(k.inverse());
  }
  return all;
}

KernelMoments uncertain(const KernelSums& s, const std::vector<Batchd>& inverse) {
  std::vector<const Batchd*> pointers;
  for (const Batchd& k : inverse) pointers.push_back(&k);
  return {s, pointers};
}

void check_double_sums(Index dims, Index count) {
  const KernelSums sums = random_sums(dims, count, 2, 3);
  const GaussianMoments in = random_gaussian(dims, 0.8, 4);
  const std::vector<Batchd> inverse = inverses(sums);
  const MomentImage image = image_of(uncertain(sums, inverse), in), fixed = image_of(KernelMoments(sums), in);
  for (Index a = 0; a < 2; ++a) {
    for (Index b = 0; b < 2; ++b) {
      const Vecd la = sums.lengthscale2.col(a).cwiseInverse(), lb = sums.lengthscale2.col(b).cwiseInverse();
      const Batchd r = in.covariance * (la + lb).asDiagonal() + Batchd::Identity(dims, dims);
      const Batchd t = r.inverse() * in.covariance;
      double with = 0.0, without = 0.0;
      for (Index i = 0; i < count; ++i) {
        for (Index j = 0; j < count; ++j) {
          const Vecd xi = sums.centres.col(i), xj = sums.centres.col(j);
          const Vecd z = la.cwiseProduct(xi - in.mean) + lb.cwiseProduct(xj - in.mean);
          const double q = kernel(sums, a, xi, in.mean) * kernel(sums, b, xj, in.mean) /
                           std::sqrt(r.determinant()) * std::exp(0.5 * z.dot(t * z));
          without += sums.weights(i, a) * sums.weights(j, b) * q;
          if (a == b) with -= inverse[static_cast<std::size_t>(a)](i, j) * q;
        }
      }
      with += without - image.mean(a) * image.mean(b) + (a == b ? sums.signal2(a) : 0.0);
      without -= image.mean(a) * image.mean(b);
      CHECK(image.covariance(a, b) == Approx(with).epsilon(1e-9).margin(1e-9));
      CHECK(fixed.covariance(a, b) == Approx(without).epsilon(1e-9).margin(1e-9));
    }
  }
}

}  // namespace

TEST_CASE("kernel sums: moments are those of a million samples") {
  const KernelSums sums = random_sums(3, 20, 2, 1);
  const GaussianMoments in = random_gaussian(3, 0.7, 2);
  const KernelMoments fixed(sums);
  check_by_sampling([&](const Vecd& x, std::uint32_t, Vecd& y) { fixed.value(x, y); }, in,
                    image_of(fixed, in));

  // An uncertain process: a draw from its prediction at x has the moments of the prediction.
  const std::vector<Batchd> inverse = inverses(sums);
  const RandomStream random(8, Stream::kUser);
  Vecd k(sums.size());
  check_by_sampling(
      [&](const Vecd& x, std::uint32_t sample, Vecd& y) {
        fixed.value(x, y);
        for (Index a = 0; a < 2; ++a) {
          for (Index i = 0; i < sums.size(); ++i) k(i) = kernel(sums, a, sums.centres.col(i), x);
          const double variance = sums.signal2(a) - k.dot(inverse[static_cast<std::size_t>(a)] * k);
          y(a) += std::sqrt(variance) * random.normal(sample, static_cast<std::uint32_t>(a));
        }
      },
      in, image_of(uncertain(sums, inverse), in), 3.0, 200000);
}

TEST_CASE("kernel sums: the double sums are those of the formula, for every number of inputs") {
  for (const Index dims : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13}) check_double_sums(dims, 11);
}

TEST_CASE("kernel sums: the double sums are those of the formula, with every instruction set") {
  testing::for_each_target([&](const std::string& target) {
    CAPTURE(target);
    for (const Index dims : {5, 9}) check_double_sums(dims, 37);
  });
}

TEST_CASE("kernel sums: at a certain input they are the functions themselves, with their slopes") {
  const KernelSums sums = random_sums(3, 20, 2, 1);
  const KernelMoments f(sums);
  const GaussianMoments in{random_matrix(3, 1, 5, 0), Batchd::Zero(3, 3)};
  const MomentImage image = image_of(f, in);
  Vecd y(2);
  f.value(in.mean, y);
  CHECK((image.mean - y).cwiseAbs().maxCoeff() <= 1e-12);
  CHECK(image.covariance.cwiseAbs().maxCoeff() <= 1e-12);
  for (Index d = 0; d < 3; ++d)
    for (Index a = 0; a < 2; ++a)
      CHECK(image.gain(d, a) == Approx(slope(
                                           [&](double h) {
                                             Vecd x = in.mean;
                                             x(d) += h;
                                             f.value(x, y);
                                             return y(a);
                                           },
                                           1e-3))
                                    .epsilon(1e-8));
}

TEST_CASE("kernel sums: gradients are those of differences") {
  for (const Index dims : {2, 5, 9}) {
    KernelSums sums = random_sums(dims, dims == 5 ? 37 : 12, 3, 6);
    const GaussianMoments in = random_gaussian(dims, 0.6, 7);
    const MomentImage adjoint = random_adjoint(dims, 3, 8);
    const std::vector<Batchd> inverse = inverses(sums);
    KernelMoments::Tape tape;
    MomentImage out;
    GaussianMoments gradient;

    const KernelMoments process = uncertain(sums, inverse);
    process.forward(in, out, tape);
    process.backward(adjoint, tape, gradient);
    check_gradient([&](const GaussianMoments& m) { return inner(adjoint, image_of(process, m)); }, in,
                   gradient);
    KernelSumsGradient parameters;
    parameters.set_zero(sums);
    CHECK_THROWS_AS(process.backward(adjoint, tape, gradient, &parameters), Error);

    const KernelMoments fixed(sums);
    fixed.forward(in, out, tape);
    fixed.backward(adjoint, tape, gradient, &parameters);
    check_gradient([&](const GaussianMoments& m) { return inner(adjoint, image_of(fixed, m)); }, in,
                   gradient);
    const auto check = [&](Batchd& values, const Batchd& by, bool logarithm) {
      const double scale = by.cwiseAbs().maxCoeff();
      for (Index i = 0; i < values.size(); i += 3) {
        double& value = values.reshaped()(i);
        const double before = value;
        const double expected = slope(
            [&](double h) {
              value = logarithm ? before * std::exp(2.0 * h) : before + h;
              const double at = inner(adjoint, image_of(KernelMoments(sums), in));
              value = before;
              return at;
            },
            1e-3);
        CHECK(std::abs(by.reshaped()(i) - expected) <= 1e-6 * scale);
      }
    };
    check(sums.weights, parameters.weights, false);
    check(sums.centres, parameters.centres, false);
    check(sums.lengthscale2, parameters.log_lengthscale, true);
  }
}

TEST_CASE("kernel sums: threads change nothing, and what is no Gaussian gives NaN") {
  const KernelSums sums = random_sums(4, 30, 3, 9);
  const KernelMoments f = uncertain(sums, inverses(sums));
  GaussianMoments in = random_gaussian(4, 0.6, 7);
  ThreadPool pool(3);
  KernelMoments::Tape tape;
  MomentImage out;
  f.forward(in, out, tape, &pool);
  CHECK(out.covariance == image_of(f, in).covariance);

  in.covariance(1, 1) = -20.0;
  CHECK(std::isnan(image_of(f, in).mean(0)));
  in.covariance(1, 1) = std::numeric_limits<double>::infinity();
  CHECK(std::isnan(image_of(f, in).covariance(0, 0)));

  KernelSums wrong = sums;
  wrong.lengthscale2(0, 0) = 0.0;
  CHECK_THROWS_AS(KernelMoments(wrong), Error);
  wrong = sums;
  wrong.weights.conservativeResize(3, 3);
  CHECK_THROWS_AS(KernelMoments(wrong), Error);
}
