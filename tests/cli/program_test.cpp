// The program's front door: commands and options that were mistyped, help, the version, output that is lost,
// tables on a terminal, and everything that can be known to fail before the work begins.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "workshop.hpp"

namespace fs = std::filesystem;

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  for (const std::string& line : lines(text)) width = std::max(width, line.size());
  return width;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kPlan = "plan --env control/PointMass --planner cem --steps 2 --budget 20 --threads 1 ";

}  // namespace

TEST_CASE("what was not understood is named, with what was meant") {
  const Workshop shop;
  for (const auto& [mistake, words] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"trian", {"'trian'", "did you mean 'train'?"}},
           {"foo", {"unknown command 'foo'", "envs, plan, train"}},
           {"--foo", {"unknown option '--foo'"}},
           {"--verison", {"'--verison'", "did you mean '--version'?"}},
           {"train foo", {"mbrl train: unknown command 'foo'", "none of the", "mbrl train --help"}},
           {"train pest --env Pendulum-v1", {"'pest'", "did you mean 'pets'?"}},
           {"plan --env Pendulum-v1 --stpes 3",
            {"mbrl plan: unknown option '--stpes'", "did you mean '--steps'?"}},
           {"plan --evn Pendulum-v1", {"'--evn'", "did you mean '--env'?"}},
           {"plan", {"--env is required", "mbrl plan --help"}},
           {"plan --env Pendulum-v1 --budget many", {"many"}},
           {"eval a b", {"'b' was not expected"}},
           {"", {"a command is missing", "envs, plan, train"}},
           {"train", {"mbrl train: a command is missing", "pets"}}}) {
    INFO(mistake);
    CHECK(shop.run(mistake) == 2);
    const std::string said = shop.text("err");
    INFO(said);
    CHECK(lines(said).size() == 1);
    for (const std::string& word : words) CHECK(contains(said, word));
    CHECK(shop.text("out").empty());
  }
}

TEST_CASE("an unknown environment is answered with those whose names contain it") {
  const Workshop shop;
  CHECK(shop.run("plan --env CartPole") == 2);
  const std::string said = shop.text("err");
  for (const char* name : {"'CartPole-v1'", "'control/CartPole'", "'mbbl/CartPole'", "'mbrl envs'"})
    CHECK(contains(said, name));
  CHECK(said.size() < 300);
  CHECK(shop.run("plan --env nothing") == 2);
  CHECK(shop.text("err").size() < 150);
  CHECK(contains(shop.text("err"), "'mbrl envs'"));
}

TEST_CASE("help is one screen, and the version says what was built") {
  const Workshop shop;
  CHECK(shop.run("--help") == 0);
  CHECK(lines(shop.text("out")).size() <= 30);
  CHECK(widest(shop.text("out")) <= 100);
  CHECK(contains(shop.text("out"), "mbrl train pets"));
  CHECK(shop.run("--version") == 0);
  const std::string version = shop.text("out");
  for (const char* word : {"mbrl " MBRL_VERSION, "commit ", "components  core", "SIMD", "compiler"})
    CHECK(contains(version, word));
#if MBRL_HAS_TORCH
  CHECK(contains(version, "mbrl_torch_plugin.so"));
#endif
#if MBRL_HAS_MUJOCO
  CHECK(contains(version, "MuJoCo "));
#endif
}

TEST_CASE("results that cannot be written are an error: a full device") {
  const Workshop shop;
  for (const std::string& command :
       {std::string("envs"), std::string("--help"), std::string("--version"),
        std::string("plan --env Pendulum-v1 --list-settings"), std::string(kPlan)}) {
    INFO(command);
    CHECK(shop.run(command, "", "/dev/full") == 1);
    CHECK(contains(shop.text("err"), "cannot be written"));
  }
  CHECK(shop.run("verify nothing", "", "/dev/full") == 2);  // its own mistake comes first
}

