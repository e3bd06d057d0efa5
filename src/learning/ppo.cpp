#include "mbrl/learning/ppo.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "learning/clipped_surrogate.hpp"
#include "learning/policy_of.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/learning/gae.hpp"

namespace mbrl {
namespace {

constexpr Index kColumns = 128;  // of a chunk at most, as batch_ranges cuts

}  // namespace

void PpoSettings::validate() const {
  require_gae_settings("ppo", discount, lambda);
  require(epochs >= 1, "ppo: epochs is ", epochs, ", expected at least 1");
  require(minibatch >= 2, "ppo: minibatch is ", minibatch, ", expected at least 2");
  require(clip > 0 && std::isfinite(clip), "ppo: clip is ", clip, ", expected more than 0");
  for (const auto& [name, value] : {std::pair("value_clip", value_clip), std::pair("entropy", entropy),
                                    std::pair("target_kl", target_kl)})
    require(value >= 0 && std::isfinite(value), "ppo: ", name, " is ", value, ", expected 0 or more");
  for (const auto& [name, dropout] : {std::pair("policy", policy.dropout), std::pair("value", value.dropout)})
    require(dropout == 0, "ppo: ", name, ".dropout is ", dropout, ", expected 0");
}

bool PpoReport::finite() const {
  return std::isfinite(policy_loss) && std::isfinite(value_loss) && std::isfinite(entropy) &&
         std::isfinite(kl);
}

template <class P>
BasicPpo<P>::Chunk::Chunk(const BasicPpo& ppo)
    : obs(ppo.policy_.obs_dim(), kColumns),
      action(ppo.policy_.action_dim(), kColumns),
      fresh(ppo.policy_.action_dim(), kColumns),
      log_prob(kColumns),
      weight(kColumns),
      fresh_log_prob(kColumns),
      value(ppo.value_, kColumns) {}

template <class P>
BasicPpo<P>::BasicPpo(int obs_dim, const ActionBounds& bounds, const PpoSettings& settings,
                      std::uint64_t seed, ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(new_policy(obs_dim, bounds, settings, seed)),
      value_(obs_dim, 1, settings.value, seed, 1),
      policy_adam_(policy_.network(), settings.adam),
      value_adam_(value_, settings.adam),
      seed_(seed) {
  settings.validate();
}

template <class P>
P BasicPpo<P>::new_policy(int obs_dim, const ActionBounds& bounds, const PpoSettings& settings,
                          std::uint64_t seed) {
  return policy_of<P>(obs_dim, bounds, settings.policy, seed);
}

// Log-probabilities by the function that the ratios ask, so that they begin at 1 exactly.
template <class P>
void BasicPpo<P>::remember(const OnPolicyBatch& batch) {
  const Index n = batch.obs.cols();
  old_log_prob_.resize(n);
  const std::vector<BatchRange> ranges = batch_ranges(n);
  // One worker's scratch memory for many ranges, so that it stays in cache.
  const std::size_t workers = std::min(ranges.size(), static_cast<std::size_t>(pool_.size()));
  const std::size_t used = std::max(workers, batch_ranges(std::min<Index>(n, settings_.minibatch)).size());
  while (chunks_.size() < used) chunks_.emplace_back(*this);
  const auto one = [&](int worker) {
    for (auto k = static_cast<std::size_t>(worker); k < ranges.size(); k += workers) {
      const auto [first, count] = ranges[k];
      Batchf memory(0, count);
      policy_.log_probability(batch.obs.middleCols(first, count), memory,
                              batch.action.middleCols(first, count), old_log_prob_.segment(first, count),
                              chunks_[static_cast<std::size_t>(worker)].policy);
    }
  };
  pool_.run(static_cast<int>(workers), std::cref(one));
}

template <class P>
void BasicPpo<P>::learn(Chunk& c, const OnPolicyBatch& batch, std::span<const std::uint32_t> rows,
                        AdvantageScale normal, float share, std::uint32_t pass) {
  const auto n = static_cast<Index>(rows.size());
  for (Index j = 0; j < n; ++j) {
    const auto row = static_cast<Index>(rows[static_cast<std::size_t>(j)]);
    c.obs.col(j) = batch.obs.col(row);
    c.action.col(j) = batch.action.col(row);
  }
  Batchf memory(0, n);
  policy_.log_probability(c.obs.leftCols(n), memory, c.action.leftCols(n), c.log_prob.head(n), c.policy);
  c.policy_loss = c.value_loss = c.log_prob_sum = c.kl = c.clipped = 0;
  for (Index j = 0; j < n; ++j) {
    const auto row = static_cast<Index>(rows[static_cast<std::size_t>(j)]);
    const ClippedSurrogate step(c.log_prob(j) - old_log_prob_(row),
                                normal.scale * (batch.advantage(row) - normal.mean), settings_.clip);
    c.policy_loss += step.loss;
    c.weight(j) = share * step.slope;
    c.log_prob_sum += c.log_prob(j);
    c.kl += step.kl;
    c.clipped += step.clipped ? 1 : 0;
  }
  learn_policy(c, {RandomStream(seed_, Stream::kUpdate).key(), pass, rows}, share);

  c.value.set_input(c.obs.leftCols(n));
  c.value.forward(value_, static_cast<int>(n));
  const auto reach = static_cast<float>(settings_.value_clip);
  for (Index j = 0; j < n; ++j) {
    const auto row = static_cast<Index>(rows[static_cast<std::size_t>(j)]);
    const float v = c.value.output()[j];
    float error = v - batch.target(row), slope = error;
    if (reach > 0) {  // the larger of two errors, one of them of a value that has moved no further
      const float moved = std::clamp(v - batch.old_value(row), -reach, reach);
      const float near = batch.old_value(row) + moved - batch.target(row);
      if (near * near > error * error) {
        error = near;
        slope = std::abs(v - batch.old_value(row)) < reach ? near : 0.0f;
      }
    }
    c.value_loss += 0.5 * static_cast<double>(error * error);
    c.value.output_gradient()[j] = share * slope;
  }
  c.value.backward(value_, static_cast<int>(n), &c.value_gradient);
}

// Down `weight` times the logarithms of the probabilities, and up the entropy.
template <class P>
void BasicPpo<P>::learn_policy(Chunk& c, const PolicyKey& key, float share) {
  const auto n = static_cast<Index>(key.ids.size());
  Batchf no_gradient(policy_.obs_dim(), 0);
  const float entropy_weight = share * static_cast<float>(settings_.entropy);
  if constexpr (kEntropyIsDrawn) {
    policy_.log_probability_backward(c.weight.head(n), &c.policy_gradient, no_gradient, c.policy);
    if (settings_.entropy == 0) return;
    policy_.sample(c.obs.leftCols(n), key, c.fresh.leftCols(n), c.fresh_log_prob.head(n), c.policy);
    c.weight.head(n).setConstant(entropy_weight);
    c.fresh.leftCols(n).setZero();
    policy_.sample_backward(c.fresh.leftCols(n), c.weight.head(n), &c.entropy_gradient, no_gradient,
                            c.policy);
  } else {
    c.fresh_log_prob.head(n).setConstant(-entropy_weight);
    policy_.log_probability_backward(c.weight.head(n), c.fresh_log_prob.head(settings_.entropy > 0 ? n : 0),
                                     &c.policy_gradient, no_gradient, c.policy);
  }
}

template <class P>
PpoReport BasicPpo<P>::update(const OnPolicyBatch& batch) {
  check_batch("Ppo::update", batch, policy_.obs_dim(), policy_.action_dim());
  const Index n = batch.obs.cols();
  remember(batch);
  order_.resize(static_cast<std::size_t>(n));
  const Index parts = (n + settings_.minibatch - 1) / settings_.minibatch;
  const RandomStream shuffle(seed_, Stream::kShuffle);
  PpoReport report;
  for (int epoch = 0; epoch < settings_.epochs; ++epoch) {
    const auto pass = static_cast<std::uint32_t>(updates_ * settings_.epochs + epoch);
    shuffle.permutation(order_.data(), static_cast<std::uint32_t>(n), pass);
    report = {.epochs = epoch + 1};
    for (Index part = 0; part < parts; ++part) {
      const Index begin = n * part / parts, size = n * (part + 1) / parts - begin;
      const auto rows = std::span<const std::uint32_t>(order_).subspan(static_cast<std::size_t>(begin),
                                                                       static_cast<std::size_t>(size));
      const AdvantageScale normal = settings_.normalise_advantages && size > 1
                                        ? advantage_scale(batch.advantage, rows)
                                        : AdvantageScale();
      const std::vector<BatchRange> ranges = batch_ranges(size);
      const auto count = static_cast<int>(ranges.size());
      const auto one = [&](int k) {
        const auto [first, columns] = ranges[static_cast<std::size_t>(k)];
        learn(chunks_[static_cast<std::size_t>(k)], batch,
              rows.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(columns)), normal,
              1.0f / static_cast<float>(size), pass);
      };
      pool_.run(count, std::cref(one));
      policy_parts_.clear();
      value_parts_.clear();
      for (int k = 0; k < count; ++k) {
        const Chunk& c = chunks_[static_cast<std::size_t>(k)];
        policy_parts_.push_back(&c.policy_gradient);
        if (kEntropyIsDrawn && settings_.entropy > 0) policy_parts_.push_back(&c.entropy_gradient);
        value_parts_.push_back(&c.value_gradient);
        report.policy_loss += c.policy_loss;
        report.value_loss += c.value_loss;
        report.entropy -= c.log_prob_sum;
        report.kl += c.kl;
        report.clipped += c.clipped;
      }
      sum_and_step(policy_.network(), policy_adam_, policy_sum_, policy_parts_);
      sum_and_step(value_, value_adam_, value_sum_, value_parts_);
    }
    for (double* figure :
         {&report.policy_loss, &report.value_loss, &report.entropy, &report.kl, &report.clipped})
      *figure /= static_cast<double>(n);
    if (!report.finite() || (settings_.target_kl > 0 && report.kl > 1.5 * settings_.target_kl)) break;
  }
  ++updates_;
  return report;
}

template <class P>
void BasicPpo<P>::values(ConstBatchRef<float> obs, VecRef<float> out) const {
  require_dim("Ppo::values", "out", out.size(), obs.cols());
  Batchf v(1, obs.cols());
  value_.evaluate(obs, v);
  out = v.row(0).transpose();
}

template <class P>
std::vector<AgentFigure> BasicPpo<P>::figure_columns() {
  return {{.name = "policy_loss", .decimals = 4},
          {.name = "value_loss", .title = "value", .decimals = 3},
          {.name = "entropy", .title = "entropy", .decimals = 2},
          {.name = "kl", .title = "KL", .decimals = 4},
          {.name = "clipped", .title = "clipped", .decimals = 2},
          {.name = "epochs", .decimals = 0}};
}

template <class P>
std::vector<double> BasicPpo<P>::figures(const PpoReport& report) {
  return {report.policy_loss, report.value_loss, report.entropy,
          report.kl,          report.clipped,    static_cast<double>(report.epochs)};
}

template <class P>
std::string BasicPpo<P>::trouble(const PpoReport& report) const {
  return detail::concat("update ", updates_, " gave a number that is not finite (policy's loss ",
                        report.policy_loss, ", value's ", report.value_loss, ", entropy ", report.entropy,
                        "); a smaller learning_rate, or normalise_reward, may help");
}

template <class P>
void BasicPpo<P>::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  value_.save(out, prefix + "value.");
  policy_adam_.save(out, prefix + "policy_adam.");
  value_adam_.save(out, prefix + "value_adam.");
  out.put_scalar(prefix + "updates", updates_);
}

template <class P>
void BasicPpo<P>::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  value_.load(in, prefix + "value.");
  policy_adam_.load(in, prefix + "policy_adam.");
  value_adam_.load(in, prefix + "value_adam.");
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

template class BasicPpo<MlpPolicy>;
template class BasicPpo<CategoricalPolicy>;

}  // namespace mbrl
