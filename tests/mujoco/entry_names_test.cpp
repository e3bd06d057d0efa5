// The names that the models give to the entries of observations and actions.
#include "mbrl/mujoco/entry_names.hpp"

#include "catch.hpp"
#include "support.hpp"

using namespace mbrl;

namespace {

mujoco::EntryNames names_of(const std::string& name) {
  AnyEnvironment env = all_environments().make(name);
  return mujoco::entry_names(env).value();
}

}  // namespace

TEST_CASE("entry names: joints, their velocities and motors") {
  const mujoco::EntryNames cart = names_of("InvertedPendulum-v5");
  REQUIRE(cart.obs.size() == 4);
  CHECK(cart.obs[2] == cart.obs[0] + " velocity");
  CHECK(cart.obs[3] == cart.obs[1] + " velocity");
  CHECK(cart.action.size() == 1);

  const mujoco::EntryNames cheetah = names_of("HalfCheetah-v5");
  REQUIRE(cheetah.obs.size() == 17);
  for (int i = 2; i < 8; ++i) {  // the six hinges have motors of the same joints
    const auto k = static_cast<std::size_t>(i);
    CHECK(cheetah.obs[k + 9] == cheetah.obs[k] + " velocity");
    CHECK(cheetah.action[k - 2] == cheetah.obs[k]);
  }
}

TEST_CASE("entry names: cosines, and places of bodies") {
  const mujoco::EntryNames reacher = names_of("Reacher-v5");
  CHECK(reacher.obs[0].rfind("cos(", 0) == 0);
  CHECK(reacher.obs[2] == "sin" + reacher.obs[0].substr(3));
  CHECK(reacher.obs[8] == "fingertip - target x");
  const mujoco::EntryNames pusher = names_of("pets/Pusher");
  CHECK(pusher.obs[7] == pusher.obs[0] + " velocity");
  CHECK(pusher.obs[17].find(" x") != std::string::npos);  // the object's; the arm always starts at zero
  CHECK(names_of("pets/PusherFingertips").obs[17] == pusher.obs[17]);
}

TEST_CASE("entry names: of environments without a model there are none, and no name is given twice") {
  AnyEnvironment pendulum = all_environments().make("Pendulum-v1");
  CHECK_FALSE(mujoco::entry_names(pendulum).has_value());
  for (const std::string& name : all_environments().names()) {
    AnyEnvironment env = all_environments().make(name);
    const auto names = mujoco::entry_names(env);
    if (!names) continue;
    CAPTURE(name);
    CHECK(static_cast<int>(names->obs.size()) == env.spec().obs_dim);
    CHECK(static_cast<int>(names->action.size()) == env.spec().action_dim());
    for (std::size_t i = 0; i < names->obs.size(); ++i)
      for (std::size_t k = 0; k < i; ++k) CHECK((names->obs[i].empty() || names->obs[i] != names->obs[k]));
  }
}
