#include "mbrl/algorithms/imagined/value_gradient.hpp"

#include <cmath>
#include <functional>
#include <span>

#include "mbrl/core/error.hpp"

namespace mbrl {

void ValueGradientSettings::validate(const char* who) const {
  require(horizon >= 1, who, ": horizon is ", horizon, ", expected at least 1");
  require(discount >= 0 && discount <= 1, who, ": discount is ", discount, ", expected 0 <= discount <= 1");
  require(tau > 0 && tau <= 1, who, ": tau is ", tau, ", expected 0 < tau <= 1");
  require(critics >= 0, who, ": critics is ", critics, ", expected at least 0");
  require(critics == 0 || (target_critics >= 1 && target_critics <= critics), who, ": target_critics is ",
          target_critics, ", expected 1 to critics, ", critics);
  require(policy.dropout == 0, who, ": policy.dropout is ", policy.dropout,
          ", expected 0: only critics and model leave units out");
  require(temperature >= 0 && std::isfinite(temperature), who, ": temperature is ", temperature,
          ", expected at least 0");
  require(std::isfinite(entropy_per_action), who, ": entropy_per_action is ", entropy_per_action,
          ", expected a finite number");
}

bool ValueGradientReport::finite() const {
  return std::isfinite(critic_loss) && std::isfinite(expected) && std::isfinite(entropy) &&
         std::isfinite(temperature) && std::isfinite(gradient_norm);
}

ValueGradient::ValueGradient(const EnvSpec& spec, const DifferentiableEnsemble& model,
                             const ValueGradientSettings& settings, ThreadPool& pool, std::uint64_t seed)
    : settings_(settings),
      pool_(&pool),
      policy_(new_policy(spec, settings, seed)),
      policy_adam_(policy_.network(), settings.adam),
      critics_(spec.obs_dim, action_bounds(spec), settings.critics, settings.critic, settings.adam, seed),
      temperature_(settings.temperature, settings.tune_temperature, settings.adam),
      rollout_(model, spec.termination, settings.horizon, true, pool, seed),
      seed_(seed) {
  settings.validate("value gradient");
  for (const float half : policy_.half()) log_half_ += std::log(half);
  for (int i = 0; i < settings.critics; ++i) drawn_.push_back(i);
}

MlpPolicy ValueGradient::new_policy(const EnvSpec& spec, const ValueGradientSettings& settings,
                                    std::uint64_t seed) {
  return {spec.obs_dim, action_bounds(spec), {.network = settings.policy}, seed};
}

// Critics take the same columns at once as the rollout, step by step.
void ValueGradient::make_chunks(Index n) {
  if (n == columns_) return;
  columns_ = n;
  ranges_ = DifferentiableRollout<MlpPolicy>::ranges(n);
  const Index steps = settings_.horizon, all = n * steps;
  std::vector<BatchRange> of_critics;
  targets_.clear();
  for (Index h = 0; h < steps; ++h)
    for (const auto& range : ranges_) {
      of_critics.push_back({h * n + range.first, range.count});
      targets_.emplace_back(range.count);
    }
  if (settings_.critics > 0) critics_.make_chunks(of_critics, pool_->size());
  batch_.weight.resize(all);
  weights_.reward.resize(n, steps);
  weights_.log_prob.resize(n, steps + 1);
  weights_.last_obs.setZero(rollout_.paths().obs.rows(), n);
  weights_.last_action.setZero(policy_.action_dim(), n);
}

// y_h of the range's columns.
void ValueGradient::expand(std::size_t k) {
  const DifferentiablePaths& paths = rollout_.paths();
  const int horizon = settings_.horizon;
  const Index first = ranges_[k].first, count = ranges_[k].count;
  const auto alpha = static_cast<float>(temperature()), gamma = static_cast<float>(settings_.discount);
  const auto alive = [&](int h) { return paths.alive.col(h).segment(first, count).array(); };
  const auto cost = [&](int h) {
    return alpha * (paths.log_prob.col(h).segment(first, count).array() + log_half_);
  };
  Vecf after(count);
  critics_.target_values(critics_.chunk(k), paths.obs_at(horizon).middleCols(first, count),
                         paths.action_at(horizon).middleCols(first, count),
                         std::span(drawn_).first(static_cast<std::size_t>(settings_.target_critics)), after);
  for (int h = horizon; h > 0; --h) {
    after = (alive(h) * (after.array() - cost(h))).matrix();
    Vecf& target = targets_[static_cast<std::size_t>(h - 1) * ranges_.size() + k];
    target = paths.reward.col(h - 1).segment(first, count) + gamma * after;
    after = target;
  }
}

void ValueGradient::learn_critics(ValueGradientReport& report) {
  const DifferentiablePaths& paths = rollout_.paths();
  const Index n = columns_, all = n * settings_.horizon;
  draw_critics(drawn_, settings_.target_critics, seed_, updates_);
  critics_.begin_update(updates_);
  const auto expand_range = [&](int k) { expand(static_cast<std::size_t>(k)); };
  pool_->run(static_cast<int>(ranges_.size()), std::cref(expand_range));
  batch_.obs = paths.obs.leftCols(all);
  batch_.action = paths.action.leftCols(all);
  batch_.weight = paths.alive.leftCols(settings_.horizon).reshaped();
  const float weight = 2.0f / static_cast<float>(all);
  const auto learn = [&](int task) {
    const auto i = static_cast<std::size_t>(task);
    Critics::Chunk& c = critics_.chunk(i);
    critics_.learn(c, batch_, {c.first, targets_[i].size()}, targets_[i], weight);
  };
  pool_->run(static_cast<int>(targets_.size()), std::cref(learn));
  const auto step = [&](int i) {
    critics_.step(i);
    critics_.move_target(i, settings_.tau);
  };
  pool_->run(settings_.critics, std::cref(step));
  for (const Critics::Chunk& c : critics_.chunks()) {
    report.critic_loss += c.loss;
    report.value += c.value;
  }
  const double entries = static_cast<double>(all) * settings_.critics;
  report.critic_loss /= entries;
  report.value /= entries;
}

void ValueGradient::climb(ValueGradientReport& report) {
  const DifferentiablePaths& paths = rollout_.paths();
  const Index n = columns_;
  const int horizon = settings_.horizon;
  const double alpha = temperature();
  double factor = 1.0 / static_cast<double>(n);
  for (int h = 0; h < horizon; ++h, factor *= settings_.discount) {
    weights_.reward.col(h).setConstant(static_cast<float>(-factor));
    weights_.log_prob.col(h).setConstant(static_cast<float>(alpha * factor));
    for (Index j = 0; j < n; ++j)
      if (paths.alive(j, h) != 0)
        report.expected += factor * (static_cast<double>(paths.reward(j, h)) -
                                     alpha * static_cast<double>(paths.log_prob(j, h) + log_half_));
  }
  weights_.log_prob.col(horizon).setConstant(static_cast<float>(alpha * factor));
  if (settings_.critics > 0) {
    std::vector<double> of_range(ranges_.size());
    const auto ask = [&](int task) {
      const auto k = static_cast<std::size_t>(task);
      const Index first = ranges_[k].first, count = ranges_[k].count;
      Vecf q;
      Batchf obs_gradient, action_gradient;
      critics_.climb(critics_.chunk(k), paths.obs_at(horizon).middleCols(first, count),
                     paths.action_at(horizon).middleCols(first, count), PolicyObjective::kMean,
                     static_cast<float>(factor), q, action_gradient, &obs_gradient);
      weights_.last_obs.middleCols(first, count) = obs_gradient;
      weights_.last_action.middleCols(first, count) = action_gradient;
      for (Index j = 0; j < count; ++j)
        if (paths.alive(first + j, horizon) != 0)
          of_range[k] +=
              factor * (static_cast<double>(q(j)) -
                        alpha * static_cast<double>(paths.log_prob(first + j, horizon) + log_half_));
    };
    pool_->run(static_cast<int>(ranges_.size()), std::cref(ask));
    for (const double value : of_range) report.expected += value;
  }
  rollout_.backward(policy_, weights_, gradient_);
  report.gradient_norm = policy_adam_.step(policy_.network(), gradient_);
}

ValueGradientReport ValueGradient::update(ConstBatchRef<float> starts, bool critics_alone) {
  const bool with_critics = settings_.critics > 0;
  rollout_.run(policy_, starts, static_cast<std::uint32_t>(updates_), with_critics);
  make_chunks(starts.cols());
  ValueGradientReport report;
  if (with_critics) learn_critics(report);
  if (!critics_alone) climb(report);
  report.entropy = -static_cast<double>(rollout_.paths().log_prob.col(0).mean() + log_half_);
  if (!critics_alone) temperature_.step(report.entropy, settings_.entropy_per_action * policy_.action_dim());
  report.temperature = temperature();
  ++updates_;
  return report;
}

void ValueGradient::values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
  if (settings_.critics > 0)
    critics_.values(obs, action, out);
  else
    out.setZero();
}

void ValueGradient::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  policy_adam_.save(out, prefix + "policy_adam.");
  critics_.save(out, prefix);
  temperature_.save(out, prefix);
  out.put(prefix + "updates", std::vector<std::int64_t>{updates_});
}

void ValueGradient::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  policy_adam_.load(in, prefix + "policy_adam.");
  critics_.load(in, prefix);
  temperature_.load(in, prefix);
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

}  // namespace mbrl
