#include "mbrl/learning/critics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "learning/range_scratch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {

std::vector<BatchRange> batch_ranges(Index batch) {
  constexpr Index kColumns = 128;
  const Index count = (batch + kColumns - 1) / kColumns;
  std::vector<BatchRange> ranges;
  for (Index k = 0; k < count; ++k) {
    const Index first = batch * k / count;
    ranges.push_back({first, batch * (k + 1) / count - first});
  }
  return ranges;
}

void check_batch(const char* where, const Transitions& batch, int obs_dim, int action_dim) {
  const Index n = batch.obs.cols();
  require(n >= 1, where, ": the batch has no column");
  require_dim(where, "obs", batch.obs.rows(), obs_dim);
  require_dim(where, "action", batch.action.rows(), action_dim);
  require_dim(where, "next_obs", batch.next_obs.rows(), obs_dim);
  for (const Index columns : {batch.action.cols(), batch.next_obs.cols(), batch.reward.size(),
                              static_cast<Index>(batch.terminated.size())})
    require_dim(where, "the batch", columns, n);
  if (batch.discount.size() > 0) require_dim(where, "the batch's discounts", batch.discount.size(), n);
  if (batch.weight.size() > 0) require_dim(where, "the batch's weights", batch.weight.size(), n);
}

void bellman_targets(const Transitions& batch, BatchRange range, float discount, const Vecf& value,
                     Vecf& target) {
  for (Index j = 0; j < range.count; ++j) {
    const Index k = range.first + j;
    const float gamma = batch.discount.size() > 0 ? batch.discount(k) : discount;
    target(j) =
        batch.reward(k) + (batch.terminated[static_cast<std::size_t>(k)] != 0 ? 0.0f : gamma * value(j));
  }
}

void sum_and_step(nn::Network& network, nn::Adam& adam, AlignedFloats& sum,
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

void draw_critics(std::vector<int>& critics, int count, std::uint64_t seed, std::int64_t update) {
  const std::size_t n = critics.size(), drawn = static_cast<std::size_t>(count);
  if (drawn == n) return;
  const RandomStream random(seed, Stream::kUpdate);
  for (std::size_t i = 0; i < n; ++i) critics[i] = static_cast<int>(i);
  for (std::size_t i = 0; i < drawn; ++i) {
    const auto j = i + static_cast<std::size_t>(random.below(n - i, static_cast<std::uint32_t>(update),
                                                             static_cast<std::uint32_t>(i), 1));
    std::swap(critics[i], critics[j]);
  }
}

void Critic::save(StateDict& out, const std::string& prefix) const {
  network.save(out, prefix + "network.");
  if (!network.settings().batch_norm.on) target.save(out, prefix + "target.");
  adam.save(out, prefix + "adam.");
}

void Critic::load(const StateDict& in, const std::string& prefix) {
  network.load(in, prefix + "network.");
  if (!network.settings().batch_norm.on) target.load(in, prefix + "target.");
  adam.load(in, prefix + "adam.");
}

void save_critics(const std::vector<Critic>& critics, StateDict& out, const std::string& prefix) {
  for (std::size_t i = 0; i < critics.size(); ++i)
    critics[i].save(out, prefix + "critic" + std::to_string(i) + ".");
}

void load_critics(std::vector<Critic>& critics, const StateDict& in, const std::string& prefix) {
  for (std::size_t i = 0; i < critics.size(); ++i)
    critics[i].load(in, prefix + "critic" + std::to_string(i) + ".");
}

Critics::Critics(int obs_dim, const ActionBounds& bounds, int count, const nn::NetworkSettings& network,
                 const nn::AdamSettings& adam, std::uint64_t seed)
    : seed_(seed), mid_(bounds.mid<float>()), half_(bounds.half<float>()) {
  const int in = obs_dim + static_cast<int>(bounds.low.size());
  for (int i = 0; i < count; ++i)
    critics_.emplace_back(in, 1, network, adam, seed, 1 + static_cast<std::uint32_t>(i));
}

void Critics::make_chunks(const std::vector<BatchRange>& ranges, int at_a_time) {
  fill_for_ranges(passes_, ranges, at_a_time, [&](Index columns) {
    std::vector<nn::Pass> passes;
    for (const Critic& critic : critics_) passes.emplace_back(critic.network, static_cast<int>(columns));
    return passes;
  });
  chunks_.clear();
  chunks_.reserve(ranges.size());  // the critics point into them
  for (const BatchRange& range : ranges) {
    Chunk c;
    c.gradients.resize(critics_.size());
    c.input.resize(critics_[0].network.in(), range.count);
    c.smallest.assign(static_cast<std::size_t>(range.count), 0);
    c.error.resize(range.count);
    c.first = range.first;
    if (critics_[0].network.settings().batch_norm.on) {
      for (const Critic& critic : critics_)
        c.joint_passes.emplace_back(critic.network, static_cast<int>(2 * range.count));
      c.joint_input.resize(critics_[0].network.in(), 2 * range.count);
    }
    chunks_.push_back(std::move(c));
  }
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    critics_[i].parts.clear();
    for (const Chunk& c : chunks_) critics_[i].parts.push_back(&c.gradients[i]);
  }
}

