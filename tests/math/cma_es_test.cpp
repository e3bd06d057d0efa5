// CMA-ES as a minimiser: against a naive loop, on the functions it is known by, and under neutral selection.
#include "mbrl/math/cma_es.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

using Function = std::function<double(const Vecd&)>;

// Evaluations until the best candidate is below `target`; `most` if it never is.
std::int64_t evaluations(const Function& f, CmaEs search, double target, std::int64_t most) {
  std::int64_t count = 0;
  Vecd losses(search.population());
  while (count < most) {
    const Batchd& x = search.ask();
    for (Index k = 0; k < x.cols(); ++k) losses(k) = f(x.col(k));
    search.tell(losses);
    count += search.population();
    if (losses.minCoeff() < target) break;
  }
  return count;
}

std::int64_t median_evaluations(const Function& f, int n, double start, bool separable, double target,
                                std::int64_t most) {
  std::vector<std::int64_t> counts;
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    counts.push_back(
        evaluations(f, CmaEs(Vecd::Constant(n, start), 0.5, {.separable = separable}, seed), target, most));
  std::sort(counts.begin(), counts.end());
  return counts[2];
}

double sphere(const Vecd& x) { return x.squaredNorm(); }

// Condition number 10^6, axes along the coordinates.
double ellipsoid(const Vecd& x) {
  double sum = 0;
  for (Index i = 0; i < x.size(); ++i)
    sum += std::pow(1e6, static_cast<double>(i) / static_cast<double>(x.size() - 1)) * x(i) * x(i);
  return sum;
}

double rosenbrock(const Vecd& x) {
  double sum = 0;
  for (Index i = 0; i + 1 < x.size(); ++i)
    sum += 100 * std::pow(x(i + 1) - x(i) * x(i), 2) + std::pow(1 - x(i), 2);
  return sum;
}

Batchd rotation(int n) {
  const RandomStream random(3, Stream::kUser);
  Batchd a(n, n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i)
      a(i, j) = random.normal(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j));
  return Eigen::HouseholderQR<Batchd>(a).householderQ();
}

TEST_CASE("cma-es needs as many evaluations as it is known to") {
  // Orders of magnitude: the sphere costs some 100 to 200 evaluations a variable, learning an ellipsoid of
  // condition 10^6 or Rosenbrock's valley some 5 to 8 times n^2 more, all in ten variables.
  const auto easy = median_evaluations(sphere, 10, 1.0, false, 1e-10, 20000);
  CHECK(easy > 800);
  CHECK(easy < 2500);
  const auto axes = median_evaluations(ellipsoid, 10, 1.0, false, 1e-10, 40000);
  CHECK(axes > 3000);
  CHECK(axes < 9000);
  const auto valley = median_evaluations(rosenbrock, 10, 0.0, false, 1e-8, 40000);
  CHECK(valley < 8000);
  // Rotated it is the same problem.
  const Batchd q = rotation(10);
  const auto rotated =
      median_evaluations([&](const Vecd& x) { return ellipsoid(q * x); }, 10, 1.0, false, 1e-10, 40000);
  INFO("sphere " << easy << ", ellipsoid " << axes << ", rotated " << rotated << ", Rosenbrock " << valley);
  CHECK(static_cast<double>(rotated) < 1.3 * static_cast<double>(axes));
  CHECK(static_cast<double>(axes) < 1.3 * static_cast<double>(rotated));
}

TEST_CASE("separable cma-es is faster where the axes are the coordinates, and only there") {
  constexpr int kDim = 20;
  const auto full = median_evaluations(ellipsoid, kDim, 1.0, false, 1e-8, 60000);
  const auto separable = median_evaluations(ellipsoid, kDim, 1.0, true, 1e-8, 60000);
  CHECK(2 * separable < full);
  const Batchd q = rotation(kDim);
  const Function turned = [&](const Vecd& x) { return ellipsoid(q * x); };
  const auto lost =
      evaluations(turned, CmaEs(Vecd::Constant(kDim, 1.0), 0.5, {.separable = true}, 1), 1e-8, 2 * full);
  INFO("full " << full << ", separable " << separable << ", separable on the rotated " << lost);
  CHECK(lost >= 2 * full);
}

// The equations of the class documentation, one number at a time.
struct NaiveCmaEs {
  int n, lambda;
  bool separable;
  std::vector<double> m, ps, pc;
  std::vector<std::vector<double>> c, a;
  double sigma;
  int generation = 0;

