#include "mbrl/learning/agent_parts.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {

template <StochasticPolicy P>
PolicyExplorer<P>::PolicyExplorer(const EnvSpec& spec, const ActorNoiseSettings& noise,
                                  std::int64_t random_steps, std::uint64_t seed)
    : spec_(spec),
      random_steps_(random_steps),
      seed_(seed),
      noise_(actor_noise(action_bounds(spec), noise, spec.max_steps, seed)),
      obs_(spec.obs_dim, 1),
      action_(spec.action_dim(), 1),
      memory_(0, 1) {
  if (noise.kind == NoiseKind::kParameter && noise.std > 0) parameter_noise_.emplace(noise.std, seed);
}

template <StochasticPolicy P>
Vecd PolicyExplorer<P>::act(const P& policy, ConstVecRef<double> obs, std::int64_t step, int t) {
  const auto number = static_cast<std::uint32_t>(step);
  if (step < random_steps_) {
    const RandomStream random(seed_, Stream::kRandomAction);
    return spec_.random_action(
        [&](double low, double high, std::uint32_t i) { return random.uniform(low, high, number, i); });
  }
  obs_.col(0) = obs.cast<float>();
  if constexpr (std::is_same_v<P, MlpPolicy>)
    if (parameter_noise_) {
      parameter_noise_->act(policy, obs_, action_);
      return action_.col(0).cast<double>();
    }
  policy.act(obs_, memory_, {RandomStream(seed_, Stream::kPolicy).key(), number, {}}, action_, workspace_);
  noise_.disturb(t, action_.col(0));
  return action_.col(0).cast<double>();
}

template class PolicyExplorer<MlpPolicy>;
template class PolicyExplorer<CategoricalPolicy>;

void UpdateMeans::clear() {
  std::fill(sums_.begin(), sums_.end(), 0.0);
  count_ = 0;
}

void UpdateMeans::add(std::initializer_list<double> figures) {
  require_dim("UpdateMeans", "the figures", figures.size(), sums_.size());
  std::size_t i = 0;
  for (const double figure : figures) sums_[i++] += figure;
  count_ += 1;
}

std::vector<double> UpdateMeans::values() const {
  std::vector<double> means = sums_;
  for (double& m : means) m = count_ > 0 ? m / count_ : std::numeric_limits<double>::quiet_NaN();
  return means;
}

void UpdateMeans::save(StateDict& out, const std::string& name) const {
  std::vector<double> all = sums_;
  all.push_back(count_);
  out.put(name, all);
}

void UpdateMeans::load(const StateDict& in, const std::string& name) {
  std::vector<double> all = in.get<double>(name);
  require_dim("checkpoint", "'" + name + "'", all.size(), sums_.size() + 1);
  count_ = all.back();
  all.pop_back();
  sums_ = std::move(all);
}

}  // namespace mbrl