void Critics::scaled(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& input) const {
  input.topRows(obs.rows()) = obs;
  for (Index i = 0; i < action.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    input.row(obs.rows() + i) = (action.row(i).array() - mid_[k]) / half_[k];
  }
}

nn::DropoutKey critic_dropout(std::uint64_t seed, std::uint32_t update, std::uint32_t use, std::size_t i,
                              Index first) {
  return {.key = RandomStream(seed, Stream::kUpdate).key(),
          .step = update * critic_use::kCount + use,
          .network = static_cast<std::uint32_t>(i),
          .first = static_cast<std::uint32_t>(first)};
}

void Critics::target_values(Chunk& c, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                            std::span<const int> which, Vecf& out) const {
  const auto n = static_cast<int>(obs.cols());
  scaled(obs, action, c.input);
  const auto passes = passes_.borrow();
  nn::Pass& pass = passes->front();  // of all: its numbers stay near
  pass.set_input(c.input);
  bool first = true;
  for (const int one : which) {
    const auto i = static_cast<std::size_t>(one);
    pass.forward(critics_[i].target, n, dropout(critic_use::kTarget, i, c.first));
    const auto q = pass.outputs(n).row(0).transpose();
    if (first)
      out = q;
    else
      out = out.cwiseMin(q);
    first = false;
  }
}

void Critics::learn(Chunk& c, const Transitions& batch, BatchRange range, const Vecf& target,
                    float weight) const {
  const auto n = static_cast<int>(range.count);
  const bool weighted = batch.weight.size() > 0;
  const float share = 1.0f / static_cast<float>(critics_.size());
  scaled(batch.obs.middleCols(range.first, n), batch.action.middleCols(range.first, n), c.input);
  c.loss = c.value = 0;
  c.error.setZero();
  const auto passes = passes_.borrow();
  nn::Pass& pass = passes->front();  // of all: its numbers stay near
  pass.set_input(c.input);
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    pass.forward(critics_[i].network, n, dropout(critic_use::kLearn, i, c.first));
    const float* q = pass.output();
    float* gradient = pass.output_gradient();
    for (Index j = 0; j < n; ++j) {
      const float error = q[j] - target(j);
      c.loss += error * error;
      c.value += q[j];
      c.error(j) += share * std::abs(error);
      gradient[j] = (weighted ? weight * batch.weight(range.first + j) : weight) * error;
    }
    pass.backward(critics_[i].network, n, &c.gradients[i]);
  }
}

void Critics::set_joint(Chunk& c, const Transitions& batch, ConstBatchRef<float> action) const {
  const Index n = batch.obs.cols();
  scaled(batch.obs, batch.action, c.input);
  c.joint_input.leftCols(n) = c.input;
  scaled(batch.next_obs, action, c.input);
  c.joint_input.rightCols(n) = c.input;
}

void Critics::evaluate_joint(Chunk& c, int i) const {
  nn::Pass& pass = c.joint_passes[static_cast<std::size_t>(i)];
  pass.set_input(c.joint_input);
  pass.forward_in_batch(network(i), static_cast<int>(c.joint_input.cols()));
}

void Critics::joint_values(const Chunk& c, std::span<const int> which, Vecf& out) const {
  const Index n = c.joint_input.cols() / 2;
  out.setConstant(n, std::numeric_limits<float>::infinity());
  for (const int i : which) {
    const float* next = c.joint_passes[static_cast<std::size_t>(i)].output() + n;
    for (Index j = 0; j < n; ++j)
      if (!(next[j] >= out(j))) out(j) = next[j];  // NaN stays
  }
}

void Critics::learn_joint(Chunk& c, const Transitions& batch, const Vecf& target, float weight, int i) {
  const auto k = static_cast<std::size_t>(i);
  nn::Pass& pass = c.joint_passes[k];
  const Index n = target.size();
  const bool weighted = batch.weight.size() > 0;
  for (Index j = 0; j < n; ++j) {
    pass.output_gradient()[j] =
        (weighted ? weight * batch.weight(j) : weight) * (pass.output()[j] - target(j));
    pass.output_gradient()[n + j] = 0;  // what follows is a target
  }
  pass.backward(critics_[k].network, static_cast<int>(2 * n), &c.gradients[k]);
  critics_[k].network.follow(pass);
}

void Critics::sum_joint(Chunk& c, const Vecf& target) const {
  c.loss = c.value = 0;
  c.error.setZero();
  const float share = 1.0f / static_cast<float>(critics_.size());
  for (const nn::Pass& pass : c.joint_passes)
    for (Index j = 0; j < target.size(); ++j) {
      const float error = pass.output()[j] - target(j);
      c.loss += error * error;
      c.value += pass.output()[j];
      c.error(j) += share * std::abs(error);
    }
}

