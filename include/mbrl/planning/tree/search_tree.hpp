// A tree of action sequences and the statistics of the returns that sequences through its nodes had. UCT: Kocsis and
// Szepesvari, "Bandit based Monte-Carlo planning", ECML 2006. Progressive widening: Couetoux, Hoock, Sokolovska,
// Teytaud, Bonnard, "Continuous upper confidence trees", LION 2011.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// How a tree grows. A node tries a new action while it has fewer children than `choices`, or, where these are 0,
/// fewer than widening N^widening_power after N visits; otherwise it goes to the child with the largest
///   Q + exploration unit sqrt(ln N / n),
/// unit: best minus worst return through the node if `relative`, else 1. Of equal ones to the least visited.
struct TreeRule {
  int max_depth = 1;
  int capacity = 1;  // nodes; a full tree grows no more
  int choices = 0;
  double exploration = 1.4;
  bool relative = true;
  double widening = 1, widening_power = 0.5;
};

/// Nodes lie in arrays that are allocated once. The root is node 0, children have larger numbers than their parents.
/// A return that is not finite counts as the worst one the tree has seen.
class SearchTree {
 public:
  static constexpr int kNone = -1;
  struct Node {
    int parent = kNone, first = kNone, last = kNone, next = kNone;  // last: child; next: sibling
    int children = 0, rank = 0;  // rank: the how many-th child of its parent
    int start = 0;               // of choices: the first child's; the others follow in turn
    int visits = 0, unusable = 0;
    double sum = 0;  // of the usable returns
    double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  };

  SearchTree(int action_dim, const TreeRule& rule);

  /// The root alone, unvisited.
  void reset();
  int size() const { return static_cast<int>(nodes_.size()); }
  const Node& node(int i) const { return nodes_[static_cast<std::size_t>(i)]; }
  ConstVecRef<double> action(int i) const { return actions_.col(i); }
  const TreeRule& rule() const { return rule_; }

  /// From the root by the rule; the nodes after it, in order, until one that is to have a new child (grows) or the
  /// depth's limit. What it refers to moves with the next call.
  struct Path {
    const std::vector<int>& nodes;
    int end;  // the last node: where the path ends
    bool grows;
  };
  Path select();
  /// A new child, with an action for it (action_dim). Throws mbrl::Error in a full tree.
  int add_child(int parent, ConstVecRef<double> action);
  /// Of choices: which one the next child of a node is; the first child's is `first`.
  int next_choice(int parent, int first);
  /// The child with exactly that action, or kNone.
  int find_child(int parent, ConstVecRef<double> action) const;
  /// A sequence through a node has had a return: counts for the node and all above.
  void record(int node, double value);

  /// Mean return, those not finite as the tree's worst.
  double value(int i) const;
  /// Adds a number to all returns recorded.
  void shift(double by);
  /// The subtree of a node becomes the tree. Returns are kept as they are.
  void descend_to(int node);

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error for what is no tree of this rule; it is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool may_grow(const Node& node) const;
  int best_child(int parent) const;
  void link(int child);

  TreeRule rule_;
  std::vector<Node> nodes_;
  Batchd actions_;  // a column a node
  std::vector<int> path_, moved_;
};

}  // namespace mbrl
