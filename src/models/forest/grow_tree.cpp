#include "models/forest/grow_tree.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

namespace mbrl::forest {
namespace {

// A node's rows left that deviate by less are alike but for rounding: targets are in standard deviations.
constexpr double kPure = 1e-12;

class Grower {
 public:
  Grower(const GrowingData& data, const std::vector<std::uint32_t>& weight, const ForestSettings& settings,
         const ChooseFeatures& choose)
      : data_(data), weight_(weight), settings_(settings), choose_(choose) {
    for (const auto& rows : data.sorted) {
      order_.emplace_back();
      std::copy_if(rows.begin(), rows.end(), std::back_inserter(order_.back()),
                   [&](std::uint32_t row) { return weight[row] > 0; });
    }
    goes_left_.resize(weight.size());
    left_.resize(data.targets.rows());
    total_.resize(data.targets.rows());
  }

  // Nodes are split in the order they come into being, so that children lie behind their parents.
  RegressionTree grow() {
    tree_.nodes.emplace_back();
    spans_.push_back({0, order_.front().size(), 0});
    for (std::size_t node = 0; node < tree_.nodes.size(); ++node) split(node);
    return std::move(tree_);
  }

 private:
  struct Span {  // of every feature's order; the same rows in each
    std::size_t begin, end;
    int depth;
  };
  struct Split {
    double score = -std::numeric_limits<double>::infinity();
    int feature = -1;
    std::size_t position = 0;  // the first row that goes right
    float threshold = 0.0f;
  };

  void split(std::size_t node) {
    const Span span = spans_[node];
    double count = 0.0, square = 0.0;
    total_.setZero();
    for (std::size_t i = span.begin; i < span.end; ++i) {
      const std::uint32_t row = order_.front()[i];
      const double w = weight_[row];
      count += w;
      total_ += w * data_.targets.col(row);
      square += w * data_.targets.col(row).squaredNorm();
    }
    const double error = square - total_.squaredNorm() / count;
    const bool deep = settings_.max_depth > 0 && span.depth >= settings_.max_depth;
    Split best;
    if (!deep && error > kPure * (square + count) && count >= 2.0 * settings_.min_leaf)
      best = find(node, span, count);
    if (best.feature < 0) {
      make_leaf(node, span, count);
      return;
    }
    for (std::size_t i = span.begin; i < span.end; ++i)
      goes_left_[order_[static_cast<std::size_t>(best.feature)][i]] = i < best.position;
    for (auto& rows : order_) partition(rows, span);
    const auto child = static_cast<std::int32_t>(tree_.nodes.size());
    tree_.nodes[node] = {best.threshold, best.feature, child};
    tree_.nodes.emplace_back();
    tree_.nodes.emplace_back();
    spans_.push_back({span.begin, best.position, span.depth + 1});
    spans_.push_back({best.position, span.end, span.depth + 1});
  }

  // Lowering the squared error is raising |sum left|^2 / count left + |sum right|^2 / count right. Of equals
  // the first feature's lowest threshold.
  Split find(std::size_t node, const Span& span, double count) {
    Split best;
    choose_(static_cast<std::uint32_t>(node), tried_);
    for (const int feature : tried_) {
      const auto& rows = order_[static_cast<std::size_t>(feature)];
      const float* values = &data_.features(feature, 0);
      left_.setZero();
      double left_count = 0.0;
      for (std::size_t i = span.begin; i + 1 < span.end; ++i) {
        const std::uint32_t row = rows[i];
        left_count += weight_[row];
        left_ += static_cast<double>(weight_[row]) * data_.targets.col(row);
        const float here = values[row], next = values[rows[i + 1]];
        if (!(here < next)) continue;
        const double right_count = count - left_count;
        if (left_count < settings_.min_leaf || right_count < settings_.min_leaf) continue;
        const double score = left_.squaredNorm() / left_count + (total_ - left_).squaredNorm() / right_count;
        if (!(score > best.score)) continue;
        const float middle = here + 0.5f * (next - here);
        best = {score, feature, i + 1, middle < next ? middle : here};
      }
    }
    return best;
  }

  void partition(std::vector<std::uint32_t>& rows, const Span& span) {
    right_.clear();
    std::size_t to = span.begin;
    for (std::size_t i = span.begin; i < span.end; ++i)
      if (goes_left_[rows[i]])
        rows[to++] = rows[i];
      else
        right_.push_back(rows[i]);
    std::copy(right_.begin(), right_.end(), rows.begin() + static_cast<std::ptrdiff_t>(to));
  }

  void make_leaf(std::size_t node, const Span& span, double count) {
    const Vecd mean = total_ / count;
    Vecd variance = Vecd::Zero(mean.size());
    for (std::size_t i = span.begin; i < span.end; ++i) {
      const std::uint32_t row = order_.front()[i];
      variance.array() += weight_[row] * (data_.targets.col(row) - mean).array().square();
    }
    tree_.nodes[node] = {
        0.0f, -1, static_cast<std::int32_t>(tree_.mean.size() / static_cast<std::size_t>(mean.size()))};
    for (Index e = 0; e < mean.size(); ++e) {
      tree_.mean.push_back(static_cast<float>(mean[e]));
      tree_.variance.push_back(static_cast<float>(variance[e] / count));
    }
  }

  const GrowingData& data_;
  const std::vector<std::uint32_t>& weight_;
  const ForestSettings& settings_;
  const ChooseFeatures& choose_;
  RegressionTree tree_;
  std::vector<Span> spans_;                        // [node]
  std::vector<std::vector<std::uint32_t>> order_;  // [feature]: the sample's rows, each node's together
  std::vector<char> goes_left_;                    // [row]
  std::vector<std::uint32_t> right_;
  std::vector<int> tried_;
  Vecd left_, total_;
};

}  // namespace

GrowingData prepare(const Batchf& features, Batchd targets) {
  GrowingData data;
  data.features = features;
  data.targets = std::move(targets);
  for (Index f = 0; f < features.rows(); ++f) {
    std::vector<std::uint32_t> rows(static_cast<std::size_t>(features.cols()));
    std::iota(rows.begin(), rows.end(), 0u);
    std::stable_sort(
        rows.begin(), rows.end(),
        [values = &data.features(f, 0)](std::uint32_t a, std::uint32_t b) { return values[a] < values[b]; });
    data.sorted.push_back(std::move(rows));
  }
  return data;
}

RegressionTree grow_tree(const GrowingData& data, const std::vector<std::uint32_t>& weight,
                         const ForestSettings& settings, const ChooseFeatures& choose) {
  return Grower(data, weight, settings, choose).grow();
}

}  // namespace mbrl::forest