  NaiveCmaEs(std::vector<double> mean, double s, int population, bool sep)
      : n(static_cast<int>(mean.size())), lambda(population), separable(sep), m(mean), sigma(s) {
    ps = pc = std::vector<double>(mean.size(), 0.0);
    c = std::vector<std::vector<double>>(mean.size(), ps);
    for (std::size_t i = 0; i < mean.size(); ++i) c[i][i] = 1;
    a = c;
  }

  void factorise() {
    for (std::size_t i = 0; i < m.size(); ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = c[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
        a[i][j] = i == j ? std::sqrt(sum) : sum / a[j][j];
      }
  }

  double step(const Function& f) {
    const auto size = m.size();
    Batchd z(n, lambda);
    CandidateNoise<double>(42).normal(0, static_cast<std::uint32_t>(generation), z);
    std::vector<std::vector<double>> x;
    std::vector<std::pair<double, std::size_t>> ranked;
    for (int k = 0; k < lambda; ++k) {
      std::vector<double> p = m;
      for (std::size_t i = 0; i < size; ++i)
        for (std::size_t j = 0; j <= i; ++j) p[i] += sigma * a[i][j] * z(static_cast<Index>(j), k);
      ranked.emplace_back(f(Eigen::Map<const Vecd>(p.data(), n)), x.size());
      x.push_back(p);
    }
    std::sort(ranked.begin(), ranked.end());
    const int mu = lambda / 2;
    std::vector<double> w;
    for (int i = 1; i <= mu; ++i) w.push_back(std::log((lambda + 1) / 2.0) - std::log(i));
    const double total = std::accumulate(w.begin(), w.end(), 0.0);
    double squares = 0;
    for (double& v : w) v /= total, squares += v * v;
    const double mw = 1 / squares;
    const double cs = (mw + 2) / (n + mw + 5);
    const double ds = 1 + 2 * std::max(0.0, std::sqrt((mw - 1) / (n + 1)) - 1) + cs;
    const double cc = (4 + mw / n) / (n + 4 + 2 * mw / n);
    double c1 = 2 / (std::pow(n + 1.3, 2) + mw);
    double cm = 2 * (mw - 2 + 1 / mw) / (std::pow(n + 2, 2) + mw);
    if (separable) c1 *= (n + 2) / 3.0, cm *= (n + 2) / 3.0;
    cm = std::min(1 - c1, cm);
    const double chi = std::sqrt(n) * (1 - 1 / (4.0 * n) + 1 / (21.0 * n * n));
    std::vector<std::vector<double>> y;
    std::vector<double> yw(size, 0.0), white(size);
    for (std::size_t i = 0; i < w.size(); ++i) {
      std::vector<double> d(size);
      for (std::size_t e = 0; e < size; ++e) {
        d[e] = (x[ranked[i].second][e] - m[e]) / sigma;
        yw[e] += w[i] * d[e];
      }
      y.push_back(d);
    }
    for (std::size_t i = 0; i < size; ++i) {
      white[i] = yw[i];
      for (std::size_t j = 0; j < i; ++j) white[i] -= a[i][j] * white[j];
      white[i] /= a[i][i];
    }
    double norm = 0;
    for (std::size_t e = 0; e < size; ++e) {
      ps[e] = (1 - cs) * ps[e] + std::sqrt(cs * (2 - cs) * mw) * white[e];
      norm += ps[e] * ps[e];
    }
    norm = std::sqrt(norm);
    const bool h = norm / std::sqrt(1 - std::pow(1 - cs, 2 * (generation + 1))) < (1.4 + 2.0 / (n + 1)) * chi;
    for (std::size_t e = 0; e < size; ++e)
      pc[e] = (1 - cc) * pc[e] + (h ? std::sqrt(cc * (2 - cc) * mw) * yw[e] : 0.0);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) {
        if (separable && i != j) continue;
        double rank_mu = 0;
        for (std::size_t k = 0; k < w.size(); ++k) rank_mu += w[k] * y[k][i] * y[k][j];
        c[i][j] =
            (1 + (h ? 0.0 : c1 * cc * (2 - cc)) - c1 - cm) * c[i][j] + c1 * pc[i] * pc[j] + cm * rank_mu;
      }
    for (std::size_t e = 0; e < size; ++e) m[e] += sigma * yw[e];
    sigma *= std::exp(cs / ds * (norm / chi - 1));
    factorise();
    ++generation;
    return ranked[0].first;
  }
};

