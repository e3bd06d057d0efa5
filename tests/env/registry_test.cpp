// Environments by name, and behind one type.
#include "mbrl/env/registry.hpp"
#include "mbrl/env/classic/environments.hpp"

#include <string>

#include "catch.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

namespace {

std::string message_of(const EnvRegistry& registry, const std::string& name) {
  try {
    registry.make(name);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Offers what the concept asks and no more: no recorded start.
class Counter {
 public:
  Counter() {
    spec_.name = "Counter";
    spec_.obs_dim = 1;
    spec_.action_low = Vecd::Zero(1);
    spec_.action_high = Vecd::Ones(1);
  }
  const EnvSpec& spec() const { return spec_; }
  Vecd reset(std::uint64_t) { return Vecd::Constant(1, count_ = 0); }
  StepResult step(ConstVecRef<double>) { return {Vecd::Constant(1, ++count_), 0.0, false, false, {}}; }
  std::vector<double> state() const { return {count_}; }
  void set_state(const std::vector<double>& state) { count_ = state.at(0); }

 private:
  EnvSpec spec_;
  double count_ = 0;
};

}  // namespace

TEST_CASE("registry: an environment is found by name with its facts") {
  EnvRegistry registry;
  register_analytic_environments(registry);
  REQUIRE(registry.contains("Pendulum-v1"));
  CHECK(registry.names() == std::vector<std::string>{"Acrobot-v1", "CartPole-v1", "CartPoleContinuous",
                                                     "DiscField", "DynaMaze", "MountainCarContinuous-v0",
                                                     "Pendulum-v1", "mbbl/Acrobot", "mbbl/CartPole",
                                                     "mbbl/MountainCar", "mbbl/Pendulum", "pilco/CartPole"});
  const EnvSpec& spec = registry.spec("Pendulum-v1");
  CHECK(spec.obs_dim == 3);
  CHECK(spec.action_dim() == 1);
  CHECK(spec.max_steps == 200);
  CHECK_FALSE(spec.source.empty());
  AnyEnvironment env = registry.make("Pendulum-v1");
  CHECK(env.reset(5) == Pendulum().reset(5));
  CHECK(env.target<Pendulum>() != nullptr);
  CHECK(env.target<Counter>() == nullptr);
}

TEST_CASE("registry: an unknown name is answered with the nearest, or with the few known ones") {
  EnvRegistry registry;
  CHECK(message_of(registry, "Pendulum-v1").find("none is registered") != std::string::npos);
  register_analytic_environments(registry);
  registry.add(Counter().spec(), [] { return AnyEnvironment(Counter()); });
  const std::string message = message_of(registry, "pendulm-v0");
  CHECK(message.find("'pendulm-v0'") != std::string::npos);
  CHECK(message.find("did you mean 'Pendulum-v1'?") != std::string::npos);
  CHECK(message_of(registry, "nothing").find("none of the ") != std::string::npos);
  EnvRegistry one;
  one.add(Counter().spec(), [] { return AnyEnvironment(Counter()); });
  CHECK(message_of(one, "nothing").find("expected one of " + Counter().spec().name) != std::string::npos);
  CHECK_THROWS_AS(registry.spec("nothing"), Error);
  const std::string several = message_of(registry, "cartpole");
  for (const char* name : {"'CartPole-v1'", "'CartPoleContinuous'", "'mbbl/CartPole'", "'mbrl envs'"})
    CHECK(several.find(name) != std::string::npos);
}

TEST_CASE("registry: a name is given once") {
  EnvRegistry registry;
  register_analytic_environments(registry);
  CHECK_THROWS_AS(register_analytic_environments(registry), Error);
  CHECK_THROWS_AS(registry.add(EnvSpec{}, [] { return AnyEnvironment(Counter()); }), Error);
}

TEST_CASE("any environment: a recorded start is offered only by those that have one") {
  static_assert(Resettable<Counter> && !PhysicsSettable<Counter> && PhysicsSettable<Pendulum>);
  AnyEnvironment counter{Counter()};
  CHECK_THROWS_AS(counter.set_physics_state({0.0}), Error);
  CHECK_THROWS_AS(counter.physics_names(), Error);
  CHECK_THROWS_AS(counter.physics_state(), Error);
  AnyEnvironment pendulum{Pendulum()};
  CHECK(pendulum.physics_names().size() == 2);
  CHECK(pendulum.set_physics_state({0.0, 0.5})(2) == 0.5);
  CHECK(pendulum.physics_state() == std::vector<double>{0.0, 0.5});
}
