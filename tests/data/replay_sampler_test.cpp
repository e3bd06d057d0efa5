// Prioritised and n-step replay against what their definitions say, entry by entry.
#include "mbrl/data/replay_sampler.hpp"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"

namespace mbrl {
namespace {

// Episodes of lengths 5, 1, 7, 4 and so on; terminated, truncated or broken off in turn. obs is [episode; step].
void fill_episodes(TransitionBuffer& buffer, int episodes) {
  const RandomStream random(3, Stream::kUser);
  for (int e = 0; e < episodes; ++e) {
    const int length = std::array{5, 1, 7, 4}[static_cast<std::size_t>(e % 4)];
    for (int t = 0; t < length; ++t) {
      Vecd obs(2), next(2);
      obs << e, t;
      next << e, t + 1;
      const bool last = t + 1 == length;
      buffer.add(obs, Vecd::Constant(1, t), next,
                 random.normal(static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(t)),
                 last && e % 3 == 0, last && e % 3 == 1);
    }
    buffer.begin_episode();
  }
}

}  // namespace

TEST_CASE("n-step transitions are those of the definition, at ends of episodes and of the buffer too") {
  constexpr double gamma = 0.9;
  for (const std::size_t capacity : {1000u, 50u}) {  // the second one wraps
    TransitionBuffer buffer(2, 1, capacity);
    fill_episodes(buffer, 20);
    std::vector<std::uint32_t> rows(buffer.size());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint32_t>(rows.size() - 1 - i);
    for (const int n : {1, 3, 20}) {
      Transitions out;
      gather_n_step(buffer, rows, n, gamma, out);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto j = static_cast<Index>(i);
        const std::size_t row = rows[i];
        double sum = 0;
        int m = 0;
        while (m < n && row + static_cast<std::size_t>(m) < buffer.size() &&
               buffer.obs(row + static_cast<std::size_t>(m))(0) == buffer.obs(row)(0)) {
          sum += std::pow(gamma, m) * static_cast<double>(buffer.reward(row + static_cast<std::size_t>(m)));
          ++m;
        }
        const std::size_t last = row + static_cast<std::size_t>(m) - 1;
        CHECK(out.reward(j) == Approx(sum).margin(1e-6));
        CHECK(out.discount(j) == Approx(std::pow(gamma, m)));
        CHECK(out.obs.col(j) == buffer.obs(row));
        CHECK(out.action(0, j) == buffer.action(row)(0));
        CHECK(out.next_obs(1, j) == buffer.obs(row)(1) + static_cast<float>(m));
        CHECK((out.terminated[i] != 0) == buffer.terminated(last));
        CHECK((out.truncated[i] != 0) == buffer.truncated(last));
      }
    }
    Transitions out;
    CHECK_THROWS_WITH(gather_n_step(buffer, rows, 0, gamma, out), Catch::Contains("expected at least 1"));
    CHECK_THROWS_WITH(gather_n_step(buffer, rows, 2, 1.5, out), Catch::Contains("expected 0 to 1"));
  }
}

TEST_CASE("n-step transitions of environments that take turns are those that each has alone") {
  constexpr int kLanes = 3, kRounds = 40;
  TransitionBuffer together(2, 1, 1000, kLanes);
  std::vector<TransitionBuffer> alone(kLanes, TransitionBuffer(2, 1, 1000));
  const RandomStream random(3, Stream::kUser);
  for (int round = 0; round < kRounds; ++round)
    for (int lane = 0; lane < kLanes; ++lane) {
      const Vecd obs = Vecd::Constant(2, 10 * round + lane), next = obs.array() + 0.5;
      const double reward =
          random.normal(static_cast<std::uint32_t>(round), static_cast<std::uint32_t>(lane));
      const bool ended = (round + lane) % 5 == 4;
      together.add(obs, Vecd::Zero(1), next, reward, ended && lane == 0, ended && lane > 0, lane);
      alone[static_cast<std::size_t>(lane)].add(obs, Vecd::Zero(1), next, reward, ended && lane == 0,
                                                ended && lane > 0);
    }
  for (const int n : {1, 3, 9})
    for (std::uint32_t round = 0; round < kRounds; ++round)
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        Transitions a, b;
        gather_n_step(together, std::vector{kLanes * round + lane}, n, 0.9, a);
        gather_n_step(alone[lane], std::vector{round}, n, 0.9, b);
        CHECK(a.obs == b.obs);
        CHECK(a.next_obs == b.next_obs);
        CHECK(a.reward == b.reward);
        CHECK(a.discount == b.discount);
        CHECK(a.terminated == b.terminated);
        CHECK(a.truncated == b.truncated);
      }
}

TEST_CASE("a sum tree finds where a share of the sum falls") {
  SumTree tree;
  CHECK(tree.sum() == 0);
  std::vector<double> values;
  const RandomStream random(4, Stream::kUser);
  for (std::uint32_t i = 0; i < 300; ++i) {  // grows several times; every third is nothing
    values.push_back(i % 3 == 1 ? 0.0 : random.uniform(i));
    tree.set(i, values.back());
  }
  for (const std::uint32_t i : {7u, 100u, 299u}) tree.set(i, values[i] = 5);
  double total = 0;
  for (const double v : values) total += v;
  CHECK(tree.sum() == Approx(total));
  double before = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(tree.at(i) == values[i]);
    if (values[i] > 0) CHECK(tree.find(before + 0.5 * values[i]) == i);
    before += values[i];
  }
  CHECK_THROWS_WITH(tree.set(1, -1), Catch::Contains("expected a finite number >= 0"));
}