TEST_CASE("cma-es equals a naive loop") {
  for (const bool separable : {false, true})
    for (const int population : {0, 9, 24}) {
      const std::vector<double> start = {0.5, -0.3, 1.2, 0.1};
      CmaEs search(Eigen::Map<const Vecd>(start.data(), 4), 0.7, {population, separable}, 42);
      CHECK(search.population() == (population == 0 ? 8 : population));
      NaiveCmaEs naive(start, 0.7, search.population(), separable);
      for (int generation = 0; generation < 30; ++generation) {
        const Batchd& x = search.ask();
        Vecd losses(x.cols());
        for (Index k = 0; k < x.cols(); ++k) losses(k) = rosenbrock(x.col(k));
        search.tell(losses);
        const double best = naive.step(rosenbrock);
        INFO("separable " << separable << " population " << population << " generation " << generation);
        REQUIRE(losses.minCoeff() == Approx(best).epsilon(1e-6));
        REQUIRE(search.sigma() == Approx(naive.sigma).epsilon(1e-6));
        for (Index i = 0; i < 4; ++i) {
          const auto e = static_cast<std::size_t>(i);
          REQUIRE(search.mean()(i) == Approx(naive.m[e]).margin(1e-7));
          REQUIRE(search.std(i) == Approx(naive.sigma * std::sqrt(naive.c[e][e])).epsilon(1e-6));
        }
      }
      CHECK(search.generation() == 30);
    }
}

TEST_CASE("under losses that say nothing cma-es does not drift") {
  // Neutral selection: y_w sqrt(mu_w) ~ N(0, C), so E[m] stays and, the paths starting from 0,
  //   E|p_sigma| = sqrt(1 - (1 - c_sigma)^(2 g)) E|N(0, I)|,
  //   E[p_c p_c'] <- (1 - c_c)^2 E[p_c p_c'] + c_c (2 - c_c) E[C],  E[C] <- (1 - c_1) E[C] + c_1 E[p_c p_c'].
  const RandomStream random(8, Stream::kUser);
  for (const bool separable : {false, true}) {
    constexpr int kRuns = 3000, kDim = 5, kGenerations = 15;
    double log_sigma = 0, variance = 0;
    Vecd mean = Vecd::Zero(kDim);
    CmaEs search(Vecd::Zero(kDim), 1.0, {.separable = separable}, 4);
    Vecd losses(search.population());
    for (std::uint32_t run = 0; run < kRuns; ++run) {
      search.restart(Vecd::Zero(kDim), 1.0, run);
      for (std::uint32_t generation = 0; generation < kGenerations; ++generation) {
        search.ask();
        for (Index k = 0; k < losses.size(); ++k)
          losses(k) = random.uniform(run, generation, static_cast<std::uint32_t>(k));
        search.tell(losses);
      }
      log_sigma += std::log(search.sigma()) / kRuns;
      variance += std::pow(search.spread() / search.sigma(), 2) / kRuns;
      mean += search.mean() / kRuns;
    }
    double squares = 0, total = 0;
    for (int i = 1; i <= search.population() / 2; ++i) {
      const double w = std::log(0.5 * (search.population() + 1)) - std::log(i);
      squares += w * w;
      total += w;
    }
    const double mu_w = total * total / squares;
    const double c_sigma = (mu_w + 2) / (kDim + mu_w + 5),
                 c_c = (4 + mu_w / kDim) / (kDim + 4 + 2 * mu_w / kDim);
    const double c_1 = (separable ? (kDim + 2) / 3.0 : 1.0) * 2 / (std::pow(kDim + 1.3, 2) + mu_w);
    REQUIRE(mu_w < kDim + 2);  // then d_sigma = 1 + c_sigma
    double expected_log = 0, expected_c = 1, expected_path = 0;
    for (int g = 1; g <= kGenerations; ++g) {
      expected_log += c_sigma / (1 + c_sigma) * (std::sqrt(1 - std::pow(1 - c_sigma, 2 * g)) - 1);
      expected_path = std::pow(1 - c_c, 2) * expected_path + c_c * (2 - c_c) * expected_c;
      expected_c = (1 - c_1) * expected_c + c_1 * expected_path;
    }
    INFO("separable " << separable << ": log sigma " << log_sigma << ", variance " << variance);
    CHECK(log_sigma == Approx(expected_log).margin(0.03));
    // h leaves the longest steps, some 2 % of all, out of p_c: C ends somewhat smaller.
    CHECK(variance < expected_c + 0.02);
    CHECK(variance > expected_c - 0.12);
    CHECK(mean.norm() < 0.2);
  }
}

