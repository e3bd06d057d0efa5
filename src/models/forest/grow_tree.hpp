// One regression tree, grown greedily on a weighted sample of rows.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/models/forest/forest_model.hpp"
#include "mbrl/models/forest/forest_trainer.hpp"

namespace mbrl::forest {

// What all trees of a forest are grown from.
struct GrowingData {
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> features;  // feature x row
  Batchd targets;                                  // entry x row, in standard deviations
  std::vector<std::vector<std::uint32_t>> sorted;  // [feature]: rows by its value, ascending
};

GrowingData prepare(const Batchf& features, Batchd targets);

// weight[row]: how often the row is in the sample. choose(node, out): the features tried at a node. Leaves
// hold means and variances of `targets`.
using ChooseFeatures = std::function<void(std::uint32_t node, std::vector<int>& out)>;
RegressionTree grow_tree(const GrowingData& data, const std::vector<std::uint32_t>& weight,
                         const ForestSettings& settings, const ChooseFeatures& choose);

}  // namespace mbrl::forest
