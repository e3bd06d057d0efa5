#include "mbrl/learning/sac.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>

#include "learning/range_scratch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr std::uint32_t kTargetStep = 0, kPolicyStep = 1, kSteps = 2;  // of an update's noise

nn::NetworkSettings with(nn::NetworkSettings network, const nn::BatchNormSettings& batch_norm) {
  network.batch_norm = batch_norm;
  return network;
}

}  // namespace

void SacSettings::validate() const {
  require(discount >= 0 && discount <= 1, "sac: discount is ", discount, ", expected 0 <= discount <= 1");
  require(tau > 0 && tau <= 1, "sac: tau is ", tau, ", expected 0 < tau <= 1");
  require(critics >= 1, "sac: critics is ", critics, ", expected at least 1");
  require(target_critics >= 1 && target_critics <= critics, "sac: target_critics is ", target_critics,
          ", expected 1 to critics, ", critics);
  require(policy_delay >= 1, "sac: policy_delay is ", policy_delay, ", expected at least 1");
  require(policy.dropout == 0, "sac: policy.dropout is ", policy.dropout,
          ", expected 0: only critics leave units out");
  require(temperature > 0 && std::isfinite(temperature), "sac: temperature is ", temperature,
          ", expected more than 0");
  if (batch_norm.on) {
    batch_norm.validate("sac: batch_norm");
    require(critic.dropout == 0, "sac: critic.dropout is ", critic.dropout, ", expected 0 with batch_norm");
    require(conservatism == 0, "sac: conservatism is ", conservatism, ", expected 0 with batch_norm");
  }
  require(conservatism >= 0 && std::isfinite(conservatism), "sac: conservatism is ", conservatism,
          ", expected a number of at least 0");
  require(penalty_actions >= 1, "sac: penalty_actions is ", penalty_actions, ", expected at least 1");
  require(std::isfinite(entropy_per_action), "sac: entropy_per_action is ", entropy_per_action,
          ", expected a finite number");
  require(entropy_share >= 0 && entropy_share < 1, "sac: entropy_share is ", entropy_share,
          ", expected 0 <= entropy_share < 1");
}

bool SacReport::finite() const {
  return std::isfinite(critic_loss) && std::isfinite(penalty) && std::isfinite(policy_loss) &&
         std::isfinite(entropy) && std::isfinite(temperature);
}

