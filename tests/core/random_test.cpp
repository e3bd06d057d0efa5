// Philox against the vectors published with Random123; distributions against their closed forms.
#include "mbrl/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "catch.hpp"

using namespace mbrl;

namespace {

// Kolmogorov-Smirnov statistic sqrt(n) * sup |F_n - F|; above 1.95 with probability 0.001 for n samples of F.
template <class Cdf>
double ks_statistic(std::vector<double> samples, Cdf cdf) {
  std::sort(samples.begin(), samples.end());
  const auto n = static_cast<double>(samples.size());
  double worst = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double f = cdf(samples[i]);
    worst = std::max(
        {worst, std::abs(f - static_cast<double>(i) / n), std::abs(f - static_cast<double>(i + 1) / n)});
  }
  return std::sqrt(n) * worst;
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

template <class Draw>
std::vector<double> draw(std::uint32_t n, Draw f) {
  std::vector<double> out(n);
  for (std::uint32_t i = 0; i < n; ++i) out[i] = f(i);
  return out;
}

double moment(const std::vector<double>& x, int power) {
  double sum = 0;
  for (const double v : x) sum += std::pow(v, power);
  return sum / static_cast<double>(x.size());
}

constexpr double kKs = 1.95;
constexpr std::uint32_t kSamples = 100000;

}  // namespace

TEST_CASE("Philox4x32-10 gives the known answers", "[random]") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t f = 0xffffffff;
  CHECK(philox4x32({f, f, f, f}, {f, f}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  // The digits of pi.
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);
}

TEST_CASE("uniform numbers are uniform, in every part of the counter", "[random]") {
  const RandomStream random(7, Stream::kUser);
  const auto identity = [](double x) { return x; };
  CHECK(ks_statistic(draw(kSamples, [&](std::uint32_t i) { return random.uniform(i); }), identity) < kKs);
  CHECK(ks_statistic(draw(kSamples, [&](std::uint32_t i) { return random.uniform(3, i); }), identity) < kKs);
  CHECK(ks_statistic(draw(kSamples, [&](std::uint32_t i) { return random.uniform(3u, 1u, i); }), identity) <
        kKs);
  CHECK(ks_statistic(draw(kSamples, [&](std::uint32_t i) { return random.uniform(3u, 1u, 4u, i); }),
                     identity) < kKs);
  const auto scaled = draw(kSamples, [&](std::uint32_t i) { return random.uniform(-2.0, 6.0, i); });
  CHECK(ks_statistic(scaled, [](double x) { return (x + 2) / 8; }) < kKs);
  CHECK(*std::min_element(scaled.begin(), scaled.end()) >= -2.0);
  CHECK(*std::max_element(scaled.begin(), scaled.end()) < 6.0);
}

TEST_CASE("the Kolmogorov-Smirnov test can fail", "[random]") {
  const RandomStream random(7, Stream::kUser);
  const auto skewed = draw(kSamples, [&](std::uint32_t i) { return std::pow(random.uniform(i), 1.03); });
  CHECK(ks_statistic(skewed, [](double x) { return x; }) > kKs);
}

TEST_CASE("normal numbers are normal", "[random]") {
  const RandomStream random(11, Stream::kModelNoise);
  const auto z = draw(kSamples, [&](std::uint32_t i) { return random.normal(i, 5); });
  CHECK(ks_statistic(z, normal_cdf) < kKs);
  // Standard errors of the first four moments: 1, sqrt 2, sqrt 15, sqrt 96, each / sqrt n; checked at 4 of
  // them.
  const double e = 4 / std::sqrt(static_cast<double>(kSamples));
  CHECK(std::abs(moment(z, 1)) < e);
  CHECK(std::abs(moment(z, 2) - 1) < std::sqrt(2.0) * e);
  CHECK(std::abs(moment(z, 3)) < std::sqrt(15.0) * e);
  CHECK(std::abs(moment(z, 4) - 3) < std::sqrt(96.0) * e);
  for (const double v : z) REQUIRE(std::isfinite(v));
}

