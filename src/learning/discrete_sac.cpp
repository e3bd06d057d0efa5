#include "mbrl/learning/discrete_sac.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

DiscreteSac::DiscreteSac(int obs_dim, const ActionBounds& bounds, const SacSettings& settings,
                         std::uint64_t seed, ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(new_policy(obs_dim, bounds, settings, seed)),
      head_(policy_.choices()),
      policy_adam_(policy_.network(), settings.adam),
      temperature_(settings.temperature, settings.tune_temperature, settings.adam),
      seed_(seed) {
  settings.validate();
  require(settings.conservatism == 0, "sac: conservatism is ", settings.conservatism,
          ", expected 0 where actions are choices");
  require(!settings.batch_norm.on, "sac: batch_norm.on is true, expected false where actions are choices");
  for (int i = 0; i < settings.critics; ++i) {
    critics_.emplace_back(obs_dim, policy_.choices(), settings.critic, settings.adam, seed,
                          1 + static_cast<std::uint32_t>(i));
    drawn_.push_back(i);
  }
}

CategoricalPolicy DiscreteSac::new_policy(int obs_dim, const ActionBounds& bounds,
                                          const SacSettings& settings, std::uint64_t seed) {
  return {obs_dim, bounds, settings.policy, seed};
}

void DiscreteSac::make_chunks(Index batch) {
  if (batch == errors_.size()) return;
  errors_.resize(batch);
  taken_.resize(static_cast<std::size_t>(batch));
  chunks_.clear();
  const std::vector<BatchRange> ranges = batch_ranges(batch);
  chunks_.reserve(ranges.size());  // what points into them stays
  for (const BatchRange& range : ranges) {
    const auto columns = static_cast<int>(range.count);
    Chunk c{.range = range, .policy = nn::Pass(policy_.network(), columns)};
    for (const Critic& critic : critics_) c.critics.emplace_back(critic.network, columns);
    c.gradients.resize(critics_.size());
    for (nn::RowBatch<float>* m : {&c.log_pi, &c.pi, &c.q}) m->resize(policy_.choices(), range.count);
    c.target.resize(range.count);
    chunks_.push_back(std::move(c));
  }
  policy_parts_.clear();
  for (const Chunk& c : chunks_) policy_parts_.push_back(&c.policy_gradient);
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    critics_[i].parts.clear();
    for (const Chunk& c : chunks_) critics_[i].parts.push_back(&c.gradients[i]);
  }
}

nn::DropoutKey DiscreteSac::dropout(std::uint32_t use, std::size_t i, const Chunk& c) const {
  return critic_dropout(seed_, static_cast<std::uint32_t>(updates_), use, i, c.range.first);
}

// pi and its logarithm.
void DiscreteSac::distribution(Chunk& c, ConstBatchRef<float> obs) const {
  const auto n = static_cast<int>(obs.cols());
  c.policy.set_input(obs);
  c.policy.forward(policy_.network(), n);
  head_.log_probabilities(c.policy.outputs(n), c.log_pi);
  head_.probabilities(c.policy.outputs(n), c.pi);
}

void DiscreteSac::learn_critics(Chunk& c, const Transitions& batch) {
  const auto n = static_cast<int>(c.range.count);
  const auto next = batch.next_obs.middleCols(c.range.first, n);
  distribution(c, next);
  c.q.setConstant(std::numeric_limits<float>::infinity());
  for (int k = 0; k < settings_.target_critics; ++k) {
    const auto i = static_cast<std::size_t>(drawn_[static_cast<std::size_t>(k)]);
    c.critics[i].set_input(next);
    c.critics[i].forward(critics_[i].target, n, dropout(critic_use::kTarget, i, c));
    c.q = c.q.cwiseMin(c.critics[i].outputs(n));
  }
  const auto alpha = static_cast<float>(temperature());
  c.target = (c.pi.array() * (c.q.array() - alpha * c.log_pi.array())).colwise().sum().transpose();
  bellman_targets(batch, c.range, static_cast<float>(settings_.discount), c.target, c.target);
  c.critic_loss = c.value = c.policy_loss = 0;
  c.entropy = -(c.pi.array() * c.log_pi.array()).cast<double>().sum();
  c.target_sum = c.target.cast<double>().sum();
  errors_.segment(c.range.first, n).setZero();
  for (std::size_t i = 0; i < critics_.size(); ++i) fit_critic(c, i, batch);
}

// Gradients of the squared differences to the target; those of choices that were not taken are 0.
void DiscreteSac::fit_critic(Chunk& c, std::size_t i, const Transitions& batch) {
  const auto n = static_cast<int>(c.range.count);
  nn::Pass& pass = c.critics[i];
  pass.set_input(batch.obs.middleCols(c.range.first, n));
  pass.forward(critics_[i].network, n, dropout(critic_use::kLearn, i, c));
  const auto q = pass.outputs(n);
  auto gradient = pass.output_gradients(n);
  gradient.setZero();
  const float weight = 2.0f / static_cast<float>(errors_.size()),
              share = 1.0f / static_cast<float>(critics_.size());
  for (Index j = 0; j < n; ++j) {
    const Index column = c.range.first + j;
    const int taken = taken_[static_cast<std::size_t>(column)];
    const float error = q(taken, j) - c.target(j);
    c.critic_loss += static_cast<double>(error * error);
    c.value += static_cast<double>(q(taken, j));
    errors_(column) += share * std::abs(error);
    gradient(taken, j) = (batch.weight.size() > 0 ? weight * batch.weight(column) : weight) * error;
  }
  pass.backward(critics_[i].network, n, &c.gradients[i]);
}