TEST_CASE("LibTorch is not loaded by a program that does not use it") {
  const Workshop shop;
  for (const std::string& command : {std::string("--help"), std::string("envs"), std::string(kPlan)}) {
    INFO(command);
    REQUIRE(shop.run(command, "LD_DEBUG=files LD_DEBUG_OUTPUT=loaded") == 0);
    std::string loaded;
    for (const auto& entry : fs::directory_iterator(shop / "."))
      if (entry.path().filename().string().starts_with("loaded")) {
        loaded += shop.text(entry.path().filename().string());
        fs::remove(entry.path());
      }
    CHECK(contains(loaded, "libstdc++"));  // the linker did report
    CHECK_FALSE(contains(loaded, "libtorch"));
    CHECK_FALSE(contains(loaded, "libc10"));
  }
}

#if MBRL_HAS_TORCH
TEST_CASE("a plug-in that is missing or of another kind is refused with the remedy") {
  const Workshop shop;
  const std::string train =
      "train pets --env Pendulum-v1 --trials 1 --out run --set trainer=torch-cpu --set model.hidden=8 --set "
      "rollout.horizon=3 --set training.epochs=1 --set planner.icem.population=8 --set planner.icem.elites=2";
  fs::create_directory(shop / "empty");
  CHECK(shop.run(train, "MBRL_PLUGINS=empty") == 2);
  CHECK(contains(shop.text("err"), "mbrl_torch_plugin.so"));
  CHECK(contains(shop.text("err"), "MBRL_PLUGINS"));
  CHECK(!fs::exists(shop / "run"));
  std::ofstream(shop / "empty" / "mbrl_torch_plugin.so") << "no library";
  CHECK(shop.run(train, "MBRL_PLUGINS=empty") == 2);
  CHECK(contains(shop.text("err"), "cannot be opened"));
  CHECK(shop.run(train) == 0);
}

TEST_CASE("LibTorch's evaluator plans, and a device that is not there is refused in words") {
  const Workshop shop;
  const std::string small =
      "train pets --env Pendulum-v1 --trials 1 --threads 1 --set model.hidden=8 --set rollout.horizon=3 "
      "--set "
      "training.epochs=1 --set planner.icem.population=8 --set planner.icem.elites=2 ";
  REQUIRE(shop.run(small + "--out native") == 0);
  REQUIRE(shop.run(small + "--out torch --set evaluator=torch-cpu") == 0);
  CHECK(shop.run("eval native --device cpu") == 0);
  CHECK(shop.run("eval native --device auto") == 0);
  CHECK(shop.run("eval native --device tpu") == 2);
  CHECK(contains(shop.text("err"), "expected cpu, cuda, cuda:<index> or auto"));
  const int cuda = shop.run("eval native --device cuda");
  CHECK((cuda == 0 || contains(shop.text("err"), "CUDA")));
  CHECK(shop.run(small + "--out other --set evaluator=gpu") == 2);
  CHECK(contains(shop.text("err"), "expected native, torch-cpu"));
}
#endif

TEST_CASE("tables are aligned on a terminal and no wider, and Markdown elsewhere") {
  const Workshop shop;
  for (const std::string& command :
       {std::string(kPlan), std::string("envs cart"), std::string("envs CartPole-v1")}) {
    INFO(command);
    const auto shown = shop.run_in_terminal(command, 80, "NO_COLOR=1");
    CHECK(shown.status == 0);
    INFO(shown.text);
    CHECK_FALSE(contains(shown.text, "|--"));
    CHECK(contains(shown.text, "-----"));
    const std::string after_bar =
        shown.text.substr(std::min(shown.text.size(), shown.text.rfind('\x1b') + 1));
    CHECK(widest(after_bar) <= 80);
    CHECK(shop.run(command) == 0);
    CHECK(contains(shop.text("out"), "|---|"));
    CHECK(contains(shop.run_in_terminal(command + " --markdown", 80).text, "|---|"));
  }
}