TEST_CASE("truncated normal numbers have the truncated distribution", "[random]") {
  const RandomStream random(13, Stream::kWeights);
  for (const double bound : {0.1, 0.9, 1.0, 2.0, 3.5}) {
    const auto z = draw(kSamples, [&](std::uint32_t i) { return random.truncated_normal(bound, i); });
    const double low = normal_cdf(-bound), high = normal_cdf(bound);
    CHECK(ks_statistic(z, [&](double x) { return (normal_cdf(x) - low) / (high - low); }) < kKs);
    CHECK(std::abs(*std::max_element(z.begin(), z.end())) <= bound);
    CHECK(std::abs(*std::min_element(z.begin(), z.end())) <= bound);
  }
  // Variance at bound 2: 1 - 2 * 2 phi(2) / (2 Phi(2) - 1) = 0.7737.
  const auto z = draw(kSamples, [&](std::uint32_t i) { return random.truncated_normal(2.0, i); });
  CHECK(moment(z, 2) == Approx(0.7737).margin(0.01));
  CHECK_THROWS_AS(random.truncated_normal(0.0, 1), Error);
  CHECK_THROWS_AS(random.truncated_normal(std::nan(""), 1), Error);
}

TEST_CASE("whole numbers below n are uniform", "[random]") {
  const RandomStream random(17, Stream::kBootstrap);
  for (const std::uint64_t n : {1ull, 2ull, 7ull, 10ull}) {
    std::vector<double> counts(n, 0.0);
    for (std::uint32_t i = 0; i < kSamples; ++i) {
      const std::uint64_t k = random.below(n, i, 1);
      REQUIRE(k < n);
      ++counts[k];
    }
    double chi2 = 0;
    const double expected = static_cast<double>(kSamples) / static_cast<double>(n);
    for (const double c : counts) chi2 += (c - expected) * (c - expected) / expected;
    CHECK(chi2 < 30);  // 9 degrees of freedom at most: probability 0.0004
  }
  const std::uint64_t large = std::uint64_t{1} << 63;
  CHECK(random.below(large, 1) < large);
}

TEST_CASE("permutations are permutations, and all equally likely", "[random]") {
  const RandomStream random(19, Stream::kShuffle);
  std::vector<int> p(1000);
  random.permutation(p.data(), 1000, 3);
  CHECK(std::set<int>(p.begin(), p.end()).size() == 1000);
  CHECK(*std::min_element(p.begin(), p.end()) == 0);
  CHECK(*std::max_element(p.begin(), p.end()) == 999);
  std::vector<int> again(1000);
  random.permutation(again.data(), 1000, 3);
  CHECK(p == again);
  random.permutation(again.data(), 1000, 4);
  CHECK(p != again);
  random.permutation(p.data(), 0, 1);

  std::array<double, 24> counts{};
  constexpr int kTries = 48000;
  for (std::uint32_t i = 0; i < kTries; ++i) {
    std::array<int, 4> q;
    random.permutation(q.data(), 4, i, 9);
    std::array<int, 4> sorted{0, 1, 2, 3};
    std::size_t rank = 0;
    while (sorted != q) {
      std::next_permutation(sorted.begin(), sorted.end());
      ++rank;
    }
    ++counts[rank];
  }
  double chi2 = 0;
  for (const double c : counts) chi2 += (c - kTries / 24.0) * (c - kTries / 24.0) / (kTries / 24.0);
  CHECK(chi2 < 50);  // 23 degrees of freedom: probability 0.0009
}

TEST_CASE("streams of different seeds and purposes do not share numbers", "[random]") {
  std::set<std::array<std::uint32_t, 2>> keys;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    for (std::uint32_t stream = 1; stream < 12; ++stream) keys.insert(RandomStream(seed, stream).key());
  CHECK(keys.size() == 200 * 11);

  // Neighbouring seeds are uncorrelated: standard error of the correlation is 1 / sqrt n.
  const RandomStream a(1, Stream::kPlanner), b(2, Stream::kPlanner), c(1, Stream::kModelNoise);
  double ab = 0, ac = 0;
  for (std::uint32_t i = 0; i < kSamples; ++i) {
    ab += a.normal(i) * b.normal(i);
    ac += a.normal(i) * c.normal(i);
  }
  CHECK(std::abs(ab) / kSamples < 4 / std::sqrt(static_cast<double>(kSamples)));
  CHECK(std::abs(ac) / kSamples < 4 / std::sqrt(static_cast<double>(kSamples)));
}

TEST_CASE("a draw depends on its counter alone", "[random]") {
  const RandomStream random(23, Stream::kUser);
  const double x = random.normal(1, 2, 3, 4);
  random.normal(9);
  CHECK(RandomStream(23, Stream::kUser).normal(1, 2, 3, 4) == x);
  CHECK(random.normal(1, 2, 3, 5) != x);
}