TEST_CASE("cma-es sees the order of the losses only, and no place or unit is special to it") {
  const auto path = [](const Function& f, const Vecd& start, double sigma) {
    CmaEs search(start, sigma, {}, 6);
    Vecd losses(search.population());
    for (int generation = 0; generation < 40; ++generation) {
      const Batchd& x = search.ask();
      for (Index k = 0; k < x.cols(); ++k) losses(k) = f(x.col(k));
      search.tell(losses);
    }
    return search.mean();
  };
  const Vecd start = Vecd::Constant(4, 0.5);
  const Vecd plain = path(rosenbrock, start, 0.25);
  CHECK(path([](const Vecd& x) { return std::log(rosenbrock(x)) - 3; }, start, 0.25) == plain);
  const Vecd moved = path([](const Vecd& x) { return rosenbrock((x.array() - 2.0) / 8.0); },
                          (8 * start.array() + 2).matrix(), 2.0);
  CHECK(((moved.array() - 2) / 8).matrix().isApprox(plain, 1e-6));
}

TEST_CASE("losses that are not finite are never a parent's") {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  CmaEs search(Vecd::Constant(3, 1.0), 0.5, {.population = 12}, 2);
  const auto tell = [&](const Function& f) {
    const Batchd& x = search.ask();
    Vecd losses(x.cols());
    for (Index k = 0; k < x.cols(); ++k) losses(k) = f(x.col(k));
    search.tell(losses);
  };
  // Nothing usable: only the numbers drawn next change.
  const Batchd first = search.ask();
  tell([](const Vecd&) { return kNaN; });
  CHECK(search.mean() == Vecd::Constant(3, 1.0));
  CHECK(search.sigma() == 0.5);
  CHECK(search.ask() != first);
  // One usable candidate of twelve is the only parent.
  const Vecd chosen = search.ask().col(7);
  Vecd losses = Vecd::Constant(12, kNaN);
  losses(3) = -std::numeric_limits<double>::infinity();
  losses(7) = 5.0;
  search.tell(losses);
  CHECK(search.mean().isApprox(chosen, 1e-12));
  // The minimum lies where half of the space is poisoned.
  for (int i = 0; i < 150; ++i) tell([](const Vecd& x) { return x(0) < 0 ? kNaN : x.squaredNorm(); });
  CHECK(search.mean()(0) >= 0.0);
  CHECK(search.mean().norm() < 1e-2);
}

TEST_CASE("a saved cma-es continues exactly") {
  for (const bool separable : {false, true}) {
    const int n = 12;  // large enough for the factor to be renewed every few generations only
    CmaEs one(Vecd::Constant(n, 1.0), 0.5, {6, separable}, 2);
    const auto step = [](CmaEs& search) {
      const Batchd& x = search.ask();
      Vecd losses(x.cols());
      for (Index k = 0; k < x.cols(); ++k) losses(k) = ellipsoid(x.col(k));
      search.tell(losses);
    };
    for (int i = 0; i < 37; ++i) step(one);
    StateDict saved;
    one.save(saved, "cma.");
    CmaEs two(Vecd::Zero(n), 3.0, {6, separable}, 77);
    two.load(saved, "cma.");
    for (int i = 0; i < 20; ++i) {
      step(one);
      step(two);
      CHECK(one.mean() == two.mean());
      CHECK(one.sigma() == two.sigma());
    }
    CmaEs other(Vecd::Zero(n + 1), 3.0, {6, separable}, 77);
    CHECK_THROWS_AS(other.load(saved, "cma."), Error);
    one.ask();
    CHECK_THROWS_AS(one.save(saved, "cma."), Error);
  }
}

TEST_CASE("cma-es refuses what makes no sense") {
  CHECK_THROWS_AS(CmaEs(Vecd(0), 1.0, {}, 1), Error);
  CHECK_THROWS_AS(CmaEs(Vecd::Zero(2), 0.0, {}, 1), Error);
  CHECK_THROWS_AS(CmaEs(Vecd::Zero(2), std::nan(""), {}, 1), Error);
  CHECK_THROWS_AS(CmaEs(Vecd::Constant(2, std::nan("")), 1.0, {}, 1), Error);
  CHECK_THROWS_AS(CmaEs(Vecd::Zero(2), 1.0, {.population = 1}, 1), Error);
  CmaEs search(Vecd::Zero(2), 1.0, {}, 1);
  CHECK_THROWS_AS(search.tell(Vecd::Zero(search.population())), Error);
  search.ask();
  CHECK_THROWS_AS(search.tell(Vecd::Zero(search.population() + 1)), Error);
  CHECK_THROWS_AS(search.restart(Vecd::Zero(3), 1.0, 0), Error);
}

}  // namespace
}  // namespace mbrl
