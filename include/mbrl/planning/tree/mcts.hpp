// Monte-Carlo tree search (UCT). Kocsis and Szepesvari, "Bandit based Monte-Carlo planning", ECML 2006; of any actions
// with progressive widening: Couetoux et al., "Continuous upper confidence trees", LION 2011; several trees side by side:
// Chaslot, Winands, van den Herik, "Parallel Monte-Carlo tree search", Computers and Games 2008.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/planning/tree/search_tree.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// An evaluator that can go on by itself: of column k the first given[k] steps stand, and by a policy or a value of its own
/// it says what the sequence is worth; it writes the actions that follow into the column. `guided`: whether it would.
// clang-format off
template <class E>
concept GuidedEvaluator = RolloutEvaluator<E> &&
    requires(E& evaluator, const E& cevaluator, const typename E::State& state, BatchRef<typename E::Scalar> actions,
             std::span<const int> given, RolloutKey key, VecRef<typename E::Scalar> returns) {
  { cevaluator.guided() } -> std::convertible_to<bool>;
  evaluator.evaluate_begun(state, actions, given, key, returns);
};
// clang-format on

/// An iteration is one simulation in each of the trees, all evaluated in one call: down the tree by upper confidence bounds
/// (TreeRule), one new node, then random actions to the horizon, or what a GuidedEvaluator makes of it; the return counts for
/// every node on the way. In the first iteration all simulate the shifted last plan. The plan begins with the action that most
/// simulations of all trees chose, and is the best sequence seen that begins so.
///
/// Nodes are sequences of actions, not states: in deterministic dynamics that is the same, in others a node averages over where
/// its actions lead. Returns are those of whole sequences; what they earn before a node is the same for all its children,
/// and the bounds' unit, the range of returns through the node, knows neither scale nor discount. A tree that is kept has
/// been told returns of an earlier state: they are moved by what the last plan has become worth since.
///
/// The evaluator must outlive the planner.
template <RolloutEvaluator E>
class Mcts : public SamplingPlanner<Mcts<E>, E, MctsSettings, true> {
  using Base = SamplingPlanner<Mcts<E>, E, MctsSettings, true>;
  friend Base;

 public:
  using typename Base::Scalar;
  using typename Base::State;