Sac::Sac(int obs_dim, const ActionBounds& bounds, const SacSettings& settings, std::uint64_t seed,
         ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(new_policy(obs_dim, bounds, settings, seed)),
      policy_adam_(policy_.network(), settings.adam),
      critics_(obs_dim, bounds, settings.critics, with(settings.critic, settings.batch_norm), settings.adam,
               seed),
      temperature_(settings.temperature, settings.tune_temperature, settings.adam),
      seed_(seed) {
  settings.validate();
  for (const float half : critics_.half()) log_half_ += std::log(half);
  for (int i = 0; i < settings.critics; ++i) drawn_.push_back(i);
}

MlpPolicy Sac::new_policy(int obs_dim, const ActionBounds& bounds, const SacSettings& settings,
                          std::uint64_t seed) {
  return {obs_dim, bounds, {.network = with(settings.policy, settings.batch_norm)}, seed};
}

void Sac::make_chunks(Index batch) {
  if (batch == batch_) return;
  batch_ = batch;
  errors_.resize(batch);
  chunks_.clear();
  ids_.resize(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < ids_.size(); ++i) ids_[i] = static_cast<std::uint32_t>(i);
  // Moments are those of all columns.
  const std::vector<BatchRange> ranges =
      settings_.batch_norm.on ? std::vector<BatchRange>{{0, batch}} : batch_ranges(batch);
  critics_.make_chunks(ranges, pool_.size());
  fill_for_ranges(workspaces_, ranges, pool_.size(), policy_);
  chunks_.reserve(ranges.size());
  for (const BatchRange& range : ranges) {
    Chunk c;
    c.range = range;
    c.action.resize(policy_.action_dim(), range.count);
    for (Vecf* v : {&c.log_prob, &c.log_prob_weight, &c.target, &c.q}) v->resize(range.count);
    chunks_.push_back(std::move(c));
  }
  policy_parts_.clear();
  for (const Chunk& c : chunks_) policy_parts_.push_back(&c.policy_gradient);
}

// Actions of the policy, and their log-densities as scaled ones.
void Sac::sample(Chunk& c, MlpPolicy::Workspace& w, ConstBatchRef<float> obs, std::uint32_t step) {
  draw(c, w, obs, RandomStream(seed_, Stream::kUpdate), static_cast<std::uint32_t>(updates_) * kSteps + step);
}

void Sac::draw(Chunk& c, MlpPolicy::Workspace& w, ConstBatchRef<float> obs, const RandomStream& random,
               std::uint32_t number) {
  const PolicyKey key{random.key(), number,
                      std::span<const std::uint32_t>(ids_).subspan(static_cast<std::size_t>(c.range.first),
                                                                   static_cast<std::size_t>(c.range.count))};
  policy_.sample(obs, key, c.action, c.log_prob, w);
  c.log_prob.array() += log_half_;
}

// From what the targets say, in c.q.
void Sac::find_target(Chunk& c, const Transitions& batch) {
  c.q -= static_cast<float>(temperature()) * c.log_prob;
  bellman_targets(batch, c.range, static_cast<float>(settings_.discount), c.q, c.target);
  c.target_sum = c.policy_loss = c.log_prob_sum = 0;
  for (Index j = 0; j < c.range.count; ++j) {
    c.target_sum += c.target(j);
    c.log_prob_sum += c.log_prob(j);
  }
}

void Sac::learn_critics(std::size_t k, const Transitions& batch) {
  Chunk& c = chunks_[k];
  const auto [first, count] = c.range;
  const auto next = batch.next_obs.middleCols(first, count);
  sample(c, *workspaces_.borrow(), next, kTargetStep);
  critics_.target_values(critics_.chunk(k), next, c.action, drawn(), c.q);
  find_target(c, batch);
  critics_.learn(critics_.chunk(k), batch, c.range, c.target, 2.0f / static_cast<float>(batch_));
  errors_.segment(first, count) = critics_.chunk(k).error;
  if (settings_.conservatism > 0) conserve(k, batch);
}

// Threads share out the critics.
void Sac::learn_jointly(const Transitions& batch) {
  Chunk& c = chunks_[0];
  Critics::Chunk& critics = critics_.chunk(0);
  {
    const auto w = workspaces_.borrow();
    w->in_batch = false;
    sample(c, *w, batch.next_obs, kTargetStep);
  }
  critics_.set_joint(critics, batch, c.action);
  const auto evaluate = [&](int i) { critics_.evaluate_joint(critics, i); };
  pool_.run(settings_.critics, std::cref(evaluate));
  critics_.joint_values(critics, drawn(), c.q);
  find_target(c, batch);
  const auto learn = [&](int i) {
    critics_.learn_joint(critics, batch, c.target, 2.0f / static_cast<float>(batch_), i);
  };
  pool_.run(settings_.critics, std::cref(learn));
  critics_.sum_joint(critics, c.target);
  errors_ = critics.error;
}

// Actions of three kinds for each transition: uniform, of the policy, of the policy in the next state.
void Sac::conserve(std::size_t k, const Transitions& batch) {
  Chunk& c = chunks_[k];
  Critics::Chunk& critics = critics_.chunk(k);
  const Index first = c.range.first, count = c.range.count;  // a binding cannot be captured everywhere
  const int each = settings_.penalty_actions;
  const Index actions = c.action.rows();
  critics.penalty_action.resize(actions, 3 * each * count);
  critics.penalty_log_density.resize(3 * each * count);
  const RandomStream random(seed_, Stream::kPenalty);
  const auto number = static_cast<std::uint32_t>(updates_);
  const std::vector<float>&mid = critics_.mid(), &half = critics_.half();
  for (int sample = 0; sample < each; ++sample) {
    const auto of = [&](int kind) { return (kind * each + sample) * count; };
    for (Index j = 0; j < count; ++j)
      for (Index i = 0; i < actions; ++i) {
        const auto d = static_cast<std::size_t>(i);
        const double scaled =
            random.uniform(-1.0, 1.0, number, static_cast<std::uint32_t>(first + j),
                           static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(sample));
        critics.penalty_action(i, of(0) + j) = mid[d] + half[d] * static_cast<float>(scaled);
      }
    critics.penalty_log_density.segment(of(0), count)
        .setConstant(static_cast<float>(actions) * std::log(0.5f));
    for (const int kind : {1, 2}) {
      const auto obs = (kind == 1 ? batch.obs : batch.next_obs).middleCols(first, count);
      draw(c, *workspaces_.borrow(), obs, random,
           (number * 2 + static_cast<std::uint32_t>(kind - 1)) * static_cast<std::uint32_t>(each) +
               static_cast<std::uint32_t>(sample));
      critics.penalty_action.middleCols(of(kind), count) = c.action;
      critics.penalty_log_density.segment(of(kind), count) = c.log_prob;
    }
  }
  critics_.conserve(critics, batch, c.range,
                    static_cast<float>(settings_.conservatism / static_cast<double>(batch_)));
}

void Sac::climb(std::size_t k, const Transitions& batch) {
  Chunk& c = chunks_[k];
  const auto obs = batch.obs.middleCols(c.range.first, c.range.count);
  const auto w = workspaces_.borrow();
  w->in_batch = settings_.batch_norm.on;
  sample(c, *w, obs, kPolicyStep);
  const auto alpha = static_cast<float>(temperature()), per_sample = 1.0f / static_cast<float>(batch_);
  critics_.climb(critics_.chunk(k), obs, c.action, settings_.objective, per_sample, c.q, c.action_gradient);
  c.policy_loss = c.log_prob_sum = 0;
  for (Index j = 0; j < c.range.count; ++j) {
    c.policy_loss += alpha * c.log_prob(j) - c.q(j);
    c.log_prob_sum += c.log_prob(j);
  }
  c.log_prob_weight.setConstant(alpha * per_sample);
  Batchf none(obs.rows(), 0);
  policy_.sample_backward(c.action_gradient, c.log_prob_weight, &c.policy_gradient, none, *w);
  if (settings_.batch_norm.on) policy_.network().follow(*w->pass);  // the only chunk's
}

SacReport Sac::update(const Transitions& batch) {
  check_batch("Sac::update", batch, policy_.obs_dim(), policy_.action_dim());
  const Index n = batch.obs.cols();
  make_chunks(n);
  draw_critics(drawn_, settings_.target_critics, seed_, updates_);
  critics_.begin_update(updates_);
  const auto count = static_cast<int>(chunks_.size());
  const auto learn = [&](int k) { learn_critics(static_cast<std::size_t>(k), batch); };
  const bool joint = settings_.batch_norm.on;
  const auto step = [&](int i) {
    critics_.step(i);
    if (!joint) critics_.move_target(i, settings_.tau);
  };
  const auto improve = [&](int k) { climb(static_cast<std::size_t>(k), batch); };
  if (joint)
    learn_jointly(batch);
  else
    pool_.run(count, std::cref(learn));
  pool_.run(settings_.critics, std::cref(step));
  const bool policy_moves = (updates_ + 1) % settings_.policy_delay == 0;
  if (policy_moves) {
    pool_.run(count, std::cref(improve));
    sum_and_step(policy_.network(), policy_adam_, policy_gradient_, policy_parts_);
  }

  SacReport report;
  double log_prob = 0;
  for (const Critics::Chunk& c : critics_.chunks()) {
    report.critic_loss += c.loss;
    report.value += c.value;
    report.penalty += c.penalty;
  }
  for (const Chunk& c : chunks_) {
    report.target += c.target_sum;
    report.policy_loss += c.policy_loss;
    log_prob += c.log_prob_sum;
  }
  const auto size = static_cast<double>(n);
  report.critic_loss /= size * settings_.critics;
  report.value /= size * settings_.critics;
  report.penalty /= size * settings_.critics;
  report.target /= size;
  report.policy_loss /= size;
  report.entropy = -log_prob / size;
  if (policy_moves) temperature_.step(report.entropy, settings_.entropy_per_action * policy_.action_dim());
  report.temperature = temperature();
  ++updates_;
  return report;
}

void Sac::values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
  critics_.values(obs, action, out);
}

void Sac::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  policy_adam_.save(out, prefix + "policy_adam.");
  critics_.save(out, prefix);
  temperature_.save(out, prefix);
  out.put(prefix + "updates", std::vector<std::int64_t>{updates_});
}

void Sac::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  policy_adam_.load(in, prefix + "policy_adam.");
  critics_.load(in, prefix);
  temperature_.load(in, prefix);
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

}  // namespace mbrl
