#include "mbrl/learning/sac.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr Index kChunk = 128;  // columns: enough for the products, and a batch of 256 is two threads' work
constexpr std::uint32_t kTargetStep = 0, kPolicyStep = 1, kSteps = 2;  // of an update's noise

}  // namespace

void SacSettings::validate() const {
  require(discount >= 0 && discount <= 1, "sac: discount is ", discount, ", expected 0 <= discount <= 1");
  require(tau > 0 && tau <= 1, "sac: tau is ", tau, ", expected 0 < tau <= 1");
  require(critics >= 1, "sac: critics is ", critics, ", expected at least 1");
  require(target_critics >= 1 && target_critics <= critics, "sac: target_critics is ", target_critics,
          ", expected 1 to critics, ", critics);
  require(temperature > 0 && std::isfinite(temperature), "sac: temperature is ", temperature,
          ", expected more than 0");
  require(std::isfinite(entropy_per_action), "sac: entropy_per_action is ", entropy_per_action,
          ", expected a finite number");
}

bool SacReport::finite() const {
  return std::isfinite(critic_loss) && std::isfinite(policy_loss) && std::isfinite(entropy) &&
         std::isfinite(temperature);
}

Sac::Sac(int obs_dim, const ActionBounds& bounds, const SacSettings& settings, std::uint64_t seed,
         ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(obs_dim, bounds, MlpPolicySettings{.network = settings.policy}, seed, 0),
      policy_adam_(policy_.network(), settings.adam),
      log_temperature_(std::log(settings.temperature)),
      temperature_adam_(settings.adam),
      seed_(seed) {
  settings.validate();
  for (std::size_t i = 0; i < bounds.low.size(); ++i) {
    mid_.push_back(static_cast<float>(0.5 * (bounds.low[i] + bounds.high[i])));
    half_.push_back(static_cast<float>(0.5 * (bounds.high[i] - bounds.low[i])));
    log_half_ += std::log(half_.back());
  }
  const int in = obs_dim + policy_.action_dim();
  for (int i = 0; i < settings.critics; ++i) {
    nn::Network network(in, 1, settings.critic, seed, 1 + static_cast<std::uint32_t>(i));
    nn::Adam adam(network, settings.adam);
    critics_.push_back({network, network, std::move(adam), {}, {}});
  }
  for (int i = 0; i < settings.critics; ++i) drawn_.push_back(i);
}

double Sac::temperature() const { return std::exp(log_temperature_); }

void Sac::make_chunks(Index batch) {
  if (batch == batch_) return;
  batch_ = batch;
  chunks_.clear();
  ids_.resize(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < ids_.size(); ++i) ids_[i] = static_cast<std::uint32_t>(i);
  const Index count = (batch + kChunk - 1) / kChunk;
  chunks_.reserve(static_cast<std::size_t>(count));
  for (Index k = 0; k < count; ++k) {
    Chunk c;
    c.first = batch * k / count;
    c.count = batch * (k + 1) / count - c.first;
    c.passes.reserve(critics_.size());
    for (const Critic& critic : critics_) c.passes.emplace_back(critic.network, static_cast<int>(c.count));
    c.gradients.resize(critics_.size());
    c.input.resize(critics_[0].network.in(), c.count);
    c.action.resize(policy_.action_dim(), c.count);
    c.action_gradient.resize(policy_.action_dim(), c.count);
    c.smallest.assign(static_cast<std::size_t>(c.count), 0);
    for (Vecf* v : {&c.log_prob, &c.log_prob_weight, &c.target, &c.q}) v->resize(c.count);
    chunks_.push_back(std::move(c));
  }
  policy_parts_.clear();
  for (Critic& critic : critics_) critic.parts.clear();
  for (const Chunk& c : chunks_) {
    policy_parts_.push_back(&c.policy_gradient);
    for (std::size_t i = 0; i < critics_.size(); ++i) critics_[i].parts.push_back(&c.gradients[i]);
  }
}

// The first target_critics of drawn_ are this update's, each subset as likely (Fisher and Yates).
void Sac::draw_targets() {
  if (settings_.target_critics == settings_.critics) return;
  const RandomStream random(seed_, Stream::kUpdate);
  const auto n = drawn_.size();
  for (std::size_t i = 0; i < n; ++i) drawn_[i] = static_cast<int>(i);
  for (std::size_t i = 0; i < static_cast<std::size_t>(settings_.target_critics); ++i) {
    const auto j = i + static_cast<std::size_t>(random.below(n - i, static_cast<std::uint32_t>(updates_),
                                                             static_cast<std::uint32_t>(i), 1));
    std::swap(drawn_[i], drawn_[j]);
  }
}

void Sac::scaled(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& input) const {
  input.topRows(obs.rows()) = obs;
  for (Index i = 0; i < action.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    input.row(obs.rows() + i) = (action.row(i).array() - mid_[k]) / half_[k];
  }
}

// Actions of the policy, and their log-densities as scaled ones.
void Sac::sample(Chunk& c, ConstBatchRef<float> obs, std::uint32_t step) {
  const PolicyKey key{RandomStream(seed_, Stream::kUpdate).key(),
                      static_cast<std::uint32_t>(updates_) * kSteps + step,
                      std::span<const std::uint32_t>(ids_).subspan(static_cast<std::size_t>(c.first),
                                                                   static_cast<std::size_t>(c.count))};
  policy_.sample(obs, key, c.action, c.log_prob, c.policy);
  c.log_prob.array() += log_half_;
}

void Sac::learn_critics(Chunk& c, const Transitions& batch) {
  const auto obs = batch.obs.middleCols(c.first, c.count), next = batch.next_obs.middleCols(c.first, c.count);
  const auto n = static_cast<int>(c.count);
  sample(c, next, kTargetStep);
  scaled(next, c.action, c.input);
  for (int k = 0; k < settings_.target_critics; ++k) {
    const auto i = static_cast<std::size_t>(drawn_[static_cast<std::size_t>(k)]);
    c.passes[i].set_input(c.input);
    c.passes[i].forward(critics_[i].target, n);
    const auto q = c.passes[i].outputs(n).row(0).transpose();
    if (k == 0)
      c.q = q;
    else
      c.q = c.q.cwiseMin(q);
  }
  const auto alpha = static_cast<float>(temperature()), gamma = static_cast<float>(settings_.discount);
  c.target_sum = 0;
  for (Index j = 0; j < c.count; ++j) {
    const auto row = static_cast<std::size_t>(c.first + j);
    const float after = batch.terminated[row] != 0 ? 0.0f : gamma * (c.q(j) - alpha * c.log_prob(j));
    c.target(j) = batch.reward(c.first + j) + after;
    c.target_sum += c.target(j);
  }

  scaled(obs, batch.action.middleCols(c.first, c.count), c.input);
  const float weight = 2.0f / static_cast<float>(batch_);
  c.loss = c.value = 0;
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    nn::Pass& pass = c.passes[i];
    pass.set_input(c.input);
    pass.forward(critics_[i].network, n);
    const float* q = pass.output();
    float* gradient = pass.output_gradient();
    for (Index j = 0; j < c.count; ++j) {
      const float error = q[j] - c.target(j);
      c.loss += error * error;
      c.value += q[j];
      gradient[j] = weight * error;
    }
    pass.backward(critics_[i].network, n, &c.gradients[i]);
  }
}

