#include "mbrl/learning/agent_parts.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"

namespace mbrl {

template <StochasticPolicy P>
PolicyExplorer<P>::PolicyExplorer(const EnvSpec& spec, const ActorNoiseSettings& noise,
                                  std::int64_t random_steps, std::uint64_t seed)
    : spec_(spec),
      noise_settings_(noise),
      random_steps_(random_steps),
      seed_(seed),
      obs_(spec.obs_dim, 1),
      action_(spec.action_dim(), 1),
      memory_(0, 1) {
  noise_.push_back(new_noise(0));
}

// The first lane's seed is the run's, so that one environment alone has the noise it would have without lanes.
template <StochasticPolicy P>
typename PolicyExplorer<P>::Noise PolicyExplorer<P>::new_noise(std::size_t lane) const {
  std::uint64_t seed = seed_;
  if (lane > 0) {
    const auto bits = RandomStream(seed_, Stream::kPolicy).bits(static_cast<std::uint32_t>(lane), 0, 0, 1);
    seed = (std::uint64_t{bits[1]} << 32) | bits[0];
  }
  Noise noise{actor_noise(action_bounds(spec_), noise_settings_, spec_.max_steps, seed), {}};
  if (noise_settings_.kind == NoiseKind::kParameter && noise_settings_.std > 0)
    noise.on_weights.emplace(noise_settings_.std, seed);
  return noise;
}

template <StochasticPolicy P>
typename PolicyExplorer<P>::Noise& PolicyExplorer<P>::noise_of(std::size_t lane) {
  while (noise_.size() <= lane) noise_.push_back(new_noise(noise_.size()));
  return noise_[lane];
}

template <StochasticPolicy P>
void PolicyExplorer<P>::begin_episode(int lane) {
  Noise& noise = noise_of(static_cast<std::size_t>(lane));
  noise.on_actions.next_episode();
  if (noise.on_weights) noise.on_weights->next_episode();
}

template <StochasticPolicy P>
void PolicyExplorer<P>::save(StateDict& out, const std::string& prefix) const {
  for (std::size_t k = 0; k < noise_.size(); ++k) {
    const std::string own = lane_prefix(prefix, k);
    noise_[k].on_actions.save(out, own + "noise.");
    if (noise_[k].on_weights) noise_[k].on_weights->save(out, own + "parameter_noise.");
  }
}

template <StochasticPolicy P>
void PolicyExplorer<P>::load(const StateDict& in, const std::string& prefix) {
  for (std::size_t k = 0; k == 0 || in.contains(lane_prefix(prefix, k) + "noise.seed"); ++k) {
    const std::string own = lane_prefix(prefix, k);
    Noise& noise = noise_of(k);
    noise.on_actions.load(in, own + "noise.");
    if (noise.on_weights) noise.on_weights->load(in, own + "parameter_noise.");
  }
}

template <StochasticPolicy P>
Vecd PolicyExplorer<P>::act(const P& policy, ConstVecRef<double> obs, std::int64_t step, int t, int lane) {
  Noise& noise = noise_of(static_cast<std::size_t>(lane));
  const auto number = static_cast<std::uint32_t>(step);
  if (step < random_steps_) {
    const RandomStream random(seed_, Stream::kRandomAction);
    return spec_.random_action(
        [&](double low, double high, std::uint32_t i) { return random.uniform(low, high, number, i); });
  }
  obs_.col(0) = obs.cast<float>();
  if constexpr (std::is_same_v<P, MlpPolicy>)
    if (noise.on_weights) {
      noise.on_weights->act(policy, obs_, action_);
      return action_.col(0).cast<double>();
    }
  policy.act(obs_, memory_, {RandomStream(seed_, Stream::kPolicy).key(), number, {}}, action_, workspace_);
  noise.on_actions.disturb(t, action_.col(0));
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