void Critics::conserve(Chunk& c, const Transitions& batch, BatchRange range, float weight) const {
  const auto n = static_cast<int>(range.count);
  const auto samples = static_cast<int>(c.penalty_action.cols()) / n, all = n * samples;
  const auto obs = batch.obs.middleCols(range.first, n);
  if (!c.penalty_pass || c.penalty_pass->max_samples() < all)
    c.penalty_pass.emplace(critics_[0].network, all);
  nn::Pass& wide = *c.penalty_pass;
  c.penalty_input.resize(critics_[0].network.in(), all);
  scaled(obs.replicate(1, samples), c.penalty_action, c.penalty_input);
  c.share.resize(static_cast<std::size_t>(samples));
  const auto passes = passes_.borrow();
  nn::Pass& taken = passes->front();
  const float log_samples = std::log(static_cast<float>(samples));
  c.penalty = 0;
  for (std::size_t i = 0; i < critics_.size(); ++i) {
    wide.set_input(c.penalty_input);
    wide.forward(critics_[i].network, all, dropout(critic_use::kConserve, i, c.first * samples));
    const float* q = wide.output();
    float* gradient = wide.output_gradient();
    for (int j = 0; j < n; ++j) {
      float largest = -std::numeric_limits<float>::infinity(), sum = 0;
      for (int k = 0; k < samples; ++k) {
        const int at = k * n + j;
        c.share[static_cast<std::size_t>(k)] = q[at] - c.penalty_log_density(at);
        largest = std::max(largest, c.share[static_cast<std::size_t>(k)]);
      }
      for (float& share : c.share) sum += share = std::exp(share - largest);
      for (int k = 0; k < samples; ++k)
        gradient[k * n + j] = weight * c.share[static_cast<std::size_t>(k)] / sum;
      c.penalty += largest + std::log(sum) - log_samples;
    }
    wide.backward(critics_[i].network, all, &c.penalty_gradient);
    c.gradients[i] += c.penalty_gradient;

    taken.set_input(c.input);
    taken.forward(critics_[i].network, n, dropout(critic_use::kLearn, i, c.first));
    for (int j = 0; j < n; ++j) {
      c.penalty -= taken.output()[j];
      taken.output_gradient()[j] = -weight;
    }
    taken.backward(critics_[i].network, n, &c.penalty_gradient);
    c.gradients[i] += c.penalty_gradient;
  }
}

void Critics::climb(Chunk& c, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                    PolicyObjective objective, float weight, Vecf& q, Batchf& action_gradient,
                    Batchf* obs_gradient) const {
  const auto n = static_cast<int>(obs.cols());
  scaled(obs, action, c.input);
  const bool mean = objective == PolicyObjective::kMean;
  const std::size_t used = objective == PolicyObjective::kFirst ? 1 : critics_.size();
  const float share = mean ? 1.0f / static_cast<float>(critics_.size()) : 1.0f;
  const float nothing_yet = mean ? 0.0f : std::numeric_limits<float>::infinity();
  q.setConstant(obs.cols(), nothing_yet);
  const auto passes = passes_.borrow();
  for (std::size_t i = 0; i < used; ++i) {
    nn::Pass& pass = (*passes)[i];
    pass.set_input(c.input);
    pass.forward(critics_[i].network, n, dropout(critic_use::kClimb, i, c.first));
    const float* value = pass.output();
    for (Index j = 0; j < n; ++j) {
      if (mean) {
        q(j) += share * value[j];
      } else if (!(value[j] >= q(j))) {  // NaN stays
        q(j) = value[j];
        c.smallest[static_cast<std::size_t>(j)] = i;
      }
    }
  }
  // dQ/da through the critic that counts.
  action_gradient.setZero(action.rows(), action.cols());
  if (obs_gradient) obs_gradient->setZero(obs.rows(), obs.cols());
  for (std::size_t i = 0; i < used; ++i) {
    nn::Pass& pass = (*passes)[i];
    float* gradient = pass.output_gradient();
    for (Index j = 0; j < n; ++j)
      gradient[j] = mean || c.smallest[static_cast<std::size_t>(j)] == i ? share : 0.0f;
    pass.backward(critics_[i].network, n, nullptr, true);
    for (Index k = 0; k < action.rows(); ++k)
      action_gradient.row(k) -=
          weight / half_[static_cast<std::size_t>(k)] * pass.input_gradients(n).row(obs.rows() + k);
    if (obs_gradient) *obs_gradient -= weight * pass.input_gradients(n).topRows(obs.rows());
  }
}

void Critics::values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
  constexpr const char* kWhere = "Critics::values";
  require_dim(kWhere, "action", action.rows(), static_cast<Index>(half_.size()));
  require_dim(kWhere, "obs", obs.rows(), critics_[0].network.in() - action.rows());
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

}  // namespace mbrl