  Mcts(E& evaluator, const ActionBounds& bounds, const MctsSettings& settings, std::uint64_t seed)
      : Base("mcts", evaluator, bounds, settings, seed) {
    const MctsSettings& s = settings_;
    require(s.trees >= 1, "mcts: trees is ", s.trees, ", expected at least 1");
    require(s.actions == 0 || s.actions >= 2, "mcts: actions is ", s.actions,
            ", expected at least 2, or 0 for any action");
    require(s.exploration >= 0 && std::isfinite(s.exploration), "mcts: exploration is ", s.exploration,
            ", expected at least 0");
    require(s.widening > 0 && std::isfinite(s.widening), "mcts: widening is ", s.widening,
            ", expected more than 0");
    require(s.widening_power >= 0 && s.widening_power < 1, "mcts: widening_power is ", s.widening_power,
            ", expected 0 to less than 1");
    require(s.hold >= 1, "mcts: hold is ", s.hold, ", expected at least 1");
    values_ = box_.choices() > 0 ? box_.choices() : s.actions;
    const double joint = values_ > 0 ? std::pow(values_, box_.action_dim()) : 0;
    require(joint <= kMostChoices, "mcts: ", values_, " values of each of ", box_.action_dim(),
            " actions are too many to try all, expected at most ", kMostChoices,
            " combinations; fewer actions, or mcts.actions=0, may do");
    TreeRule rule{.max_depth = (box_.horizon() + s.hold - 1) / s.hold,
                  .capacity = 3 * s.iterations + 1,
                  .choices = static_cast<int>(joint),
                  .exploration = s.exploration,
                  .relative = s.relative_exploration,
                  .widening = s.widening,
                  .widening_power = s.widening_power};
    trees_ = new_trees(static_cast<std::size_t>(s.trees), rule);
    const double visits = static_cast<double>(s.iterations) * (rule.max_depth + 1);
    children_ = rule.choices > 0 ? rule.choices
                                 : static_cast<int>(std::min<double>(
                                       rule.capacity, 2 + s.widening * std::pow(visits, s.widening_power)));
    leaf_.resize(trees_.size());
    given_.resize(trees_.size());
    best_return_.resize(children_, s.trees);
    best_.resize(box_.size(), static_cast<Index>(children_) * s.trees);
    root_.reserve(static_cast<std::size_t>(best_.cols()));
    action_.resize(box_.action_dim());
    number_.resize(box_.action_dim());
  }

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    Base::plan(state, t, result);
    last_return_ = static_cast<double>(result.predicted_return);
    kept_ = false;  // where there was no time to see what kept trees are worth now, they are of no use
  }

  void advance(int steps) {
    if (steps > 0) {
      kept_ = settings_.reuse && searched_ && steps % settings_.hold == 0 && steps < box_.horizon();
      for (SearchTree& tree : trees_) follow(tree, steps / settings_.hold);
    }
    Base::advance(steps);
  }
  void reset() {
    Base::reset();
    kept_ = searched_ = false;
  }

  void save(StateDict& out, const std::string& prefix) const {
    Base::save(out, prefix);
    const double now[] = {last_return_, kept_ ? 1.0 : 0.0, searched_ ? 1.0 : 0.0};
    out.put(prefix + "search", now, {3});
    for (std::size_t i = 0; i < trees_.size(); ++i) trees_[i].save(out, tree_name(prefix, i));
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto now = in.get<double>(prefix + "search");
    require_dim("checkpoint", "'" + prefix + "search'", now.size(), 3);
    std::vector<SearchTree> trees = new_trees(trees_.size(), trees_.front().rule());
    for (std::size_t i = 0; i < trees.size(); ++i) trees[i].load(in, tree_name(prefix, i));
    Base::load(in, prefix);
    trees_ = std::move(trees);
    last_return_ = now[0];
    kept_ = now[1] != 0;
    searched_ = now[2] != 0;
  }

  /// What the last plan could begin with, over all trees; until the next call that changes the planner.
  struct RootAction {
    std::size_t tree = 0;  // where one finds the action
    int node = 0;
    int visits = 0, unusable = 0;
    double value = 0;  // mean return of the sequences that begin so
    Scalar best_return = 0;
    Index best = 0;  // the best sequence's column
  };
  const std::vector<RootAction>& root() const { return root_; }
  ConstVecRef<double> action(const RootAction& a) const { return trees_[a.tree].action(a.node); }
  const std::vector<SearchTree>& trees() const { return trees_; }

 private:
  static constexpr int kMostChoices = 1024;
  static constexpr std::uint32_t kRootDraws = 0x80000000u;  // iterations are counted from 0
  static constexpr Scalar kNothing = -std::numeric_limits<Scalar>::infinity();
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_,
      Base::evaluator_;

  static std::string tree_name(const std::string& prefix, std::size_t i) {
    return prefix + "tree" + std::to_string(i) + ".";
  }

  // A copy of a tree would not have its room.
  std::vector<SearchTree> new_trees(std::size_t count, const TreeRule& rule) const {
    std::vector<SearchTree> trees;
    trees.reserve(count);
    for (std::size_t i = 0; i < count; ++i) trees.emplace_back(box_.action_dim(), rule);
    return trees;
  }

  // Down the executed plan; a tree that does not know it begins anew.
  void follow(SearchTree& tree, int decisions) {
    for (int d = 0; kept_ && d < decisions; ++d) {
      action_ = block(mean_, d).template cast<double>();
      const int child = tree.find_child(0, action_);
      if (child == SearchTree::kNone) return tree.reset();
      tree.descend_to(child);
    }
  }

  bool begin(std::uint32_t) {
    if (!kept_)
      for (SearchTree& tree : trees_) tree.reset();
    searched_ = false;
    best_return_.setConstant(kNothing);
    root_.clear();
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    const auto count = static_cast<Index>(trees_.size());
    this->evaluate(state, key, count, report, [&](Index first, Index number) {
      noise_.uniform(key.plan, key.iteration, candidates_.middleCols(first, number), first);
      for (Index k = first; k < first + number; ++k) draw(static_cast<std::size_t>(k), key);
    });
    const Index tried = this->tried_;
    if (key.iteration == 0) see_what_was_kept(tried);
    for (Index k = 0; k < tried; ++k) learn(static_cast<std::size_t>(k));
    searched_ = searched_ || tried > 0;
    return false;
  }

  void roll_out(const State& state, Index first, Index number, RolloutKey key) {
    if constexpr (GuidedEvaluator<E>)
      if (guided())
        return evaluator_->evaluate_begun(
            state, candidates_.middleCols(first, number),
            std::span<const int>(given_).subspan(static_cast<std::size_t>(first),
                                                 static_cast<std::size_t>(number)),
            key, returns_.segment(first, number));
    Base::roll_out(state, first, number, key);
  }

  bool guided() const {
    if constexpr (GuidedEvaluator<E>) return evaluator_->guided();
    return false;
  }

  // Makes a simulation's sequence of random numbers.
  void draw(std::size_t k, RolloutKey key) {
    SearchTree& tree = trees_[k];
    auto x = candidates_.col(static_cast<Index>(k));
    const int depth = tree.rule().max_depth;
    if (key.iteration == 0) {
      x = mean_;
      given_[k] = box_.horizon();
      leaf_[k] = guided() ? SearchTree::kNone : known(tree);  // guided sequences end where nobody has looked
      return;
    }
    for (int d = 0; d < depth; ++d) {
      number_ = block(x, d);
      write(x, d, drawn(number_));
    }
    const SearchTree::Path path = tree.select();
    int d = 0;
    for (const int node : path.nodes) write(x, d++, tree.action(node).template cast<Scalar>());
    leaf_[k] = path.end;
    if (path.grows) {
      if (path.end == 0) {  // the trees try the same actions in the same order
        noise_.uniform(key.plan, kRootDraws + static_cast<std::uint32_t>(tree.node(0).children), number_);
        write(x, 0, drawn(number_));
      }
      if (values_ > 0) write(x, d, combination(tree.next_choice(path.end, nearest(block(x, d)))));
      action_ = block(x, d).template cast<double>();
      leaf_[k] = tree.add_child(path.end, action_);
      ++d;
    }
    given_[k] = std::min(box_.horizon(), d * settings_.hold);
  }

  // The root's child that the warm start begins with; kNone where a tree cannot have it.
  int known(SearchTree& tree) {
    action_ = block(mean_, 0).template cast<double>();
    const int child = tree.find_child(0, action_);
    if (child != SearchTree::kNone || tree.size() == tree.rule().capacity) return child;
    if (values_ > 0) {
      const int c = nearest(block(mean_, 0));
      if (combination(c) != block(mean_, 0) || tree.next_choice(0, c) != c) return SearchTree::kNone;
    }
    return tree.add_child(0, action_);
  }

  // The same sequence was worth last_return_ when the trees that were kept were told their returns.
  void see_what_was_kept(Index tried) {
    if (!kept_) return;
    double sum = 0;
    Index usable = 0;
    for (const Scalar value : returns_.head(tried))
      if (std::isfinite(value)) {
        sum += static_cast<double>(value);
        ++usable;
      }
    const double by = usable > 0 ? sum / static_cast<double>(usable) - last_return_
                                 : std::numeric_limits<double>::quiet_NaN();
    for (std::size_t k = 0; k < trees_.size(); ++k) {
      if (std::isfinite(by)) {
        trees_[k].shift(by);
        continue;
      }
      trees_[k].reset();
      if (leaf_[k] != SearchTree::kNone) leaf_[k] = known(trees_[k]);
    }
  }

  void learn(std::size_t k) {
    SearchTree& tree = trees_[k];
    const auto column = static_cast<Index>(k);
    int top = leaf_[k];
    if (top == SearchTree::kNone) return;
    const Scalar value = returns_(column);
    tree.record(top, static_cast<double>(value));
    while (tree.node(top).parent > 0) top = tree.node(top).parent;
    const int rank = tree.node(top).rank;
    if (top == 0 || rank >= children_ || !(value > best_return_(rank, column)) || !std::isfinite(value))
      return;
    best_return_(rank, column) = value;
    best_.col(column * children_ + rank) = candidates_.col(column);
  }

  // The action of most simulations, of those with a usable return; of equal ones the better.
  const Vec<Scalar>& chosen() {
    root_.clear();
    if (!searched_) return mean_;
    for (std::size_t k = 0; k < trees_.size(); ++k)
      for (int i = trees_[k].node(0).first; i != SearchTree::kNone; i = trees_[k].node(i).next) add(k, i);
    const RootAction* best = nullptr;
    for (const RootAction& a : root_) {
      if (a.visits == a.unusable) continue;
      if (best == nullptr || a.visits > best->visits || (a.visits == best->visits && a.value > best->value))
        best = &a;
    }
    if (best == nullptr) return mean_;
    if (best->best_return > kNothing)
      mean_ = best_.col(best->best);
    else  // all that is known of it was kept
      write(mean_, 0, action(*best).template cast<Scalar>());
    return mean_;
  }
  void add(std::size_t k, int i) {
    const SearchTree& tree = trees_[k];
    const SearchTree::Node& node = tree.node(i);
    auto same = std::find_if(root_.begin(), root_.end(),
                             [&](const RootAction& a) { return action(a) == tree.action(i); });
    if (same == root_.end()) {
      root_.push_back({.tree = k, .node = i, .best_return = kNothing});
      same = root_.end() - 1;
    }
    const int visits = same->visits + node.visits;
    if (visits > 0) same->value += (tree.value(i) - same->value) * node.visits / visits;
    same->visits = visits;
    same->unusable += node.unusable;
    const auto column = static_cast<Index>(k);
    if (node.rank < children_ && best_return_(node.rank, column) > same->best_return) {
      same->best_return = best_return_(node.rank, column);
      same->best = column * children_ + node.rank;
    }
  }

  // The action of decision d, and the same in all the steps that it is held.
  template <class Sequence>
  auto block(Sequence&& x, int d) const {
    return x.segment(static_cast<Index>(d) * settings_.hold * box_.action_dim(), box_.action_dim());
  }
  template <class Sequence, class Action>
  void write(Sequence&& x, int d, const Action& action) const {
    const int last = std::min(box_.horizon(), (d + 1) * settings_.hold);
    for (int t = d * settings_.hold; t < last; ++t)
      x.segment(static_cast<Index>(t) * box_.action_dim(), box_.action_dim()) = action;
  }

  // Of numbers uniform in (0, 1]: each action as likely as any other.
  auto drawn(const Vec<Scalar>& u) const {
    return Vec<Scalar>::NullaryExpr(u.size(), [this, &u](Index i) {
      if (values_ > 0) return level(i, static_cast<int>(std::ceil(u(i) * static_cast<Scalar>(values_))) - 1);
      const Scalar low = box_.low()(i), high = box_.high()(i);
      return std::clamp(low + u(i) * (high - low), low, high);
    });
  }
  Scalar level(Index i, int digit) const {
    const Scalar low = box_.low()(i), high = box_.high()(i);
    if (digit >= values_ - 1) return high;
    return low + static_cast<Scalar>(std::max(digit, 0)) * (high - low) / static_cast<Scalar>(values_ - 1);
  }
  // Combinations of the values of all entries are numbered, the first entry's changing first.
  auto combination(int index) const {
    return Vec<Scalar>::NullaryExpr(box_.action_dim(), [this, index](Index i) {
      int digit = index;
      for (Index j = 0; j < i; ++j) digit /= values_;
      return level(i, digit % values_);
    });
  }
  template <class Action>
  int nearest(const Action& action) const {
    int index = 0;
    for (Index i = box_.action_dim() - 1; i >= 0; --i) {
      const Scalar share = (action(i) - box_.low()(i)) / (box_.high()(i) - box_.low()(i));
      index =
          index * values_ +
          std::clamp(static_cast<int>(std::lround(share * static_cast<Scalar>(values_ - 1))), 0, values_ - 1);
    }
    return index;
  }

  std::vector<SearchTree> trees_;
  int values_ = 0;     // that an entry of an action may have; 0: any
  int children_ = 0;   // of a root at most
  bool kept_ = false;  // the trees are what was left of the last plan's
  bool searched_ = false;
  double last_return_ = 0;         // predicted for the last plan
  std::vector<int> leaf_, given_;  // of a simulation: its last node, and how many of its steps the tree chose
  Batch<Scalar> best_return_;      // children x trees
  Batch<Scalar> best_;             // a sequence each
  std::vector<RootAction> root_;
  Vecd action_;
  Vec<Scalar> number_;
};

}  // namespace mbrl
