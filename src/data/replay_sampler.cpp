#include "mbrl/data/replay_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "mbrl/core/error.hpp"

namespace mbrl {

void gather_n_step(const TransitionBuffer& buffer, std::span<const std::uint32_t> rows, int n,
                   double discount, Transitions& out) {
  require(n >= 1, "gather_n_step: n is ", n, ", expected at least 1");
  require(discount >= 0 && discount <= 1, "gather_n_step: discount is ", discount, ", expected 0 to 1");
  buffer.gather(rows, out);
  out.discount.resize(static_cast<Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto j = static_cast<Index>(i);
    const std::size_t first = rows[i];
    std::size_t last = first;
    double sum = static_cast<double>(buffer.reward(first)), factor = discount;
    for (int k = 1; k < n; ++k) {
      const std::optional<std::size_t> next = buffer.following(last);
      if (!next) break;
      last = *next;
      sum += factor * static_cast<double>(buffer.reward(last));
      factor *= discount;
    }
    out.reward(j) = static_cast<float>(sum);
    out.discount(j) = static_cast<float>(factor);
    out.next_obs.col(j) = buffer.next_obs(last);
    out.terminated[i] = buffer.terminated(last);
    out.truncated[i] = buffer.truncated(last);
  }
}

void PrioritySettings::validate(const char* who) const {
  require(alpha >= 0 && alpha <= 1, who, ": priority.alpha is ", alpha, ", expected 0 to 1");
  require(beta >= 0 && beta <= 1, who, ": priority.beta is ", beta, ", expected 0 to 1");
  require(epsilon > 0 && std::isfinite(epsilon), who, ": priority.epsilon is ", epsilon,
          ", expected a number above 0");
}

ReplaySampler::ReplaySampler(const PrioritySettings& settings, std::size_t capacity, std::uint64_t seed)
    : settings_(settings), capacity_(capacity), random_(seed, Stream::kReplay) {
  settings.validate("ReplaySampler");
  require(capacity >= 1, "ReplaySampler: capacity is 0, expected at least 1");
}

std::size_t ReplaySampler::held() const { return std::min(static_cast<std::size_t>(added_), capacity_); }

// Row 0 is the oldest: it moves on with every row that overwrites one.
std::size_t ReplaySampler::slot(std::size_t row) const {
  return (static_cast<std::size_t>(added_) - held() + row) % capacity_;
}

void ReplaySampler::added() {
  if (!prioritized()) return;
  tree_.set(static_cast<std::size_t>(added_) % capacity_, largest_);
  ++added_;
}

void ReplaySampler::draw(std::size_t size, std::uint32_t number, double progress,
                         std::span<std::uint32_t> rows, Vecf& weight) {
  require(size >= 1, "ReplaySampler: the buffer is empty");
  if (!prioritized()) {
    weight.resize(0);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] = static_cast<std::uint32_t>(random_.below(size, number, static_cast<std::uint32_t>(i)));
    return;
  }
  require(size == held(), "ReplaySampler: the buffer has ", size, " rows, and ", held(), " were told of");
  const double share = tree_.sum() / static_cast<double>(rows.size());
  const double beta = settings_.beta + (1 - settings_.beta) * std::clamp(progress, 0.0, 1.0);
  const std::size_t oldest = slot(0);
  weight.resize(static_cast<Index>(rows.size()));
  double largest = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double at =
        share * (static_cast<double>(i) + random_.uniform(number, static_cast<std::uint32_t>(i), 1));
    const std::size_t found = tree_.find(std::min(at, std::nextafter(tree_.sum(), 0.0)));
    rows[i] = static_cast<std::uint32_t>((found + capacity_ - oldest) % capacity_);
    const double w = std::pow(static_cast<double>(size) * tree_.at(found) / tree_.sum(), -beta);
    weight(static_cast<Index>(i)) = static_cast<float>(w);
    largest = std::max(largest, w);
  }
  weight /= static_cast<float>(largest);
}

void ReplaySampler::tell(std::span<const std::uint32_t> rows, const Vecf& errors) {
  if (!prioritized()) return;
  require_dim("ReplaySampler", "the errors", errors.size(), static_cast<Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double error = static_cast<double>(errors(static_cast<Index>(i)));
    const double priority = std::pow(std::abs(error) + settings_.epsilon, settings_.alpha);
    largest_ = std::max(largest_, priority);
    tree_.set(slot(rows[i]), priority);
  }
}

void ReplaySampler::save(StateDict& out, const std::string& prefix) const {
  if (!prioritized()) return;
  std::vector<double> priorities(held());
  for (std::size_t row = 0; row < held(); ++row) priorities[row] = tree_.at(slot(row));
  out.put(prefix + "priorities", priorities);
  out.put_scalar(prefix + "largest", largest_);
  out.put_scalar(prefix + "added", added_);
}

void ReplaySampler::load(const StateDict& in, const std::string& prefix) {
  if (!prioritized()) return;
  const auto priorities = in.get<double>(prefix + "priorities");
  const double largest = in.get_scalar<double>(prefix + "largest");
  const auto added = in.get_scalar<std::int64_t>(prefix + "added");
  const auto kept = std::min<std::int64_t>(added, static_cast<std::int64_t>(capacity_));
  require(added >= 0 && static_cast<std::int64_t>(priorities.size()) == kept, "checkpoint: '", prefix,
          "priorities' holds ", priorities.size(), " numbers, expected ", kept);
  added_ = added;
  largest_ = largest;
  tree_ = {};
  for (std::size_t row = 0; row < held(); ++row) tree_.set(slot(row), priorities[row]);
}

}  // namespace mbrl
