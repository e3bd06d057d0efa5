#include "torch/rollout_rows.hpp"

#include <algorithm>

#include "mbrl/rollout/noise.hpp"

namespace mbrl::libtorch {
namespace {

int ceil_div(int a, int b) { return (a + b - 1) / b; }

}  // namespace

RolloutRows make_rows(const EnsembleRolloutSettings& settings, int elites, int obs_dim, int candidates,
                      int first, int last, const at::Device& device) {
  RolloutRows s;
  s.candidates = candidates;
  s.first = first;
  s.last = last;
  const auto add = [&](int k, int p, bool real) {
    s.candidate.push_back(k);
    s.particle.push_back(p);
    s.real.push_back(real ? 1 : 0);
  };
  if (settings.propagation == Propagation::kTSinf) {
    // One block of rows an elite, all of the same length.
    int most = 0;
    for (int e = 0; e < elites; ++e) {
      int own = 0;
      for (int p = first; p < last; ++p) own += p % elites == e;
      most = std::max(most, own);
    }
    s.share = most * candidates;
    for (int e = 0; e < elites; ++e) {
      int length = 0;
      for (int k = 0; k < candidates; ++k)
        for (int p = first; p < last; ++p)
          if (p % elites == e) {
            add(k, p, true);
            ++length;
          }
      for (; length < s.share; ++length) add(0, first, false);
    }
  } else {
    for (int k = 0; k < candidates; ++k)
      for (int p = first; p < last; ++p) add(k, p, true);
    // A permutation of a candidate's particles is dealt out: no member gets more than this many of them.
    s.share = candidates * std::min(last - first, ceil_div(settings.particles, elites));
  }
  s.rows = static_cast<int>(s.candidate.size());
  const auto place = [&](const std::vector<std::int64_t>& v) {
    return ::torch::tensor(v, at::kLong).to(device);
  };
  s.candidate_index = place(s.candidate);
  s.particle_index = place(s.particle);
  s.noise_row = s.particle_index - first;
  s.noise_particle = at::arange(first, last, at::TensorOptions().dtype(at::kLong).device(device));
  s.steps = at::arange(0, settings.horizon, at::TensorOptions().dtype(at::kLong).device(device));
  s.blocks = at::arange(0, ceil_div(obs_dim, 4), at::TensorOptions().dtype(at::kLong).device(device));
  return s;
}

at::Tensor deal_members(const RolloutRows& s, const EnsembleRolloutSettings& settings, int elites,
                        const std::array<std::uint32_t, 2>& key, const std::uint32_t* ids,
                        at::Tensor& place) {
  std::vector<std::uint32_t> drawn;
  const auto rows = static_cast<std::size_t>(s.rows), share = static_cast<std::size_t>(s.share);
  const auto steps = static_cast<std::size_t>(settings.horizon), n = static_cast<std::size_t>(elites);
  std::vector<std::int64_t> gather(steps * n * share, 0), where(steps * rows, 0);
  std::vector<std::size_t> used(n);
  for (std::size_t step = 0; step < steps; ++step) {
    std::fill(used.begin(), used.end(), 0);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto k = static_cast<std::size_t>(s.candidate[r]);
      if (r == 0 || (s.candidate[r] != s.candidate[r - 1] && !settings.common_noise))
        draw_members(key, settings.common_noise ? 0u : ids[k], static_cast<std::uint32_t>(step),
                     settings.particles, elites, drawn);
      const std::size_t e = drawn[static_cast<std::size_t>(s.particle[r])];
      const std::size_t slot = e * share + used[e]++;
      gather[step * n * share + slot] = static_cast<std::int64_t>(r);
      where[step * rows + r] = static_cast<std::int64_t>(slot);
    }
  }
  const auto table = [&](const std::vector<std::int64_t>& v) {
    return ::torch::tensor(v, at::kLong).view({settings.horizon, -1});
  };
  place = table(where);
  return table(gather);
}

}  // namespace mbrl::libtorch