TEST_CASE("rows are drawn in proportion to their priorities, and weights take the bias back") {
  constexpr std::size_t kCapacity = 8;
  constexpr int kDraws = 4000, kBatch = 16;
  constexpr double alpha = 0.7;
  ReplaySampler sampler({.alpha = alpha, .beta = 0.5, .epsilon = 0.01}, kCapacity, 5);
  for (int i = 0; i < 11; ++i) sampler.added();  // the oldest three were overwritten
  const std::vector<std::uint32_t> all = {0, 1, 2, 3, 4, 5, 6, 7};
  Vecf errors(8);
  errors << 0, 0.1f, 0.2f, 0.5f, 1, 2, 4, 8;
  sampler.tell(all, errors);
  std::array<double, 8> p{};
  double sum = 0;
  for (std::size_t i = 0; i < 8; ++i)
    sum += p[i] = std::pow(static_cast<double>(errors(static_cast<Index>(i))) + 0.01, alpha);

  std::array<int, 8> count{};
  std::vector<std::uint32_t> rows(kBatch);
  Vecf weight;
  for (std::uint32_t k = 0; k < kDraws; ++k) {
    sampler.draw(8, k, 0.0, rows, weight);
    CHECK(weight.maxCoeff() == 1);
    for (std::size_t i = 0; i < kBatch; ++i) {
      ++count[rows[i]];
      const double expected = std::pow(p[rows[i]] / p[rows[0]], -0.5) * static_cast<double>(weight(0));
      CHECK(weight(static_cast<Index>(i)) == Approx(expected).epsilon(1e-4));
    }
  }
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(count[i] / static_cast<double>(kDraws * kBatch) == Approx(p[i] / sum).epsilon(0.02).margin(0.002));

  // At the end of a run all of the bias is taken back: weights are 1 / P.
  sampler.draw(8, 1, 1.0, rows, weight);
  for (std::size_t i = 1; i < kBatch; ++i)
    CHECK(weight(static_cast<Index>(i)) * p[rows[i]] ==
          Approx(static_cast<double>(weight(0)) * p[rows[0]]).epsilon(1e-4));

  // A new row takes the place of the oldest, with the largest priority; the others keep theirs.
  sampler.added();
  count = {};
  for (std::uint32_t k = 0; k < kDraws; ++k) {
    sampler.draw(8, k, 0.0, rows, weight);
    for (const std::uint32_t row : rows) ++count[row];
  }
  sum += p[7] - p[0];
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(count[i] / static_cast<double>(kDraws * kBatch) ==
          Approx(p[std::min<std::size_t>(i + 1, 7)] / sum).epsilon(0.02).margin(0.002));
}

TEST_CASE("a sampler goes on after a stop as it would have without one") {
  const PrioritySettings settings{.alpha = 0.6};
  ReplaySampler a(settings, 50, 7), b(settings, 50, 7);
  std::vector<std::uint32_t> rows(20), again(20);
  Vecf weight, other;
  const auto go_on = [&](ReplaySampler& sampler, std::uint32_t k, std::vector<std::uint32_t>& to, Vecf& w) {
    sampler.added();
    sampler.draw(std::min<std::size_t>(k + 1, 50), k, k / 200.0, to, w);
    Vecf errors(20);
    for (Index i = 0; i < 20; ++i) errors(i) = static_cast<float>(to[static_cast<std::size_t>(i)] % 7) * 0.3f;
    sampler.tell(to, errors);
  };
  for (std::uint32_t k = 0; k < 120; ++k) go_on(a, k, rows, weight);
  StateDict state;
  a.save(state, "x.");
  b.load(state, "x.");
  for (std::uint32_t k = 120; k < 200; ++k) {
    go_on(a, k, rows, weight);
    go_on(b, k, again, other);
    CHECK(rows == again);
    CHECK(weight == other);
  }
  ReplaySampler small(settings, 10, 7);
  CHECK_THROWS_WITH(small.load(state, "x."), Catch::Contains("expected 10"));
}

TEST_CASE("what a sampler cannot draw is refused") {
  CHECK_THROWS_WITH(ReplaySampler({.alpha = 2}, 5, 1), Catch::Contains("priority.alpha is 2"));
  CHECK_THROWS_WITH(ReplaySampler({.beta = -1}, 5, 1), Catch::Contains("priority.beta is -1"));
  CHECK_THROWS_WITH(ReplaySampler({.epsilon = 0}, 5, 1), Catch::Contains("priority.epsilon is 0"));
  ReplaySampler uniform({}, 5, 1), by_priority({.alpha = 1}, 5, 1);
  std::vector<std::uint32_t> rows(3);
  Vecf weight;
  CHECK_THROWS_WITH(uniform.draw(0, 0, 0, rows, weight), Catch::Contains("empty"));
  by_priority.added();
  CHECK_THROWS_WITH(by_priority.draw(2, 0, 0, rows, weight), Catch::Contains("2 rows, and 1"));
  CHECK_THROWS_WITH(by_priority.tell(rows, Vecf::Zero(2)), Catch::Contains("the errors"));
  CHECK_THROWS_WITH(by_priority.tell(rows, Vecf::Constant(3, std::nanf(""))), Catch::Contains("finite"));
}

}  // namespace mbrl
