#include "mbrl/policy/actor_noise.hpp"

#include <cmath>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/coloured_noise.hpp"

namespace mbrl {

void ActorNoiseSettings::validate() const {
  require(std >= 0 && std::isfinite(std), "exploration: std is ", std, ", expected 0 or more");
  require(noise_beta >= 0 && std::isfinite(noise_beta), "exploration: noise_beta is ", noise_beta,
          ", expected 0 or more");
  require(kind == NoiseKind::kGaussian || noise_beta == 0, "exploration: noise_beta is ", noise_beta,
          ", expected 0 for noise of kind ", to_string(kind));
  require(theta > 0 && std::isfinite(theta), "exploration: theta is ", theta, ", expected more than 0");
}

ExplorationNoise<float> actor_noise(const ActionBounds& bounds, const ActorNoiseSettings& settings,
                                    int episode_steps, std::uint64_t seed) {
  settings.validate();
  constexpr int kLongest = 1024;
  const int stretch = episode_steps > 0 && episode_steps < kLongest ? episode_steps : kLongest;
  switch (settings.kind) {
    case NoiseKind::kOu:
      return {bounds, settings.std, ornstein_uhlenbeck_mixing(stretch, settings.theta), seed};
    case NoiseKind::kPink:
      return {bounds, settings.std, coloured_noise_mixing(stretch, 1), seed};
    case NoiseKind::kParameter:
      return {bounds, ExplorationSettings{}, seed};
    default:
      return {bounds, settings, seed};
  }
}

// Weights and biases are normal numbers, everything else stays 0.
void ParameterNoise::draw(const MlpPolicy& policy) {
  disturbed_ = policy;
  direction_ = policy.network();
  const RandomStream random(seed_, Stream::kPolicy);
  for (int l = 0; l < static_cast<int>(direction_.layers().size()); ++l) {
    std::uint32_t entry = 0;
    const auto normal = [&] {
      return static_cast<float>(
          random.normal(entry++, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(episode_), 1));
    };
    nn::Network::Plain values = direction_.layer(l);
    for (Vecf* still : {&values.gain, &values.shift, &values.batch_gain, &values.batch_shift})
      still->setZero();
    values.weight = Batchf::NullaryExpr(values.weight.rows(), values.weight.cols(), normal);
    values.bias = Vecf::NullaryExpr(values.bias.size(), normal);
    direction_.set_layer(l, values);
  }
  drawn_ = true;
}

void ParameterNoise::act(const MlpPolicy& policy, ConstBatchRef<float> obs, BatchRef<float> action) {
  if (!drawn_) draw(policy);
  const auto sigma = static_cast<float>(sigma_);
  AlignedFloats& weights = disturbed_->parameters();
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = policy.parameters()[i] + sigma * direction_.parameters()[i];
  undisturbed_.resize(action.rows(), action.cols());
  memory_.resize(0, obs.cols());
  policy.mode(obs, memory_, undisturbed_, workspace_);
  disturbed_->mode(obs, memory_, action, workspace_);
  for (Index i = 0; i < action.rows(); ++i) {
    const double apart =
        static_cast<double>((action(i, 0) - undisturbed_(i, 0)) / policy.half()[static_cast<std::size_t>(i)]);
    squares_ += apart * apart / static_cast<double>(action.rows());
  }
  if (++steps_ < kAdaptEvery) return;
  sigma_ *= std::sqrt(squares_ / static_cast<double>(steps_)) < distance_ ? kFactor : 1 / kFactor;
  squares_ = 0;
  steps_ = 0;
}

void ParameterNoise::save(StateDict& out, const std::string& prefix) const {
  out.put(prefix + "scale", std::vector<double>{sigma_, squares_});
  out.put(prefix + "position", std::vector<std::int64_t>{episode_, steps_});
}

void ParameterNoise::load(const StateDict& in, const std::string& prefix) {
  const auto scale = in.get<double>(prefix + "scale");
  const auto position = in.get<std::int64_t>(prefix + "position");
  require_dim("checkpoint", "'" + prefix + "scale'", scale.size(), 2);
  require_dim("checkpoint", "'" + prefix + "position'", position.size(), 2);
  require(scale[0] > 0 && std::isfinite(scale[0]), "checkpoint: '", prefix, "scale' is ", scale[0],
          ", expected more than 0");
  sigma_ = scale[0];
  squares_ = scale[1];
  episode_ = position[0];
  steps_ = position[1];
  drawn_ = false;
}

}  // namespace mbrl