void Sac::climb(Chunk& c, const Transitions& batch) {
  const auto obs = batch.obs.middleCols(c.first, c.count);
  const auto n = static_cast<int>(c.count);
  const Index dims = obs.rows();
  sample(c, obs, kPolicyStep);
  scaled(obs, c.action, c.input);
  const bool mean = settings_.objective == PolicyObjective::kMean;
  const float share = mean ? 1.0f / static_cast<float>(critics_.size()) : 1.0f;
  if (mean)
    c.q.setZero();
  else
    c.q.setConstant(std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    c.passes[i].set_input(c.input);
    c.passes[i].forward(critics_[i].network, n);
    const float* q = c.passes[i].output();
    for (Index j = 0; j < c.count; ++j) {
      if (mean) {
        c.q(j) += share * q[j];
      } else if (!(q[j] >= c.q(j))) {  // NaN stays
        c.q(j) = q[j];
        c.smallest[static_cast<std::size_t>(j)] = i;
      }
    }
  }
  const auto alpha = static_cast<float>(temperature()), per_sample = 1.0f / static_cast<float>(batch_);
  c.policy_loss = c.log_prob_sum = 0;
  for (Index j = 0; j < c.count; ++j) {
    c.policy_loss += alpha * c.log_prob(j) - c.q(j);
    c.log_prob_sum += c.log_prob(j);
  }
  // dQ/da through the critic that counts.
  c.action_gradient.setZero();
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    nn::Pass& pass = c.passes[i];
    float* gradient = pass.output_gradient();
    for (Index j = 0; j < c.count; ++j)
      gradient[j] = mean || c.smallest[static_cast<std::size_t>(j)] == i ? share : 0.0f;
    pass.backward(critics_[i].network, n, nullptr, true);
    for (Index k = 0; k < c.action.rows(); ++k)
      c.action_gradient.row(k) -=
          per_sample / half_[static_cast<std::size_t>(k)] * pass.input_gradients(n).row(dims + k);
  }
  c.log_prob_weight.setConstant(alpha * per_sample);
  Batchf none(dims, 0);
  policy_.sample_backward(c.action_gradient, c.log_prob_weight, &c.policy_gradient, none, c.policy);
}

