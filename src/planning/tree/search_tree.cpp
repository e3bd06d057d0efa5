#include "mbrl/planning/tree/search_tree.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "mbrl/core/error.hpp"

namespace mbrl {

SearchTree::SearchTree(int action_dim, const TreeRule& rule) : rule_(rule) {
  require(rule.max_depth >= 1 && rule.capacity >= 2, "SearchTree: a depth of ", rule.max_depth, " and ",
          rule.capacity, " nodes, expected at least 1 and 2");
  const auto capacity = static_cast<std::size_t>(rule.capacity);
  nodes_.reserve(capacity);
  moved_.reserve(capacity);
  path_.reserve(static_cast<std::size_t>(rule.max_depth));
  actions_.setZero(action_dim, rule.capacity);
  reset();
}

void SearchTree::reset() {
  nodes_.clear();
  nodes_.emplace_back();
}

bool SearchTree::may_grow(const Node& node) const {
  if (size() == rule_.capacity) return false;
  if (rule_.choices > 0) return node.children < rule_.choices;
  return node.children < rule_.widening * std::pow(std::max(node.visits, 1), rule_.widening_power);
}

SearchTree::Path SearchTree::select() {
  path_.clear();
  int at = 0;
  while (static_cast<int>(path_.size()) < rule_.max_depth) {
    if (may_grow(node(at))) return {path_, at, true};
    if (node(at).first == kNone) break;  // a full tree
    at = best_child(at);
    path_.push_back(at);
  }
  return {path_, at, false};
}

int SearchTree::best_child(int parent) const {
  const Node& from = node(parent);
  double unit = 1;
  if (rule_.relative) {
    const double low = from.unusable > 0 ? node(0).low : from.low;
    unit = from.high >= low ? from.high - low : 0;
  }
  const double width = rule_.exploration * unit, log_visits = std::log(std::max(from.visits, 1));
  int best = kNone;
  double best_bound = 0;
  for (int i = from.first; i != kNone; i = node(i).next) {
    if (node(i).visits == 0) return i;
    const double bound = value(i) + width * std::sqrt(log_visits / node(i).visits);
    if (best == kNone || bound > best_bound || (bound == best_bound && node(i).visits < node(best).visits)) {
      best = i;
      best_bound = bound;
    }
  }
  return best;
}

int SearchTree::add_child(int parent, ConstVecRef<double> action) {
  require(size() < rule_.capacity, "SearchTree: all ", rule_.capacity, " nodes are in use");
  const int child = size();
  nodes_.emplace_back();
  nodes_.back().parent = parent;
  actions_.col(child) = action;
  link(child);
  return child;
}

void SearchTree::link(int child) {
  Node& own = nodes_[static_cast<std::size_t>(child)];
  Node& from = nodes_[static_cast<std::size_t>(own.parent)];
  own.rank = from.children++;
  (from.first == kNone ? from.first : nodes_[static_cast<std::size_t>(from.last)].next) = child;
  from.last = child;
}

int SearchTree::next_choice(int parent, int first) {
  Node& from = nodes_[static_cast<std::size_t>(parent)];
  if (from.children == 0) from.start = first;
  return (from.start + from.children) % rule_.choices;
}

int SearchTree::find_child(int parent, ConstVecRef<double> action) const {
  for (int i = node(parent).first; i != kNone; i = node(i).next)
    if (actions_.col(i) == action) return i;
  return kNone;
}

void SearchTree::record(int at, double value) {
  for (int i = at; i != kNone; i = node(i).parent) {
    Node& n = nodes_[static_cast<std::size_t>(i)];
    ++n.visits;
    if (!std::isfinite(value)) {
      ++n.unusable;
      continue;
    }
    n.sum += value;
    n.low = std::min(n.low, value);
    n.high = std::max(n.high, value);
  }
}

double SearchTree::value(int i) const {
  const Node& n = node(i);
  if (n.visits == 0 || node(0).visits == node(0).unusable) return 0;
  const double bad = n.unusable > 0 ? n.unusable * node(0).low : 0.0;
  return (n.sum + bad) / n.visits;
}

void SearchTree::shift(double by) {
  for (Node& n : nodes_) {
    n.sum += by * (n.visits - n.unusable);
    n.low += by;
    n.high += by;
  }
}

void SearchTree::descend_to(int top) {
  moved_.assign(nodes_.size(), kNone);
  int kept = 0;
  for (int i = top; i < size(); ++i) {
    Node n = node(i);
    const bool inside = i == top || (n.parent >= top && moved_[static_cast<std::size_t>(n.parent)] != kNone);
    if (!inside) continue;
    n.parent = i == top ? kNone : moved_[static_cast<std::size_t>(n.parent)];
    n.first = n.last = n.next = kNone;
    n.children = n.rank = 0;
    moved_[static_cast<std::size_t>(i)] = kept;
    nodes_[static_cast<std::size_t>(kept)] = n;
    actions_.col(kept) = actions_.col(i);
    if (n.parent != kNone) link(kept);
    ++kept;
  }
  nodes_.erase(nodes_.begin() + kept, nodes_.end());
}

void SearchTree::save(StateDict& out, const std::string& prefix) const {
  const auto count = static_cast<Index>(nodes_.size());
  Batchd counts(4, count), returns(3, count);
  for (Index i = 0; i < count; ++i) {
    const Node& n = node(static_cast<int>(i));
    counts.col(i) << n.parent, n.start, n.visits, n.unusable;
    returns.col(i) << n.sum, n.low, n.high;
  }
  out.put_matrix(prefix + "counts", counts);
  out.put_matrix(prefix + "returns", returns);
  out.put_matrix(prefix + "actions", actions_.leftCols(count));
}

void SearchTree::load(const StateDict& in, const std::string& prefix) {
  const Batchd counts = in.get_matrix<double>(prefix + "counts"),
               returns = in.get_matrix<double>(prefix + "returns"),
               actions = in.get_matrix<double>(prefix + "actions");
  const Index count = counts.cols();
  bool fits = count >= 1 && count <= rule_.capacity && counts.rows() == 4 && returns.rows() == 3 &&
              returns.cols() == count && actions.rows() == actions_.rows() && actions.cols() == count;
  for (Index i = 0; fits && i < count; ++i)
    fits = (i == 0 ? counts(0, i) == kNone : counts(0, i) >= 0 && counts(0, i) < static_cast<double>(i)) &&
           counts(1, i) >= 0 && counts(1, i) < std::max(1, rule_.choices) && counts(3, i) >= 0 &&
           counts(2, i) >= counts(3, i);
  require(fits, "checkpoint: '", prefix, "counts' is no search tree of at most ", rule_.capacity,
          " nodes with actions of dimension ", actions_.rows());
  nodes_.clear();
  for (Index i = 0; i < count; ++i) {
    Node n;
    n.parent = static_cast<int>(counts(0, i));
    n.start = static_cast<int>(counts(1, i));
    n.visits = static_cast<int>(counts(2, i));
    n.unusable = static_cast<int>(counts(3, i));
    n.sum = returns(0, i);
    n.low = returns(1, i);
    n.high = returns(2, i);
    nodes_.push_back(n);
    actions_.col(i) = actions.col(i);
    if (i > 0) link(static_cast<int>(i));
  }
}

}  // namespace mbrl
