#include "mbrl/learning/dyna_q.hpp"

#include <algorithm>
#include <cmath>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {

void DynaQSettings::validate() const {
  require(planning_steps >= 0, "dyna: planning_steps is ", planning_steps, ", expected at least 0");
  require(learning_rate > 0 && learning_rate <= 1, "dyna: learning_rate is ", learning_rate,
          ", expected 0 < learning_rate <= 1");
  require(discount >= 0 && discount <= 1, "dyna: discount is ", discount, ", expected 0 <= discount <= 1");
  require(epsilon >= 0 && epsilon <= 1, "dyna: epsilon is ", epsilon, ", expected 0 <= epsilon <= 1");
  require(max_states >= 1, "dyna: max_states is ", max_states, ", expected at least 1");
}

DynaQ::DynaQ(int obs_dim, int choices, const DynaQSettings& settings, std::uint64_t seed)
    : settings_(settings), seed_(seed), obs_dim_(obs_dim) {
  settings.validate();
  require(obs_dim >= 1 && choices >= 1, "DynaQ: ", obs_dim, " entries of an observation and ", choices,
          " choices, expected at least 1 of each");
  values_.resize(choices, 0);
}

int DynaQ::find(ConstVecRef<double> obs) const {
  require_dim("DynaQ", "obs", obs.size(), obs_dim_);
  const auto found = row_of_.find(std::vector<double>(obs.data(), obs.data() + obs.size()));
  return found == row_of_.end() ? -1 : found->second;
}

int DynaQ::row(ConstVecRef<double> obs) {
  const int known = find(obs);
  if (known >= 0) return known;
  const auto rows = static_cast<int>(states());
  require(rows < settings_.max_states, "dyna: more than max_states, ", settings_.max_states,
          ", different observations: a table is for tasks with few");
  row_of_.emplace(std::vector<double>(obs.data(), obs.data() + obs.size()), rows);
  if (rows == values_.cols())
    values_.conservativeResize(Eigen::NoChange, std::max<Index>(64, 2 * values_.cols()));
  values_.col(rows).setZero();
  model_.resize(model_.size() + static_cast<std::size_t>(choices()));
  return rows;
}

int DynaQ::explore(ConstVecRef<double> obs, std::int64_t step) const {
  const RandomStream random(seed_, Stream::kPolicy);
  const auto number = static_cast<std::uint32_t>(step);
  const auto n = static_cast<std::uint64_t>(choices());
  if (random.uniform(number, 0) < settings_.epsilon) return static_cast<int>(random.below(n, number, 1));
  const Vecd q = values(obs);
  const double most = q.maxCoeff();
  auto skip =
      static_cast<int>(random.below(static_cast<std::uint64_t>((q.array() == most).count()), number, 2));
  for (int choice = 0;; ++choice)
    if (q(choice) == most && skip-- == 0) return choice;
}

int DynaQ::best(ConstVecRef<double> obs) const {
  Index choice = 0;
  values(obs).maxCoeff(&choice);
  return static_cast<int>(choice);
}

Vecd DynaQ::values(ConstVecRef<double> obs) const {
  const int known = find(obs);
  return known < 0 ? Vecd(Vecd::Zero(choices())) : Vecd(values_.col(known));
}

void DynaQ::update(int row, int choice, const Outcome& outcome) {
  const double next = outcome.terminated ? 0.0 : settings_.discount * values_.col(outcome.next).maxCoeff();
  double& q = values_(choice, row);
  q += settings_.learning_rate * (outcome.reward + next - q);
}

void DynaQ::learn(ConstVecRef<double> obs, int choice, double reward, ConstVecRef<double> next_obs,
                  bool terminated) {
  require(choice >= 0 && choice < choices(), "DynaQ: choice ", choice, ", expected 0 to ", choices() - 1);
  const int from = row(obs), to = row(next_obs);
  Outcome& remembered = outcome(from, choice);
  if (remembered.next < 0) tried_.push_back(std::int64_t{from} * choices() + choice);
  remembered = {.next = to, .reward = reward, .terminated = terminated};
  update(from, choice, remembered);
  const RandomStream random(seed_, Stream::kReplay);
  for (int i = 0; i < settings_.planning_steps; ++i) {
    const std::int64_t pair = tried_[random.below(tried_.size(), static_cast<std::uint32_t>(transitions_),
                                                  static_cast<std::uint32_t>(i))];
    const auto r = static_cast<int>(pair / choices()), c = static_cast<int>(pair % choices());
    update(r, c, outcome(r, c));
  }
  ++transitions_;
}

void DynaQ::save(StateDict& out, const std::string& prefix) const {
  const auto rows = static_cast<Index>(states());
  Batchd observations(obs_dim_, rows);
  for (const auto& [obs, row] : row_of_) observations.col(row) = Eigen::Map<const Vecd>(obs.data(), obs_dim_);
  out.put_matrix(prefix + "observations", observations);
  out.put_matrix(prefix + "values", values_.leftCols(rows));
  std::vector<std::int64_t> next;
  std::vector<double> reward;
  std::vector<std::uint8_t> terminated;
  for (const Outcome& o : model_) {
    next.push_back(o.next);
    reward.push_back(o.reward);
    terminated.push_back(o.terminated ? 1 : 0);
  }
  out.put(prefix + "model.next", next);
  out.put(prefix + "model.reward", reward);
  out.put(prefix + "model.terminated", terminated);
  out.put(prefix + "tried", tried_);
  out.put_scalar(prefix + "transitions", transitions_);
}

void DynaQ::load(const StateDict& in, const std::string& prefix) {
  const std::string where = "checkpoint of dyna";
  const Batchd observations = in.get_matrix<double>(prefix + "observations");
  const Index rows = observations.cols();
  const auto pairs = static_cast<std::size_t>(rows * choices());
  if (rows > 0) require_dim(where, "'observations'", observations.rows(), obs_dim_);
  Batchd values = in.get_matrix<double>(prefix + "values");
  require_dim(where, "'values'", values.size(), pairs);
  const auto next = in.get<std::int64_t>(prefix + "model.next");
  const auto reward = in.get<double>(prefix + "model.reward");
  const auto terminated = in.get<std::uint8_t>(prefix + "model.terminated");
  for (const std::size_t size : {next.size(), reward.size(), terminated.size()})
    require_dim(where, "'model'", size, pairs);
  auto tried = in.get<std::int64_t>(prefix + "tried");
  for (const std::int64_t n : next)
    require(n >= -1 && n < rows, where, ": 'model.next' holds ", n, ", expected -1 to ", rows - 1);
  for (const std::int64_t pair : tried)
    require(pair >= 0 && pair < static_cast<std::int64_t>(pairs) && next[static_cast<std::size_t>(pair)] >= 0,
            where, ": 'tried' holds ", pair, ", which the model does not");
  row_of_.clear();
  for (Index i = 0; i < rows; ++i) {
    const Vecd obs = observations.col(i);
    row_of_.emplace(std::vector<double>(obs.data(), obs.data() + obs.size()), static_cast<int>(i));
  }
  require_dim(where, "different 'observations'", row_of_.size(), rows);
  values.resize(choices(), rows);  // nothing but its shape, where there is no row
  values_ = std::move(values);
  model_.clear();
  for (std::size_t i = 0; i < pairs; ++i)
    model_.push_back(
        {.next = static_cast<int>(next[i]), .reward = reward[i], .terminated = terminated[i] != 0});
  tried_ = std::move(tried);
  transitions_ = in.get_scalar<std::int64_t>(prefix + "transitions");
}

}  // namespace mbrl
