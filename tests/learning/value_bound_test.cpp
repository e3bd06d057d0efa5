// Critics that diverge are noticed, and those that only err are not.
#include "mbrl/learning/value_bound.hpp"

#include <limits>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/learning/sac_agent.hpp"
#include "mbrl/learning/td3_agent.hpp"

namespace mbrl {
namespace {

EnvSpec spec() {
  EnvSpec s;
  s.name = "Line";
  s.obs_dim = 1;
  s.action_low = Vecd::Constant(1, -1);
  s.action_high = Vecd::Constant(1, 1);
  s.max_steps = 10;
  return s;
}

// The agent with this bias on the last layer of every critic, which is what its values are then about.
template <class Agent>
void lift(Agent& agent, const std::string& prefix, float bias) {
  StateDict state = testing::state_of(agent);
  for (int i = 0; i < 2; ++i)
    for (const char* what : {".network.", ".target."})
      state.put(prefix + "critic" + std::to_string(i) + what + "layers.1.bias", std::vector<float>{bias});
  agent.load(state, "");
}

}  // namespace

TEST_CASE("value bound: ten times what rewards can sum to is beyond reason") {
  ValueBound bound;
  Transitions t = testing::empty(1, 1, 4);
  t.reward << 1, -3, 2, 0;
  bound.see(t, 1);
  CHECK(bound.limit(0.9) == Approx(10 * 4 / 0.1 + 100));
  CHECK(bound.trouble(499, 0.9).empty());
  CHECK(contains(bound.trouble(-501, 0.9), "-501 in mean"));
  CHECK(bound.limit(1) == std::numeric_limits<double>::infinity());
  StateDict state;
  bound.save(state, "bound");
  ValueBound loaded, before;
  loaded.load(state, "bound");
  CHECK(loaded.limit(0.9) == bound.limit(0.9));
  before.load(StateDict(), "bound");
  CHECK(before.limit(0.9) == 100);
}

TEST_CASE("value bound: agents whose critics diverge say so") {
  ThreadPool pool(1);
  SacSettings sac;
  sac.policy.hidden = sac.critic.hidden = {8};
  Td3Settings td3;
  td3.policy.hidden = td3.critic.hidden = {8};
  SacAgent one(spec(), sac, 0, 1, pool);
  Td3Agent two(spec(), td3, {}, 0, 1, pool);
  const Transitions batch = testing::linear_quadratic(0, 32);  // rewards of -2.25 at least
  CHECK(one.learn(batch));
  CHECK(two.learn(batch));
  lift(one, "sac.", 4000);
  lift(two, "td3.", 4000);
  CHECK_FALSE(one.learn(batch));
  CHECK_FALSE(two.learn(batch));
  CHECK(contains(one.trouble(), "the critics diverge"));
  CHECK(contains(two.trouble(), "the critics diverge"));
  lift(two, "td3.", 1000);
  CHECK(two.learn(batch));
}

}  // namespace mbrl