TEST_CASE("every target is checked before the work") {
  const Workshop shop;
  std::ofstream(shop / "file") << "mine";
  for (const auto& [mistake, words] : std::vector<std::pair<std::string, std::string>>{
           {std::string(kPlan) + "--csv nowhere/x.csv", "nowhere/x.csv"},
           {std::string(kPlan) + "--out file", "'file'"},
           {std::string(kPlan) + "--out file/inside", "'file/inside'"},
           {std::string(kPlan) + "--still", "--out"},
           {std::string(kPlan) + "--video", "--out"},
           {"train pets --env Pendulum-v1 --trials 1 --out file", "file"},
           {"envs --contact-sheet nowhere/x.png", "nowhere/x.png"},
           {"envs --contact-sheet x.jpg", "expected .png"},
           {"render --env Hopper-v5 --out nowhere/x.mp4", "nowhere/x.mp4"},
           {"render --env Hopper-v5 --out x.gif", "expected .mp4"},
           {"view Hopper-v5 --frames 2 --screenshot x.gif", "expected .png"},
           {"view Hopper-v5 --frames 2 --screenshot nowhere/x.png", "nowhere/x.png"}}) {
#if !MBRL_HAS_PICTURES
    if (!mistake.starts_with("plan") && !mistake.starts_with("train")) continue;
#endif
    INFO(mistake);
    CHECK(shop.run(mistake) == 2);
    INFO(shop.text("err"));
    CHECK(contains(shop.text("err"), words));
    CHECK(lines(shop.text("err")).size() == 1);
    CHECK(shop.text("out").empty());  // where the work begins with a line
  }
  CHECK(shop.text("file") == "mine");
}

TEST_CASE("envs finds by part of a name, and explains one entry by entry") {
  const Workshop shop;
  CHECK(shop.run("envs CARTPOLE") == 0);
  CHECK(contains(shop.text("out"), "control/CartPole"));
  CHECK_FALSE(contains(shop.text("out"), "Pendulum"));
  CHECK(shop.run("envs pendulum-v1") == 0);
  CHECK(contains(shop.text("out"), "cos(angle)"));
  CHECK(contains(shop.text("out"), "torque"));
  CHECK(contains(shop.text("out"), "200 steps of 0.05 s"));
  CHECK(shop.run("envs zebra") == 2);
#if MBRL_HAS_MUJOCO
  CHECK(shop.run("envs HalfCheetah-v5") == 0);
  CHECK(contains(shop.text("out"), "thigh velocity"));
#endif
}

TEST_CASE("settings are listed by a filter, with what was changed marked") {
  const Workshop shop;
  const std::string plan = "plan --env control/PointMass ";
  CHECK(shop.run(plan + "--list-settings icem.el") == 0);
  CHECK(lines(shop.text("out")).size() == 2);
  CHECK(shop.text("out").starts_with("icem.elites = "));
  CHECK(shop.run(plan + "--set icem.elites=7 --list-settings icem.el") == 0);
  CHECK(shop.text("out").starts_with("* icem.elites = 7 (default "));
  CHECK(shop.run(plan + "--list-settings") == 0);
  CHECK(lines(shop.text("out")).size() > 100);
  CHECK(shop.run(plan + "--list-settings zebra") == 2);
}

#if MBRL_HAS_PICTURES
TEST_CASE("plan: --still shows the episode in six moments, --video all of it") {
  const Workshop shop;
  REQUIRE(shop.run(
              "plan --env Pendulum-v1 --planner cem,rs --steps 10 --budget 20 --out pictures --still --video "
              "--size 96x72") == 0);
  for (const char* name : {"episode_cem.png", "episode_rs.png", "episode_cem.mp4", "episode_rs.mp4"})
    CHECK(fs::file_size(shop / "pictures" / name) > 500);
  CHECK(shop.run("plan --env control/PointMass --planner cem --steps 2 --budget 20 --out other --still") ==
        2);
  CHECK(contains(shop.text("err"), "no picture"));
}
#endif