// In the order of the parts, so that numbers do not depend on who computed them.
void Sac::sum_and_step(nn::Network& network, nn::Adam& adam, AlignedFloats& sum,
                       const std::vector<const AlignedFloats*>& parts) {
  if (parts.size() == 1) {
    adam.step(network, *parts[0]);
    return;
  }
  const std::size_t count = parts[0]->size();
  if (sum.size() != count) sum = AlignedFloats(count);
  Eigen::Map<Eigen::ArrayXf> total(sum.data(), static_cast<Index>(count));
  const auto part = [&](std::size_t p) {
    return Eigen::Map<const Eigen::ArrayXf>(parts[p]->data(), total.size());
  };
  total = part(0) + part(1);
  for (std::size_t p = 2; p < parts.size(); ++p) total += part(p);
  adam.step(network, sum);
}

SacReport Sac::update(const Transitions& batch) {
  constexpr const char* kWhere = "Sac::update";
  const Index n = batch.obs.cols();
  require(n >= 1, kWhere, ": the batch has no column");
  require_dim(kWhere, "obs", batch.obs.rows(), policy_.obs_dim());
  require_dim(kWhere, "action", batch.action.rows(), policy_.action_dim());
  require_dim(kWhere, "next_obs", batch.next_obs.rows(), policy_.obs_dim());
  for (const Index columns : {batch.action.cols(), batch.next_obs.cols(), batch.reward.size(),
                              static_cast<Index>(batch.terminated.size())})
    require_dim(kWhere, "the batch", columns, n);
  make_chunks(n);
  draw_targets();
  const auto count = static_cast<int>(chunks_.size());
  const auto learn = [&](int k) { learn_critics(chunks_[static_cast<std::size_t>(k)], batch); };
  const auto step = [&](int i) {
    Critic& critic = critics_[static_cast<std::size_t>(i)];
    sum_and_step(critic.network, critic.adam, critic.gradient, critic.parts);
    nn::move_towards(critic.target, critic.network, settings_.tau);
  };
  const auto improve = [&](int k) { climb(chunks_[static_cast<std::size_t>(k)], batch); };
  pool_.run(count, std::cref(learn));
  pool_.run(settings_.critics, std::cref(step));
  pool_.run(count, std::cref(improve));
  sum_and_step(policy_.network(), policy_adam_, policy_gradient_, policy_parts_);

  SacReport report;
  double log_prob = 0;
  for (const Chunk& c : chunks_) {
    report.critic_loss += c.loss;
    report.value += c.value;
    report.target += c.target_sum;
    report.policy_loss += c.policy_loss;
    log_prob += c.log_prob_sum;
  }
  const auto size = static_cast<double>(n);
  report.critic_loss /= size * settings_.critics;
  report.value /= size * settings_.critics;
  report.target /= size;
  report.policy_loss /= size;
  report.entropy = -log_prob / size;
  if (settings_.tune_temperature)
    temperature_adam_.step(log_temperature_,
                           report.entropy - settings_.entropy_per_action * policy_.action_dim());
  report.temperature = temperature();
  ++updates_;
  return report;
}

void Sac::values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
  constexpr const char* kWhere = "Sac::values";
  require_dim(kWhere, "obs", obs.rows(), policy_.obs_dim());
  require_dim(kWhere, "action", action.rows(), policy_.action_dim());
  require_dim(kWhere, "action's batch", action.cols(), obs.cols());
  require_dim(kWhere, "out", out.size(), obs.cols());
  Batchf input(critics_[0].network.in(), obs.cols()), q(1, obs.cols());
  scaled(obs, action, input);
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    critics_[i].network.evaluate(input, q);
    if (i == 0)
      out = q.row(0).transpose();
    else
      out = out.cwiseMin(q.row(0).transpose());
  }
}

void Sac::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  policy_adam_.save(out, prefix + "policy_adam.");
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    const std::string own = prefix + "critic" + std::to_string(i) + ".";
    critics_[i].network.save(out, own + "network.");
    critics_[i].target.save(out, own + "target.");
    critics_[i].adam.save(out, own + "adam.");
  }
  temperature_adam_.save(out, prefix + "temperature_adam.");
  out.put(prefix + "log_temperature", std::vector<double>{log_temperature_});
  out.put(prefix + "updates", std::vector<std::int64_t>{updates_});
}

void Sac::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  policy_adam_.load(in, prefix + "policy_adam.");
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    const std::string own = prefix + "critic" + std::to_string(i) + ".";
    critics_[i].network.load(in, own + "network.");
    critics_[i].target.load(in, own + "target.");
    critics_[i].adam.load(in, own + "adam.");
  }
  temperature_adam_.load(in, prefix + "temperature_adam.");
  log_temperature_ = in.get_scalar<double>(prefix + "log_temperature");
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

}  // namespace mbrl
