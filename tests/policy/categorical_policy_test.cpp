// The softmax of a network's outputs as a policy: probabilities, draws, the mode.
#include "mbrl/policy/categorical_policy.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

static_assert(StochasticPolicy<CategoricalPolicy>);

constexpr Index kBatch = 60;

CategoricalPolicy categorical_policy_of(int choices = 4) {
  return {3, ActionBounds::choice_of(choices), {.hidden = {8}}, 2};
}

TEST_CASE("categorical policy: probabilities are the softmax of the outputs, and the mode is the largest") {
  const CategoricalPolicy policy = categorical_policy_of();
  const Batchf obs = 3.0f * testing::normals(3, kBatch, 1);
  Batchf logits(4, kBatch), mode(1, kBatch), memory(0, kBatch);
  policy.network().evaluate(obs, logits);
  CategoricalPolicy::Workspace w;
  policy.mode(obs, memory, mode, w);
  Vecf log_prob(kBatch);
  for (int a = 0; a < 4; ++a) {
    policy.log_probability(obs, memory, Batchf::Constant(1, kBatch, static_cast<float>(a)), log_prob, w);
    for (Index j = 0; j < kBatch; ++j) {
      const Vecd z = logits.col(j).cast<double>();
      CHECK(static_cast<double>(log_prob(j)) == Approx(z(a) - std::log(z.array().exp().sum())).margin(1e-5));
      CHECK(z(static_cast<Index>(mode(0, j))) >= z(a));
    }
  }
}

TEST_CASE("categorical policy: choices are drawn with their probabilities, one column like many") {
  const CategoricalPolicy policy = categorical_policy_of();
  constexpr Index kDraws = 20000;
  const Batchf obs = testing::normals(3, 1, 3).replicate(1, kDraws);
  Batchf action(1, kDraws), memory(0, kDraws);
  CategoricalPolicy::Workspace w;
  const PolicyKey key{RandomStream(3, Stream::kUser).key(), 5, {}};
  policy.act(obs, memory, key, action, w);
  for (int a = 0; a < 4; ++a) {
    Vecf log_prob(1);
    policy.log_probability(obs.leftCols(1), memory.leftCols(1), Batchf::Constant(1, 1, static_cast<float>(a)),
                           log_prob, w);
    const double p = std::exp(static_cast<double>(log_prob(0)));
    const double share = (action.array() == static_cast<float>(a)).cast<double>().mean();
    CHECK(std::abs(share - p) < 4 * std::sqrt(p * (1 - p) / kDraws));
  }
  const std::vector<std::uint32_t> ids = {17, 9000};
  Batchf two(1, 2);
  policy.act(obs.leftCols(2), memory.leftCols(2), {key.key, 5, ids}, two, w);
  CHECK(two(0, 0) == action(0, 17));
  CHECK(two(0, 1) == action(0, 9000));
}

TEST_CASE(
    "categorical policy: an observation that is not finite has no choice, a workspace serves any policy") {
  const CategoricalPolicy policy = categorical_policy_of(), other = categorical_policy_of(2);
  Batchf obs = testing::normals(3, 3, 4), action(1, 3), memory(0, 3);
  obs(1, 1) = std::numeric_limits<float>::quiet_NaN();
  CategoricalPolicy::Workspace w;
  policy.mode(obs, memory, action, w);
  CHECK(std::isnan(action(0, 1)));
  CHECK(std::isfinite(action(0, 2)));
  other.act(obs, memory, {}, action, w);
  CHECK(std::isnan(action(0, 1)));
  CHECK(std::isfinite(action(0, 0)));
}

TEST_CASE("categorical policy: mistakes are named") {
  const auto made = [](const ActionBounds& bounds) {
    return error_of([&] { CategoricalPolicy(3, bounds, {.hidden = {8}}, 1); });
  };
  CHECK(contains(made(ActionBounds::uniform(1, 0, 1)), "1 real numbers, expected one choice"));
  CHECK(contains(made(ActionBounds::choice_of(2, 3)), "3 choices, expected one choice"));
  const CategoricalPolicy policy = categorical_policy_of();
  CategoricalPolicy::Workspace w;
  Batchf memory(0, 1), action = Batchf::Constant(1, 1, 1.5f);
  Vecf out(1);
  CHECK(contains(error_of([&] { policy.log_probability(Batchf::Zero(3, 1), memory, action, out, w); }),
                 "the action is 1.5, expected a choice of 0 to 3"));
  CHECK(contains(error_of([&] { policy.mode(Batchf::Zero(2, 1), memory, action, w); }), "obs"));
}

}  // namespace
}  // namespace mbrl
