#include "mbrl/rollout/uncertainty_cut.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace mbrl {
namespace {

void require_measured(const char* where, const Trajectories& paths) {
  require(paths.uncertainty.rows() == paths.count() && paths.uncertainty.cols() == paths.horizon, where,
          ": no uncertainty was measured, expected ImaginationSettings::uncertainty other than none");
}

}  // namespace

void UncertaintyThreshold::add(const Trajectories& paths) {
  require_measured("UncertaintyThreshold::add", paths);
  std::vector<float> first;
  for (Index k = 0; k < paths.count(); ++k)
    if (paths.length[static_cast<std::size_t>(k)] > 0) first.push_back(paths.uncertainty(k, 0));
  if (first.empty()) return;
  const double place = settings_.quantile * static_cast<double>(first.size() - 1), below = std::floor(place);
  const auto at = first.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(first.begin(), at, first.end());
  const auto low = static_cast<double>(*at);
  const double high =
      at + 1 == first.end() ? low : static_cast<double>(*std::min_element(at + 1, first.end()));
  sum_ += low + (place - below) * (high - low);
  ++rounds_;
}

void UncertaintyThreshold::save(StateDict& out, const std::string& name) const {
  out.put(name, std::vector<double>{sum_, static_cast<double>(rounds_)});
}

void UncertaintyThreshold::load(const StateDict& in, const std::string& name) {
  const auto saved = in.get<double>(name);
  require_dim("UncertaintyThreshold::load", "'" + name + "'", saved.size(), 2);
  sum_ = saved[0];
  rounds_ = static_cast<std::int64_t>(saved[1]);
}

void cut_where_uncertain(Trajectories& paths, double threshold) {
  require_measured("cut_where_uncertain", paths);
  const Index n = paths.count();
  for (Index k = 0; k < n; ++k) {
    int& length = paths.length[static_cast<std::size_t>(k)];
    int end = 0;
    while (end < length && static_cast<double>(paths.uncertainty(k, end)) < threshold) ++end;
    if (end == length) continue;
    length = end;
    paths.diverged[static_cast<std::size_t>(k)] = 0;
    for (int h = end; h < paths.horizon; ++h) {
      paths.obs.col((h + 1) * n + k) = paths.obs.col(end * n + k);
      paths.action.col(h * n + k).setZero();
      paths.reward(k, h) = 0;
      paths.uncertainty(k, h) = 0;
      paths.terminated(k, h) = 0;
    }
  }
}

}  // namespace mbrl
