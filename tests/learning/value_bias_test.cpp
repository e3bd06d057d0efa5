// The bias of critics whose values are known, against returns summed one by one.
#include "mbrl/learning/value_bias.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/learning/discrete_sac.hpp"
#include "mbrl/learning/sac.hpp"
#include "mbrl/learning/td3.hpp"

namespace mbrl {
namespace {

constexpr double kGamma = 0.9;
constexpr Index kSteps = 6;

Transitions episode(bool terminated) {
  Transitions t = testing::empty(1, 1, kSteps);
  testing::fill_uniform(t.obs, -1, 1, 0, 0);
  testing::fill_uniform(t.action, 0.2, 3.8, 0, 1);
  t.next_obs.leftCols(kSteps - 1) = t.obs.rightCols(kSteps - 1);
  t.next_obs(0, kSteps - 1) = 0.5f;
  t.reward << 1, -2, 3, 0.5f, 0, 2;
  t.terminated.back() = terminated;
  t.truncated.back() = !terminated;
  return t;
}

// A learner of actions in [0, 4] whose critics are 5 and 3 everywhere.
template <class Learner, class Settings>
Learner constant_critics(ThreadPool& pool) {
  Settings s;
  s.policy.hidden = {8};
  s.critic.hidden = {};
  s.discount = kGamma;
  Learner learner(1, ActionBounds::uniform(1, 0, 4), s, 1, pool);
  StateDict state = testing::state_of(learner);
  for (const auto& [i, value] : {std::pair{0, 5.0f}, std::pair{1, 3.0f}}) {
    const std::string own = "critic" + std::to_string(i) + ".network.layers.0.";
    state.put_matrix(own + "weight", Batchf::Zero(1, 2).eval());
    state.put_matrix(own + "bias", Batchf::Constant(1, 1, value).eval());
  }
  learner.load(state, "");
  return learner;
}

// mean_t of sum_k gamma^k r_{t+k}, with `after` at the end and bonuses from the second step on.
double mean_return(const Transitions& t, const Vecd& bonus, double after) {
  double mean = 0;
  for (Index first = 0; first < kSteps; ++first) {
    double sum = std::pow(kGamma, kSteps - first) * after;
    for (Index k = first; k < kSteps; ++k)
      sum += std::pow(kGamma, k - first) * (static_cast<double>(t.reward(k)) + (k > first ? bonus(k) : 0.0));
    mean += sum / kSteps;
  }
  return mean;
}

}  // namespace

TEST_CASE("value bias: td3's critics against the returns of an episode") {
  ThreadPool pool(1);
  const auto td3 = constant_critics<Td3, Td3Settings>(pool);
  const Vecd none = Vecd::Zero(kSteps);
  const Transitions ended = episode(true), cut = episode(false);
  CHECK(value_bias(td3, ended) == Approx(3 - mean_return(ended, none, 0)));
  CHECK(value_bias(td3, cut) == Approx(3 - mean_return(cut, none, 3)));
}

TEST_CASE("value bias: sac's entropy is part of what an action turned out to be worth") {
  ThreadPool pool(1);
  const auto sac = constant_critics<Sac, SacSettings>(pool);
  const Transitions ended = episode(true), cut = episode(false);
  MlpPolicy::Workspace workspace;
  Batchf memory(0, kSteps);
  Vecf log_prob(kSteps);
  sac.policy().log_probability(ended.obs, memory, ended.action, log_prob, workspace);
  // Densities are those of actions scaled to [-1, 1]: half the width is 2.
  const Vecd bonus = -sac.temperature() * (log_prob.cast<double>().array() + std::log(2.0));
  CHECK(value_bias(sac, ended) == Approx(3 - mean_return(ended, bonus, 0)));
  CHECK(value_bias(sac, cut) == Approx(3 - mean_return(cut, bonus, 3)));
}

TEST_CASE("value bias: of choices, too") {
  ThreadPool pool(1);
  SacSettings settings;
  settings.policy.hidden = {8};
  settings.critic.hidden = {};
  settings.discount = kGamma;
  DiscreteSac sac(1, ActionBounds::choice_of(2), settings, 1, pool);
  StateDict state = testing::state_of(sac);
  for (const auto& [i, values] : {std::pair{0, Vecf{{5, 1}}}, std::pair{1, Vecf{{3, 2}}}}) {
    const std::string own = "critic" + std::to_string(i) + ".network.layers.0.";
    state.put_matrix(own + "weight", Batchf::Zero(2, 1).eval());
    state.put_matrix(own + "bias", values);
  }
  sac.load(state, "");
  Transitions ended = episode(true), cut = episode(false);
  ended.action << 0, 1, 1, 0, 1, 1;  // worth 3 and 1: the smallest critics
  cut.action = ended.action;
  CategoricalPolicy::Workspace workspace;
  Batchf memory(0, kSteps), mode(1, 1);
  Vecf log_prob(kSteps);
  sac.policy().log_probability(ended.obs, memory, ended.action, log_prob, workspace);
  sac.policy().mode(cut.next_obs.rightCols(1), memory.leftCols(1), mode, workspace);
  const Vecd bonus = -sac.temperature() * log_prob.cast<double>();
  const double q = (2 * 3 + 4 * 1) / 6.0, after = mode(0, 0) == 0 ? 3 : 1;
  CHECK(value_bias(sac, ended) == Approx(q - mean_return(ended, bonus, 0)));
  CHECK(value_bias(sac, cut) == Approx(q - mean_return(cut, bonus, after)));
}

TEST_CASE("value bias: mistakes are named") {
  ThreadPool pool(1);
  const auto td3 = constant_critics<Td3, Td3Settings>(pool);
  CHECK_THROWS_WITH(value_bias(td3, Transitions{}), Catch::Contains("value_bias"));
  CHECK_THROWS_WITH(realised_values(Transitions{}, 0.9, {}, 0), Catch::Contains("no step"));
  CHECK_THROWS_WITH(realised_values(episode(true), 0.9, Vecf::Zero(2), 0), Catch::Contains("bonus"));
}

}  // namespace mbrl
