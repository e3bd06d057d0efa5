#include "mbrl/learning/trpo.hpp"

#include <cmath>
#include <functional>

#include "learning/policy_of.hpp"
#include "learning/trust_region.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/learning/gae.hpp"

namespace mbrl {

void TrpoSettings::validate() const {
  require_gae_settings("trpo", discount, lambda);
  require(max_kl > 0 && std::isfinite(max_kl), "trpo: max_kl is ", max_kl, ", expected more than 0");
  require(cg_iterations >= 1, "trpo: cg_iterations is ", cg_iterations, ", expected at least 1");
  require(cg_damping >= 0 && std::isfinite(cg_damping), "trpo: cg_damping is ", cg_damping,
          ", expected 0 or more");
  require(backtracks >= 1, "trpo: backtracks is ", backtracks, ", expected at least 1");
  require(backtrack_ratio > 0 && backtrack_ratio < 1, "trpo: backtrack_ratio is ", backtrack_ratio,
          ", expected 0 < backtrack_ratio < 1");
  require(value_epochs >= 1, "trpo: value_epochs is ", value_epochs, ", expected at least 1");
  require(value_minibatch >= 1, "trpo: value_minibatch is ", value_minibatch, ", expected at least 1");
  require(!policy.layer_norm && policy.dropout == 0,
          "trpo: policy has layer_norm or dropout, expected neither: its Fisher matrix is not known");
  require(value.dropout == 0, "trpo: value.dropout is ", value.dropout, ", expected 0");
}

bool TrpoReport::finite() const {
  return std::isfinite(gain) && std::isfinite(kl) && std::isfinite(residual) && std::isfinite(value_loss) &&
         std::isfinite(entropy);
}

template <class P>
BasicTrpo<P>::BasicTrpo(int obs_dim, const ActionBounds& bounds, const TrpoSettings& settings,
                        std::uint64_t seed, ThreadPool& pool)
    : settings_(settings),
      pool_(pool),
      policy_(new_policy(obs_dim, bounds, settings, seed)),
      fisher_(fisher_of(policy_)),
      value_(obs_dim, 1, settings.value, seed, 1),
      value_adam_(value_, settings.value_adam),
      seed_(seed) {
  settings.validate();
}

template <class P>
P BasicTrpo<P>::new_policy(int obs_dim, const ActionBounds& bounds, const TrpoSettings& settings,
                           std::uint64_t seed) {
  return policy_of<P>(obs_dim, bounds, settings.policy, seed);
}

// The policy's distributions here, and their Fisher matrices with respect to the network's outputs.
template <class P>
void BasicTrpo<P>::linearize(ConstBatchRef<float> obs) {
  size_ = obs.cols();
  const std::vector<BatchRange> ranges = batch_ranges(size_);
  chunks_.resize(ranges.size());
  const auto one = [&](int k) {
    Chunk& c = chunks_[static_cast<std::size_t>(k)];
    c.first = ranges[static_cast<std::size_t>(k)].first;
    c.count = ranges[static_cast<std::size_t>(k)].count;
    const auto columns = obs.middleCols(c.first, c.count);
    c.tangent.emplace(policy_.network(), columns);
    if (!c.pass || c.pass->max_samples() < c.count)
      c.pass.emplace(policy_.network(), static_cast<int>(c.count));
    c.pass->set_input(columns);
    c.pass->forward(policy_.network(), static_cast<int>(c.count));
    c.old = c.pass->outputs(static_cast<int>(c.count));
    c.fisher = fisher_.at(c.old);
  };
  pool_.run(static_cast<int>(chunks_.size()), std::cref(one));
}

template <class P>
AlignedFloats BasicTrpo<P>::sum_of_gradients() const {
  AlignedFloats sum = chunks_.front().gradient;
  for (std::size_t k = 1; k < chunks_.size(); ++k) sum += chunks_[k].gradient;
  return sum;
}

template <class P>
AlignedFloats BasicTrpo<P>::product(const AlignedFloats& v) {
  const float share = 1.0f / static_cast<float>(size_);
  const auto one = [&](int k) {
    Chunk& c = chunks_[static_cast<std::size_t>(k)];
    c.tangent->apply(policy_.network(), v, c.moved);
    c.pass->output_gradients(static_cast<int>(c.count)) = share * fisher_.product(c.fisher, c.moved);
    c.pass->backward(policy_.network(), static_cast<int>(c.count), &c.gradient);
  };
  pool_.run(static_cast<int>(chunks_.size()), std::cref(one));
  AlignedFloats out = sum_of_gradients();
  block(out) += static_cast<float>(settings_.cg_damping) * block(v);
  return out;
}

template <class P>
AlignedFloats BasicTrpo<P>::fisher_product(ConstBatchRef<float> obs, const AlignedFloats& v) {
  require(obs.cols() >= 1, "Trpo::fisher_product: there is no observation");
  linearize(obs);
  return product(v);
}

// The policy as it is now against that of linearize.
template <class P>
void BasicTrpo<P>::compare(const OnPolicyBatch& batch, double& gain, double& kl) {
  const auto one = [&](int k) {
    Chunk& c = chunks_[static_cast<std::size_t>(k)];
    const auto obs = batch.obs.middleCols(c.first, c.count);
    c.pass->set_input(obs);
    c.pass->forward(policy_.network(), static_cast<int>(c.count));
    c.kl.resize(c.count);
    fisher_.kl(c.old, c.pass->outputs(static_cast<int>(c.count)), c.kl);
    c.new_log_prob.resize(c.count);
    Batchf memory(0, c.count);
    policy_.log_probability(obs, memory, batch.action.middleCols(c.first, c.count), c.new_log_prob, c.policy);
    c.gain = c.kl_sum = 0;
    for (Index j = 0; j < c.count; ++j) {
      c.gain += (std::exp(c.new_log_prob(j) - c.log_prob(j)) - 1.0f) * c.advantage(j);
      c.kl_sum += c.kl(j);
    }
  };
  pool_.run(static_cast<int>(chunks_.size()), std::cref(one));
  gain = kl = 0;
  for (const Chunk& c : chunks_) {
    gain += c.gain;
    kl += c.kl_sum;
  }
  gain /= static_cast<double>(size_);
  kl /= static_cast<double>(size_);
}

template <class P>
TrpoReport BasicTrpo<P>::update(const OnPolicyBatch& batch, double entropy) {
  check_batch("Trpo::update", batch, policy_.obs_dim(), policy_.action_dim());
  const Index n = batch.obs.cols();
  const AdvantageScale normal = advantage_scale(batch.advantage);
  linearize(batch.obs);

  TrpoReport report;
  const auto density = [&](int k) {
    Chunk& c = chunks_[static_cast<std::size_t>(k)];
    c.log_prob.resize(c.count);
    Batchf memory(0, c.count);
    policy_.log_probability(batch.obs.middleCols(c.first, c.count), memory,
                            batch.action.middleCols(c.first, c.count), c.log_prob, c.policy);
  };
  pool_.run(static_cast<int>(chunks_.size()), std::cref(density));
  for (const Chunk& c : chunks_) report.entropy -= c.log_prob.template cast<double>().sum();
  report.entropy /= static_cast<double>(n);

  const auto bonus = static_cast<float>(entropy), mean_entropy = static_cast<float>(report.entropy);
  const auto gradient = [&](int k) {
    Chunk& c = chunks_[static_cast<std::size_t>(k)];
    c.advantage = normal.scale * (batch.advantage.segment(c.first, c.count).array() - normal.mean);
    if (entropy != 0) c.advantage.array() -= bonus * (c.log_prob.array() + mean_entropy);
    c.weight = c.advantage / static_cast<float>(n);
    Batchf no_gradient(policy_.obs_dim(), 0);
    policy_.log_probability_backward(c.weight, &c.gradient, no_gradient, c.policy);
  };
  pool_.run(static_cast<int>(chunks_.size()), std::cref(gradient));

  natural_gradient_step(
      settings_, sum_of_gradients(), [this](const AlignedFloats& v) { return product(v); },
      [&](double& gain, double& kl) { compare(batch, gain, kl); }, policy_.parameters(), report);
  fit_value(batch, report);
  ++updates_;
  return report;
}

template <class P>
void BasicTrpo<P>::fit_value(const OnPolicyBatch& batch, TrpoReport& report) {
  const Index n = batch.obs.cols(), parts = (n + settings_.value_minibatch - 1) / settings_.value_minibatch;
  const RandomStream shuffle(seed_, Stream::kShuffle);
  nn::Pass pass(value_, settings_.value_minibatch);
  AlignedFloats gradient;
  std::vector<std::uint32_t> order(static_cast<std::size_t>(n));
  Batchf obs(batch.obs.rows(), settings_.value_minibatch);
  for (int epoch = 0; epoch < settings_.value_epochs; ++epoch) {
    shuffle.permutation(order.data(), static_cast<std::uint32_t>(n),
                        static_cast<std::uint32_t>(updates_ * settings_.value_epochs + epoch));
    report.value_loss = 0;
    for (Index part = 0; part < parts; ++part) {
      const Index begin = n * part / parts, size = n * (part + 1) / parts - begin;
      const auto at = [&](Index j) { return static_cast<Index>(order[static_cast<std::size_t>(begin + j)]); };
      for (Index j = 0; j < size; ++j) obs.col(j) = batch.obs.col(at(j));
      pass.set_input(obs.leftCols(size));
      pass.forward(value_, static_cast<int>(size));
      for (Index j = 0; j < size; ++j) {
        const float error = pass.output()[j] - batch.target(at(j));
        report.value_loss += 0.5 * static_cast<double>(error * error);
        pass.output_gradient()[j] = error / static_cast<float>(size);
      }
      pass.backward(value_, static_cast<int>(size), &gradient);
      value_adam_.step(value_, gradient);
    }
    report.value_loss /= static_cast<double>(n);
  }
}

template <class P>
double BasicTrpo<P>::learn_values(const OnPolicyBatch& batch) {
  check_batch("Trpo::learn_values", batch, policy_.obs_dim(), policy_.action_dim());
  TrpoReport report;
  fit_value(batch, report);
  ++updates_;
  return report.value_loss;
}

template <class P>
void BasicTrpo<P>::values(ConstBatchRef<float> obs, VecRef<float> out) const {
  require_dim("Trpo::values", "out", out.size(), obs.cols());
  Batchf v(1, obs.cols());
  value_.evaluate(obs, v);
  out = v.row(0).transpose();
}

template <class P>
std::vector<AgentFigure> BasicTrpo<P>::figure_columns() {
  return {{.name = "gain", .decimals = 4},
          {.name = "kl", .title = "KL", .decimals = 4},
          {.name = "step_share", .title = "step", .decimals = 2},
          {.name = "residual", .decimals = 3},
          {.name = "value_loss", .title = "value", .decimals = 3},
          {.name = "entropy", .title = "entropy", .decimals = 2}};
}

template <class P>
std::vector<double> BasicTrpo<P>::figures(const TrpoReport& report) {
  return {report.gain, report.kl, report.step, report.residual, report.value_loss, report.entropy};
}

template <class P>
std::string BasicTrpo<P>::trouble(const TrpoReport& report) const {
  return detail::concat("update ", updates_, " gave a number that is not finite (gain ", report.gain, ", KL ",
                        report.kl, ", value's loss ", report.value_loss, ", entropy ", report.entropy,
                        "); a smaller max_kl, or normalise_reward, may help");
}

template <class P>
void BasicTrpo<P>::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  value_.save(out, prefix + "value.");
  value_adam_.save(out, prefix + "value_adam.");
  out.put_scalar(prefix + "updates", updates_);
}

template <class P>
void BasicTrpo<P>::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  value_.load(in, prefix + "value.");
  value_adam_.load(in, prefix + "value_adam.");
  updates_ = in.get_scalar<std::int64_t>(prefix + "updates");
}

template class BasicTrpo<MlpPolicy>;
template class BasicTrpo<CategoricalPolicy>;

}  // namespace mbrl
