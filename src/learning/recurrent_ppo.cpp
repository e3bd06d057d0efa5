#include "mbrl/learning/recurrent_ppo.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "learning/clipped_surrogate.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/learning/gae.hpp"

namespace mbrl {
namespace {

constexpr std::size_t kSequences = 16;  // of a group at most: a vector of the widest instructions

int groups_of(std::size_t sequences) { return static_cast<int>((sequences + kSequences - 1) / kSequences); }

std::span<const std::uint32_t> group(std::span<const std::uint32_t> ids, int k) {
  const std::size_t first = static_cast<std::size_t>(k) * kSequences;
  return ids.subspan(first, std::min(kSequences, ids.size() - first));
}

}  // namespace

void RecurrentPpoSettings::validate() const {
  constexpr const char* kWho = "recurrent ppo";
  require(policy.units >= 1, kWho, ": policy.units is ", policy.units, ", expected at least 1");
  require_gae_settings(kWho, discount, lambda);
  require(epochs >= 1, kWho, ": epochs is ", epochs, ", expected at least 1");
  require(sequences >= 1, kWho, ": sequences is ", sequences, ", expected at least 1");
  require(clip > 0 && std::isfinite(clip), kWho, ": clip is ", clip, ", expected more than 0");
  require(target_kl >= 0 && std::isfinite(target_kl), kWho, ": target_kl is ", target_kl,
          ", expected 0 or more");
  for (const auto& [name, dropout] :
       {std::pair("policy.network", policy.network.dropout), std::pair("value", value.dropout)})
    require(dropout == 0, kWho, ": ", name, ".dropout is ", dropout, ", expected 0");
}

RecurrentPpo::RecurrentPpo(int obs_dim, const ActionBounds& bounds, const RecurrentPpoSettings& settings,
                           std::uint64_t seed, ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(new_policy(obs_dim, bounds, settings, seed)),
      value_(policy_.head().obs_dim(), 1, settings.value, seed, 1),
      input_adam_(policy_.gru().input(), settings.adam),
      recurrent_adam_(policy_.gru().recurrent(), settings.adam),
      head_adam_(policy_.head().network(), settings.adam),
      value_adam_(value_, settings.adam),
      seed_(seed) {}

RecurrentPolicy RecurrentPpo::new_policy(int obs_dim, const ActionBounds& bounds,
                                         const RecurrentPpoSettings& settings, std::uint64_t seed) {
  settings.validate();
  return {obs_dim, bounds, settings.policy, seed};
}

void RecurrentPpo::check(const SequenceBatch& batch) const {
  constexpr const char* kWhere = "RecurrentPpo::update";
  const Index n = batch.count(), horizon = batch.horizon;
  require(n >= 1 && horizon >= 1, kWhere, ": there is no step");
  require_dim(kWhere, "obs", batch.obs.rows(), policy_.obs_dim());
  require_dim(kWhere, "obs's columns", batch.obs.cols(), n * (horizon + 1));
  require_dim(kWhere, "action", batch.action.rows(), policy_.action_dim());
  require_dim(kWhere, "action's columns", batch.action.cols(), n * horizon);
  require_dim(kWhere, "reward's steps", batch.reward.cols(), horizon);
  require_dim(kWhere, "the lengths", batch.length.size(), n);
  require_dim(kWhere, "the ends", batch.terminated.size(), n);
  for (const int length : batch.length)
    require(length >= 0 && length <= horizon, kWhere, ": a length is ", length, ", expected 0 to ", horizon);
  require(std::accumulate(batch.length.begin(), batch.length.end(), Index{0}) > 0, kWhere,
          ": there is no step");
}

// g.joint becomes [obs_t; h_t] of so many steps.
void RecurrentPpo::unroll(Group& g, const SequenceBatch& batch, std::span<const std::uint32_t> ids,
                          int steps) const {
  const Index n = batch.count(), k = static_cast<Index>(ids.size());
  const nn::Gru& gru = policy_.gru();
  const int obs_dim = policy_.obs_dim(), action_dim = policy_.action_dim();
  if (g.steps.size() < static_cast<std::size_t>(steps)) g.steps.resize(static_cast<std::size_t>(steps));
  g.input.setZero(gru.in(), k);
  g.state.setZero(gru.units(), k);
  g.joint.resize(obs_dim + gru.units(), k * steps);
  g.action.resize(action_dim, k);
  for (Index t = 0; t < steps; ++t) {
    for (Index j = 0; j < k; ++j)
      g.input.col(j).head(obs_dim) =
          batch.obs.col(t * n + static_cast<Index>(ids[static_cast<std::size_t>(j)]));
    auto joint = g.joint.middleCols(t * k, k);
    g.steps[static_cast<std::size_t>(t)].forward(gru, g.input, g.state);
    joint.topRows(obs_dim) = g.input.topRows(obs_dim);
    joint.bottomRows(gru.units()) = g.state;
    if (t + 1 == steps) break;
    for (Index j = 0; j < k; ++j)
      g.action.col(j) = batch.action.col(t * n + static_cast<Index>(ids[static_cast<std::size_t>(j)]));
    policy_.scale_action(g.action, g.input.bottomRows(action_dim));
  }
}

void RecurrentPpo::value_all(Group& g, Index columns) const {
  g.value.fit(value_, columns);
  g.value->set_input(g.joint.leftCols(columns));
  g.value->forward(value_, static_cast<int>(columns));
}

namespace {

// Actions of a group, in its order.
void gather_actions(const SequenceBatch& batch, std::span<const std::uint32_t> ids, Batchf& out) {
  const Index n = batch.count(), k = static_cast<Index>(ids.size());
  out.resize(batch.action.rows(), k * batch.horizon);
  for (Index t = 0; t < batch.horizon; ++t)
    for (Index j = 0; j < k; ++j)
      out.col(t * k + j) = batch.action.col(t * n + static_cast<Index>(ids[static_cast<std::size_t>(j)]));
}

}  // namespace

// Log-probabilities by the function that the ratios ask, so that they begin at 1.
void RecurrentPpo::remember(const SequenceBatch& batch) {
  const Index n = batch.count(), horizon = batch.horizon;
  old_log_prob_.resize(n, horizon);
  old_value_.resize(n, horizon + 1);
  order_.resize(static_cast<std::size_t>(n));
  std::iota(order_.begin(), order_.end(), 0u);
  const int groups = groups_of(order_.size());
  if (groups_.size() < static_cast<std::size_t>(groups)) groups_.resize(static_cast<std::size_t>(groups));
  const auto one = [&](int at) {
    Group& g = groups_[static_cast<std::size_t>(at)];
    const auto ids = group(order_, at);
    const auto k = static_cast<Index>(ids.size());
    unroll(g, batch, ids, batch.horizon + 1);
    value_all(g, k * (horizon + 1));
    gather_actions(batch, ids, g.action);
    g.log_prob.resize(k * horizon);
    g.none.resize(0, k * horizon);
    policy_.head().log_probability(g.joint.leftCols(k * horizon), g.none, g.action, g.log_prob, g.head);
    for (Index j = 0; j < k; ++j) {
      const auto row = static_cast<Index>(ids[static_cast<std::size_t>(j)]);
      for (Index t = 0; t < horizon; ++t) old_log_prob_(row, t) = g.log_prob(t * k + j);
      for (Index t = 0; t <= horizon; ++t) old_value_(row, t) = g.value->output()[t * k + j];
    }
  };
  pool_.run(groups, std::cref(one));
}

void RecurrentPpo::find_advantages(const SequenceBatch& batch) {
  const Index n = batch.count(), horizon = batch.horizon;
  EpisodeEnds ends;
  ends.mark(batch.length, batch.terminated, horizon);
  std::vector<std::uint32_t> sound;
  for (Index i = 0; i < n; ++i) {
    const Index length = batch.length[static_cast<std::size_t>(i)];
    for (Index t = 0; t < length; ++t) sound.push_back(static_cast<std::uint32_t>(t * n + i));
  }
  generalized_advantages({batch.reward, old_value_.leftCols(horizon), old_value_.rightCols(horizon),
                          ends.terminated, ends.truncated},
                         settings_.discount, settings_.lambda, advantage_);
  scale_ = sound.size() > 1
               ? advantage_scale(Vecf(Eigen::Map<const Vecf>(advantage_.data(), n * horizon)), sound)
               : AdvantageScale();
}

void RecurrentPpo::learn(Group& g, const SequenceBatch& batch, std::span<const std::uint32_t> ids,
                         float share) const {
  const Index k = static_cast<Index>(ids.size()), horizon = batch.horizon, columns = k * horizon;
  unroll(g, batch, ids, batch.horizon);
  gather_actions(batch, ids, g.action);
  g.log_prob.resize(columns);
  g.weight.resize(columns);
  g.none.resize(0, columns);
  policy_.head().log_probability(g.joint, g.none, g.action, g.log_prob, g.head);
  value_all(g, columns);
  g.policy_loss = g.value_loss = g.log_prob_sum = g.kl = g.clipped = 0;
  for (Index j = 0; j < k; ++j) {
    const auto row = static_cast<Index>(ids[static_cast<std::size_t>(j)]);
    const Index length = batch.length[static_cast<std::size_t>(row)];
    for (Index t = 0; t < horizon; ++t) {
      const Index at = t * k + j;
      g.weight(at) = g.value->output_gradient()[at] = 0;
      if (t >= length) continue;
      const ClippedSurrogate step(g.log_prob(at) - old_log_prob_(row, t),
                                  scale_.scale * (advantage_(row, t) - scale_.mean), settings_.clip);
      g.policy_loss += step.loss;
      g.weight(at) = share * step.slope;
      g.log_prob_sum += g.log_prob(at);
      g.kl += step.kl;
      g.clipped += step.clipped ? 1 : 0;
      const float error = g.value->output()[at] - (advantage_(row, t) + old_value_(row, t));
      g.value_loss += 0.5 * static_cast<double>(error * error);
      g.value->output_gradient()[at] = share * error;
    }
  }
  g.value->backward(value_, static_cast<int>(columns), &g.value_gradient);
  g.joint_gradient.resize(g.joint.rows(), columns);
  policy_.head().log_probability_backward(g.weight, &g.head_gradient, g.joint_gradient, g.head);
  // Back through time: what each step's action has in its memory, and all later ones.
  const nn::Gru& gru = policy_.gru();
  g.gru_gradient = {};
  g.memory_gradient.setZero(gru.units(), k);
  for (Index t = horizon; t-- > 0;) {
    g.memory_gradient += g.joint_gradient.middleCols(t * k, k).bottomRows(gru.units());
    g.steps[static_cast<std::size_t>(t)].backward(gru, g.memory_gradient, g.gru_gradient);
  }
}

// Along the sum of what the groups have learned, in their order.
void RecurrentPpo::step(int groups) {
  const auto descend = [&](nn::Network& network, nn::Adam& adam, auto&& part) {
    std::vector<const AlignedFloats*> parts;
    parts.reserve(static_cast<std::size_t>(groups));
    for (int k = 0; k < groups; ++k) parts.push_back(&part(groups_[static_cast<std::size_t>(k)]));
    sum_and_step(network, adam, sum_, parts);
  };
  descend(policy_.gru().input(), input_adam_, [](const Group& g) -> auto& { return g.gru_gradient.input; });
  descend(policy_.gru().recurrent(), recurrent_adam_,
          [](const Group& g) -> auto& { return g.gru_gradient.recurrent; });
  descend(policy_.head().network(), head_adam_, [](const Group& g) -> auto& { return g.head_gradient; });
  descend(value_, value_adam_, [](const Group& g) -> auto& { return g.value_gradient; });
}

PpoReport RecurrentPpo::update(const SequenceBatch& batch) {
  check(batch);
  remember(batch);
  find_advantages(batch);
  const auto n = static_cast<std::size_t>(batch.count());
  const std::size_t parts =
      (n + static_cast<std::size_t>(settings_.sequences) - 1) / static_cast<std::size_t>(settings_.sequences);
  const Index all_steps = std::accumulate(batch.length.begin(), batch.length.end(), Index{0});
  const RandomStream shuffle(seed_, Stream::kShuffle);
  PpoReport report;
  for (int epoch = 0; epoch < settings_.epochs; ++epoch) {
    shuffle.permutation(order_.data(), static_cast<std::uint32_t>(n),
                        static_cast<std::uint32_t>(updates_ * settings_.epochs + epoch));
    report = {.epochs = epoch + 1};
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t begin = n * part / parts, end = n * (part + 1) / parts;
      const auto ids = std::span<const std::uint32_t>(order_).subspan(begin, end - begin);
      Index steps = 0;
      for (const std::uint32_t id : ids) steps += batch.length[id];
      if (steps == 0) continue;
      const int groups = groups_of(ids.size());
      const auto one = [&](int k) {
        learn(groups_[static_cast<std::size_t>(k)], batch, group(ids, k), 1.0f / static_cast<float>(steps));
      };
      pool_.run(groups, std::cref(one));
      for (int k = 0; k < groups; ++k) {
        const Group& g = groups_[static_cast<std::size_t>(k)];
        report.policy_loss += g.policy_loss;
        report.value_loss += g.value_loss;
        report.entropy -= g.log_prob_sum;
        report.kl += g.kl;
        report.clipped += g.clipped;
      }
      step(groups);
    }
    for (double* figure :
         {&report.policy_loss, &report.value_loss, &report.entropy, &report.kl, &report.clipped})
      *figure /= static_cast<double>(all_steps);
    if (!report.finite() || (settings_.target_kl > 0 && report.kl > 1.5 * settings_.target_kl)) break;
  }
  ++updates_;
  return report;
}

std::string RecurrentPpo::trouble(const PpoReport& report) const {
  return detail::concat("update ", updates_, " gave a number that is not finite (policy's loss ",
                        report.policy_loss, ", value's ", report.value_loss, ", entropy ", report.entropy,
                        "); a smaller adam.learning_rate, or normalise_reward, may help");
}

void RecurrentPpo::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  value_.save(out, prefix + "value.");
  input_adam_.save(out, prefix + "input_adam.");
  recurrent_adam_.save(out, prefix + "recurrent_adam.");
  head_adam_.save(out, prefix + "head_adam.");
  value_adam_.save(out, prefix + "value_adam.");
  out.put_scalar(prefix + "updates", updates_);
}

void RecurrentPpo::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  value_.load(in, prefix + "value.");
  input_adam_.load(in, prefix + "input_adam.");
  recurrent_adam_.load(in, prefix + "recurrent_adam.");
  head_adam_.load(in, prefix + "head_adam.");
  value_adam_.load(in, prefix + "value_adam.");
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

}  // namespace mbrl