// What the policy climbs, into q.
void DiscreteSac::critics_of_objective(Chunk& c, ConstBatchRef<float> obs) const {
  const auto n = static_cast<int>(obs.cols());
  const std::size_t used = settings_.objective == PolicyObjective::kFirst ? 1 : critics_.size();
  for (std::size_t i = 0; i < used; ++i) {
    c.critics[i].set_input(obs);
    c.critics[i].forward(critics_[i].network, n, dropout(critic_use::kClimb, i, c));
    const auto q = c.critics[i].outputs(n);
    if (i == 0)
      c.q = q;
    else if (settings_.objective == PolicyObjective::kMin)
      c.q = c.q.cwiseMin(q);
    else
      c.q += q;
  }
  if (settings_.objective == PolicyObjective::kMean) c.q /= static_cast<float>(used);
}

// With f_a = alpha log pi_a - q_a and their mean L = sum_a pi_a f_a, the gradient of L by logit a is
// pi_a (f_a - L): log pi's own share, alpha sum_b pi_b dlog pi_b, is that of a sum of probabilities, 0.
void DiscreteSac::climb(Chunk& c, const Transitions& batch) const {
  const auto n = static_cast<int>(c.range.count);
  const auto obs = batch.obs.middleCols(c.range.first, n);
  distribution(c, obs);
  critics_of_objective(c, obs);
  const auto alpha = static_cast<float>(temperature()), weight = 1.0f / static_cast<float>(errors_.size());
  auto gradient = c.policy.output_gradients(n);
  c.policy_loss = c.entropy = 0;
  for (Index j = 0; j < n; ++j) {
    float loss = 0, entropy = 0;
    for (Index a = 0; a < c.pi.rows(); ++a) {
      loss += c.pi(a, j) * (alpha * c.log_pi(a, j) - c.q(a, j));
      entropy -= c.pi(a, j) * c.log_pi(a, j);
    }
    for (Index a = 0; a < c.pi.rows(); ++a)
      gradient(a, j) = weight * c.pi(a, j) * (alpha * c.log_pi(a, j) - c.q(a, j) - loss);
    c.policy_loss += static_cast<double>(loss);
    c.entropy += static_cast<double>(entropy);
  }
  c.policy.backward(policy_.network(), n, &c.policy_gradient);
}

SacReport DiscreteSac::update(const Transitions& batch) {
  constexpr const char* kWhere = "DiscreteSac::update";
  check_batch(kWhere, batch, policy_.obs_dim(), 1);
  make_chunks(batch.obs.cols());
  for (std::size_t j = 0; j < taken_.size(); ++j)
    taken_[j] = policy_.choice(kWhere, batch.action(0, static_cast<Index>(j)));
  draw_critics(drawn_, settings_.target_critics, seed_, updates_);
  const auto count = static_cast<int>(chunks_.size());
  const auto learn = [&](int k) { learn_critics(chunks_[static_cast<std::size_t>(k)], batch); };
  const auto step = [&](int i) {
    critics_[static_cast<std::size_t>(i)].step();
    critics_[static_cast<std::size_t>(i)].move_target(settings_.tau);
  };
  const auto improve = [&](int k) { climb(chunks_[static_cast<std::size_t>(k)], batch); };
  pool_.run(count, std::cref(learn));
  pool_.run(settings_.critics, std::cref(step));
  const bool policy_moves = (updates_ + 1) % settings_.policy_delay == 0;
  if (policy_moves) {
    pool_.run(count, std::cref(improve));
    sum_and_step(policy_.network(), policy_adam_, policy_gradient_, policy_parts_);
  }

  SacReport report;
  for (const Chunk& c : chunks_) {
    report.critic_loss += c.critic_loss;
    report.value += c.value;
    report.target += c.target_sum;
    report.policy_loss += c.policy_loss;
    report.entropy += c.entropy;
  }
  const auto size = static_cast<double>(batch.obs.cols());
  report.critic_loss /= size * settings_.critics;
  report.value /= size * settings_.critics;
  report.target /= size;
  report.policy_loss /= size;
  report.entropy /= size;
  if (policy_moves) temperature_.step(report.entropy, settings_.entropy_share * std::log(policy_.choices()));
  report.temperature = temperature();
  ++updates_;
  return report;
}

void DiscreteSac::values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
  constexpr const char* kWhere = "DiscreteSac::values";
  require_dim(kWhere, "action", action.rows(), 1);
  require_dim(kWhere, "obs", obs.rows(), policy_.obs_dim());
  require_dim(kWhere, "action's batch", action.cols(), obs.cols());
  require_dim(kWhere, "out", out.size(), obs.cols());
  Batchf all(policy_.choices(), obs.cols());
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    critics_[i].network.evaluate(obs, all);
    for (Index j = 0; j < obs.cols(); ++j) {
      const float q = all(policy_.choice(kWhere, action(0, j)), j);
      out(j) = i == 0 ? q : std::min(out(j), q);
    }
  }
}

void DiscreteSac::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  policy_adam_.save(out, prefix + "policy_adam.");
  save_critics(critics_, out, prefix);
  temperature_.save(out, prefix);
  out.put(prefix + "updates", std::vector<std::int64_t>{updates_});
}

void DiscreteSac::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  policy_adam_.load(in, prefix + "policy_adam.");
  load_critics(critics_, in, prefix);
  temperature_.load(in, prefix);
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

}  // namespace mbrl
