#include "mbrl/learning/td3.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "learning/range_scratch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {

void Td3Settings::validate() const {
  require(discount >= 0 && discount <= 1, "td3: discount is ", discount, ", expected 0 <= discount <= 1");
  require(tau > 0 && tau <= 1, "td3: tau is ", tau, ", expected 0 < tau <= 1");
  require(critics >= 1, "td3: critics is ", critics, ", expected at least 1");
  require(policy_delay >= 1, "td3: policy_delay is ", policy_delay, ", expected at least 1");
  require(policy.dropout == 0, "td3: policy.dropout is ", policy.dropout,
          ", expected 0: only critics leave units out");
  require(target_noise >= 0 && std::isfinite(target_noise), "td3: target_noise is ", target_noise,
          ", expected at least 0");
  require(target_noise_clip >= 0 && std::isfinite(target_noise_clip), "td3: target_noise_clip is ",
          target_noise_clip, ", expected at least 0");
}

Td3Settings ddpg_settings() {
  Td3Settings s;
  s.critics = 1;
  s.policy_delay = 1;
  s.target_noise = 0;
  return s;
}

bool Td3Report::finite() const { return std::isfinite(critic_loss) && std::isfinite(policy_loss); }

Td3::Td3(int obs_dim, const ActionBounds& bounds, const Td3Settings& settings, std::uint64_t seed,
         ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(new_policy(obs_dim, bounds, settings, seed)),
      policy_target_(policy_),
      policy_adam_(policy_.network(), settings.policy_adam),
      critics_(obs_dim, bounds, settings.critics, settings.critic, settings.critic_adam, seed),
      seed_(seed) {
  settings.validate();
  for (int i = 0; i < settings.critics; ++i) all_.push_back(i);
  for (std::size_t i = 0; i < bounds.low.size(); ++i) {
    low_.push_back(static_cast<float>(bounds.low[i]));
    high_.push_back(static_cast<float>(bounds.high[i]));
  }
}

MlpPolicy Td3::new_policy(int obs_dim, const ActionBounds& bounds, const Td3Settings& settings,
                          std::uint64_t seed) {
  return {obs_dim, bounds, {.network = settings.policy, .output = PolicyOutput::kTanh}, seed};
}

void Td3::make_chunks(Index batch, Index climbed) {
  if (batch == batch_ && climbed == climbed_) return;
  batch_ = batch;
  climbed_ = climbed;
  errors_.resize(batch);
  std::vector<BatchRange> ranges = batch_ranges(climbed);
  climbing_ = static_cast<int>(ranges.size());
  for (const BatchRange& rest : batch_ranges(batch - climbed))
    ranges.push_back({climbed + rest.first, rest.count});
  critics_.make_chunks(ranges, pool_.size());
  fill_for_ranges(workspaces_, ranges, pool_.size(), policy_);
  chunks_.clear();
  chunks_.reserve(ranges.size());
  for (const BatchRange& range : ranges) {
    Chunk c;
    c.range = range;
    c.action.resize(policy_.action_dim(), range.count);
    for (Vecf* v : {&c.target, &c.q}) v->resize(range.count);
    chunks_.push_back(std::move(c));
  }
  policy_parts_.clear();
  for (int k = 0; k < climbing_; ++k)
    policy_parts_.push_back(&chunks_[static_cast<std::size_t>(k)].policy_gradient);
}

void Td3::find_target(std::size_t k, const Transitions& batch) {
  Chunk& c = chunks_[k];
  const auto [first, count] = c.range;
  const auto next = batch.next_obs.middleCols(first, count);
  Batchf memory(0, count);
  policy_target_.act(next, memory, {}, c.action, *workspaces_.borrow());
  if (settings_.target_noise > 0) {
    const RandomStream random(seed_, Stream::kUpdate);
    const double clip = settings_.target_noise_clip;
    for (Index j = 0; j < count; ++j) {
      for (Index i = 0; i < c.action.rows(); ++i) {
        const auto d = static_cast<std::size_t>(i);
        const double noise =
            std::clamp(settings_.target_noise * random.normal(static_cast<std::uint32_t>(updates_),
                                                              static_cast<std::uint32_t>(first + j),
                                                              static_cast<std::uint32_t>(i)),
                       -clip, clip);
        const float moved = c.action(i, j) + critics_.half()[d] * static_cast<float>(noise);
        c.action(i, j) = std::clamp(moved, low_[d], high_[d]);
      }
    }
  }
  critics_.target_values(critics_.chunk(k), next, c.action, all_, c.q);
  bellman_targets(batch, c.range, static_cast<float>(settings_.discount), c.q, c.target);
}

void Td3::learn_critics(std::size_t k, const Transitions& batch, const Vecf* target) {
  Chunk& c = chunks_[k];
  const auto [first, count] = c.range;
  if (target)
    c.target = target->segment(first, count);
  else
    find_target(k, batch);
  c.target_sum = 0;
  for (Index j = 0; j < count; ++j) c.target_sum += c.target(j);
  critics_.learn(critics_.chunk(k), batch, c.range, c.target, 2.0f / static_cast<float>(batch_));
  errors_.segment(first, count) = critics_.chunk(k).error;
}

void Td3::climb(std::size_t k, const Transitions& batch) {
  Chunk& c = chunks_[k];
  const auto obs = batch.obs.middleCols(c.range.first, c.range.count);
  Batchf memory(0, c.range.count), none(obs.rows(), 0);
  const auto w = workspaces_.borrow();
  policy_.act(obs, memory, {}, c.action, *w);
  critics_.climb(critics_.chunk(k), obs, c.action, settings_.objective, 1.0f / static_cast<float>(climbed_),
                 c.q, c.action_gradient);
  c.policy_loss = 0;
  for (Index j = 0; j < c.range.count; ++j) c.policy_loss -= c.q(j);
  policy_.backward(c.action_gradient, &c.policy_gradient, none, *w);
}

Td3Report Td3::update(const Transitions& batch, Index climbed, const Vecf* target) {
  constexpr const char* kWhere = "Td3::update";
  check_batch(kWhere, batch, policy_.obs_dim(), policy_.action_dim());
  const Index n = batch.obs.cols();
  require(climbed >= 1 && climbed <= n, kWhere, ": the policy climbs at ", climbed, " columns of ", n,
          ", expected 1 to all of them");
  if (target) require_dim(kWhere, "the targets", target->size(), n);
  make_chunks(n, climbed);
  critics_.begin_update(updates_);
  const auto learn = [&](int k) { learn_critics(static_cast<std::size_t>(k), batch, target); };
  const auto step = [&](int i) { critics_.step(i); };
  pool_.run(static_cast<int>(chunks_.size()), std::cref(learn));
  pool_.run(settings_.critics, std::cref(step));

  Td3Report report;
  for (const Critics::Chunk& c : critics_.chunks()) {
    report.critic_loss += c.loss;
    report.value += c.value;
  }
  for (const Chunk& c : chunks_) report.target += c.target_sum;
  const auto size = static_cast<double>(n);
  report.critic_loss /= size * settings_.critics;
  report.value /= size * settings_.critics;
  report.target /= size;

  ++updates_;
  report.policy_moved = updates_ % settings_.policy_delay == 0;
  if (report.policy_moved) {
    const auto improve = [&](int k) { climb(static_cast<std::size_t>(k), batch); };
    pool_.run(climbing_, std::cref(improve));
    sum_and_step(policy_.network(), policy_adam_, policy_gradient_, policy_parts_);
    policy_loss_ = 0;
    for (int k = 0; k < climbing_; ++k)
      policy_loss_ += chunks_[static_cast<std::size_t>(k)].policy_loss / static_cast<double>(climbed);
    const auto move = [&](int i) { critics_.move_target(i, settings_.tau); };
    pool_.run(settings_.critics, std::cref(move));
    nn::move_towards(policy_target_.network(), policy_.network(), settings_.tau);
  }
  report.policy_loss = policy_loss_;
  return report;
}

void Td3::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  policy_target_.save(out, prefix + "policy_target.");
  policy_adam_.save(out, prefix + "policy_adam.");
  critics_.save(out, prefix);
  out.put(prefix + "policy_loss", std::vector<double>{policy_loss_});
  out.put(prefix + "updates", std::vector<std::int64_t>{updates_});
}

void Td3::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  policy_target_.load(in, prefix + "policy_target.");
  policy_adam_.load(in, prefix + "policy_adam.");
  critics_.load(in, prefix);
  policy_loss_ = in.get_scalar<double>(prefix + "policy_loss");
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

}  // namespace mbrl
