// The environments against trajectories recorded with Gymnasium's and PETS's models on the same release of
// MuJoCo.
#include <filesystem>
#include <string>

#include "catch.hpp"
#include "mbrl/env/verify.hpp"
#include "mbrl/mujoco/model.hpp"
#include "support.hpp"

using namespace mbrl;

namespace {

// "2.2.2" or "4.0.0": mj_version() counted in three digits up to 3.4.0.
std::string mujoco_release() {
  const int v = mj_version(), radix = v < 1000 ? 10 : 1000;
  return std::to_string(v / radix / radix) + "." + std::to_string(v / radix % radix) + "." +
         std::to_string(v % radix);
}

}  // namespace

TEST_CASE("reference: recorded trajectories are reproduced") {
  // Recordings exist for two releases; these tasks agree between them within 1e-11, so others are held to the
  // newer.
  std::filesystem::path folder = MBRL_SOURCE_DIR "/tests/data/reference/" + mujoco_release();
  if (!std::filesystem::exists(folder)) folder.replace_filename("4.0.0");
  struct Case {
    const char *env, *file;
    std::size_t steps, groups;
  };
  for (const Case& c : {Case{"pets/HalfCheetah", "pets_half_cheetah.csv", 100, 5},
                        Case{"pets/CartPole", "pets_cartpole.csv", 200, 5},
                        Case{"HalfCheetah-v4", "half_cheetah.csv", 100, 4},
                        Case{"HalfCheetah-v5", "half_cheetah.csv", 100, 4}}) {
    AnyEnvironment env = all_environments().make(c.env);
    const VerifyReport report = verify_recording(env, folder / c.file);
    INFO(to_string(report));
    CHECK(report.within());
    CHECK(report.steps == c.steps);
    CHECK(report.groups.size() == c.groups);  // model_in included for PETS's tasks: the encoding is right
    for (const auto& group : report.groups) CHECK(group.largest.error < 1e-10);
  }
}

TEST_CASE("reference: another task's recording is noticed") {
  const std::filesystem::path folder = MBRL_SOURCE_DIR "/tests/data/reference/2.2.2";
  AnyEnvironment cheetah = all_environments().make("HalfCheetah-v5");
  CHECK_THROWS_AS(verify_recording(cheetah, folder / "pets_half_cheetah.csv"), Error);  // 18 observations
  AnyEnvironment cartpole = all_environments().make("pets/CartPole");
  CHECK_THROWS_AS(verify_recording(cartpole, folder / "half_cheetah.csv"), Error);  // 6 actions
}
