// The tree alone: bounds computed by hand, widening, what is kept of it, and checkpoints.
#include "mbrl/planning/tree/search_tree.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

Vecd act(double value) { return Vecd::Constant(1, value); }

// Of two choices, tried to a depth of two.
SearchTree small_tree(bool relative) {
  return SearchTree(1,
                    {.max_depth = 2, .capacity = 10, .choices = 2, .exploration = 1, .relative = relative});
}

// One simulation: where it went, and its return recorded.
std::vector<int> simulate(SearchTree& tree, double value) {
  const SearchTree::Path path = tree.select();
  std::vector<int> nodes = path.nodes;
  if (path.grows) nodes.push_back(tree.add_child(path.end, act(tree.next_choice(path.end, 1))));
  tree.record(nodes.back(), value);
  return nodes;
}

TEST_CASE("search tree: upper confidence bounds computed by hand") {
  SearchTree tree = small_tree(false);
  CHECK(simulate(tree, 0.5) == std::vector{1});
  CHECK(simulate(tree, 0.8) == std::vector{2});
  CHECK(tree.action(1)(0) == 1);  // each choice once, from the one it began with
  CHECK(tree.action(2)(0) == 0);
  // 0.5 + sqrt(ln 2) < 0.8 + sqrt(ln 2)
  CHECK(simulate(tree, 0.2) == std::vector{2, 3});
  CHECK(tree.value(2) == Approx(0.5));
  // 0.5 + sqrt(ln 3) = 1.548 > 0.5 + sqrt(ln 3 / 2) = 1.241
  CHECK(simulate(tree, 0.1) == std::vector{1, 4});
  CHECK(tree.value(1) == Approx(0.3));
  // 0.3 + sqrt(ln 4 / 2) < 0.5 + sqrt(ln 4 / 2); below, the other choice
  CHECK(simulate(tree, 0.9) == std::vector{2, 5});
  CHECK(tree.value(2) == Approx(1.9 / 3));
  // 0.3 + sqrt(ln 5 / 2) = 1.197 < 0.633 + sqrt(ln 5 / 3) = 1.366; 0.2 + sqrt(ln 3) < 0.9 + sqrt(ln 3)
  CHECK(simulate(tree, 0.0) == std::vector{2, 5});
  CHECK(tree.value(2) == Approx(1.9 / 4));
  // 0.3 + sqrt(ln 6 / 2) = 1.247 > 0.475 + sqrt(ln 6 / 4) = 1.144
  CHECK(simulate(tree, 0.0) == std::vector{1, 6});
  CHECK(tree.node(0).visits == 7);
  CHECK(tree.value(0) == Approx(2.5 / 7));
}

TEST_CASE("search tree: a range of returns as the unit makes the search blind to scale and offset") {
  const auto visits = [](double scale, double offset) {
    SearchTree tree = small_tree(true);
    std::vector<int> ends;
    for (int i = 0; i < 60; ++i) ends.push_back(simulate(tree, offset + scale * std::sin(1.7 * i)).back());
    return ends;
  };
  CHECK(visits(1, 0) == visits(1000, -5));
  SearchTree tree = small_tree(true);
  simulate(tree, 3.0);
  simulate(tree, 3.5);
  // 3 + 0.5 sqrt(ln 2) < 3.5 + 0.5 sqrt(ln 2); then 3 + 2.5 sqrt(ln 3) > 2.25 + 2.5 sqrt(ln 3 / 2)
  CHECK(simulate(tree, 1.0) == std::vector{2, 3});
  CHECK(simulate(tree, 1.0) == std::vector{1, 4});
}

TEST_CASE("search tree: any actions are tried as their number may grow") {
  SearchTree tree(1, {.max_depth = 1, .capacity = 50, .widening = 1.5, .widening_power = 0.5});
  for (int n = 1; n <= 100; ++n) {
    const SearchTree::Path path = tree.select();
    const int children = tree.node(0).children;
    CHECK(path.grows == (children < 1.5 * std::sqrt(std::max(n - 1, 1))));
    tree.record(path.grows ? tree.add_child(0, act(0.01 * n)) : path.end, 1.0 / n);
  }
  CHECK(tree.node(0).children == 15);
}

TEST_CASE("search tree: returns that are not finite count as the worst") {
  SearchTree tree = small_tree(true);
  simulate(tree, std::numeric_limits<double>::quiet_NaN());
  CHECK(tree.value(1) == 0);  // nothing is known
  simulate(tree, -3);
  CHECK(tree.value(1) == -3);
  simulate(tree, 5);
  CHECK(tree.value(0) == Approx((-3 - 3 + 5) / 3.0));
  CHECK(tree.node(0).unusable == 1);
}

TEST_CASE("search tree: what lies below a node is kept as it was, and can be saved") {
  SearchTree tree = small_tree(false);
  for (int i = 0; i < 30; ++i) simulate(tree, std::cos(2.3 * i));
  const int second = tree.node(0).last;
  const SearchTree::Node before = tree.node(second);
  const double value = tree.value(second), below = tree.value(before.first);
  StateDict saved;
  tree.save(saved, "tree.");
  tree.descend_to(second);
  CHECK(tree.size() == 1 + before.children);
  CHECK(tree.node(0).visits == before.visits);
  CHECK(tree.value(0) == value);
  CHECK(tree.value(tree.node(0).first) == below);
  CHECK(tree.node(0).children == before.children);
  tree.shift(2.5);
  CHECK(tree.value(0) == Approx(value + 2.5));
  CHECK(tree.find_child(0, act(0)) != SearchTree::kNone);
  CHECK(tree.find_child(0, act(0.5)) == SearchTree::kNone);

  SearchTree again = small_tree(false), other = small_tree(false);
  again.load(saved, "tree.");
  other.load(saved, "tree.");
  for (int i = 0; i < 10; ++i)
    CHECK(simulate(again, std::cos(1.3 * i)) == simulate(other, std::cos(1.3 * i)));
  SearchTree less(1, {.max_depth = 2, .capacity = 3, .choices = 2});
  CHECK_THROWS_WITH(less.load(saved, "tree."), Catch::Contains("at most 3 nodes"));
  CHECK(less.size() == 1);
  SearchTree wider(2, {.max_depth = 2, .capacity = 10, .choices = 4});
  CHECK_THROWS_AS(wider.load(saved, "tree."), Error);
}

}  // namespace
}  // namespace mbrl
