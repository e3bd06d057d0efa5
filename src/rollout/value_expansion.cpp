#include "mbrl/rollout/value_expansion.hpp"

#include <algorithm>
#include <cstddef>

#include "mbrl/core/error.hpp"

namespace mbrl {

PartialReturn partial_return(const Trajectories& paths, const Batchf& reward, Index i, int from, int to,
                             double discount) {
  PartialReturn r;
  r.end = std::max(from, std::min(to, paths.length[static_cast<std::size_t>(i)]));
  for (int k = from; k < r.end; ++k) {
    r.reward += r.discount * static_cast<double>(reward(i, k));
    r.discount *= discount;
  }
  // A trajectory that terminates does so in its last step.
  if (r.end > 0 && paths.terminated(i, r.end - 1) != 0) r.discount = 0;
  return r;
}

void expand_values(const Transitions& batch, const Trajectories& paths, double discount, Transitions& out,
                   bool imagined) {
  const int states = imagined ? paths.horizon : 0;
  const Index n = batch.obs.cols(), all = n * (states + 1);
  require_dim("expand_values", "the trajectories", paths.count(), n);
  out.obs.resize(batch.obs.rows(), all);
  out.next_obs.resize(batch.obs.rows(), all);
  out.action.resize(batch.action.rows(), all);
  for (Vecf* v : {&out.reward, &out.discount, &out.weight}) v->resize(all);
  out.terminated.assign(static_cast<std::size_t>(all), 0);
  out.truncated.assign(static_cast<std::size_t>(all), 0);
  const auto fill = [&](Index column, Index i, double first, double scale, const PartialReturn& r) {
    out.reward(column) = static_cast<float>(first + scale * r.reward);
    out.discount(column) = static_cast<float>(scale * r.discount);
    out.next_obs.col(column) = paths.obs_at(r.end).col(i);
    out.terminated[static_cast<std::size_t>(column)] = r.discount == 0;
  };
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const bool over = batch.terminated[k] != 0;
    const double gamma = batch.discount.size() > 0 ? static_cast<double>(batch.discount(i)) : discount;
    out.obs.col(i) = batch.obs.col(i);
    out.action.col(i) = batch.action.col(i);
    out.weight(i) = batch.weight.size() > 0 ? batch.weight(i) : 1.0f;
    out.truncated[k] = batch.truncated[k];
    fill(i, i, static_cast<double>(batch.reward(i)), over ? 0.0 : gamma,
         partial_return(paths, paths.reward, i, 0, over ? 0 : paths.horizon, discount));
    if (over) out.terminated[k] = 1;
    for (int t = 0; t < states; ++t) {
      const Index column = n * (t + 1) + i, before = column - n;
      if (over || t >= paths.length[k]) {
        out.obs.col(column) = out.obs.col(before);
        out.action.col(column) = out.action.col(before);
        out.next_obs.col(column) = out.next_obs.col(before);
        out.reward(column) = out.reward(before);
        out.discount(column) = out.discount(before);
        out.terminated[static_cast<std::size_t>(column)] = out.terminated[static_cast<std::size_t>(before)];
        out.weight(column) = 0;
        continue;
      }
      out.obs.col(column) = paths.obs_at(t).col(i);
      out.action.col(column) = paths.action_at(t).col(i);
      out.weight(column) = out.weight(i);
      fill(column, i, 0, 1, partial_return(paths, paths.reward, i, t, paths.horizon, discount));
    }
  }
}

}  // namespace mbrl
