// The mbrl program as a user meets it: exit status, messages, planners compared.
#include <algorithm>

#include "catch.hpp"
#include "cli/support.hpp"

using namespace cli_test;

TEST_CASE("envs lists every environment with its dimensions") {
  const Scratch scratch;
  const Outcome outcome = run_mbrl(scratch, {"envs"});
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("Pendulum-v1") != std::string::npos);
#if MBRL_HAS_MUJOCO
  CHECK(outcome.out.find("pets/HalfCheetah") != std::string::npos);
#endif
}

TEST_CASE("help teaches, and a mistake in the command line has status 2") {
  const Scratch scratch;
  CHECK(run_mbrl(scratch, {"--help"}).status == 0);
  CHECK(run_mbrl(scratch, {"--help"}).out.find("mbrl train pets") != std::string::npos);
  CHECK(run_mbrl(scratch, {"train", "pets", "--help"}).out.find("--resume") != std::string::npos);
  CHECK(run_mbrl(scratch, {}).status == 2);
  CHECK(run_mbrl(scratch, {"fly"}).status == 2);
  CHECK(run_mbrl(scratch, {"train", "pets", "--trials", "many"}).status == 2);
}

TEST_CASE("a policy is exported, and a run that plans says that it has none") {
  const Scratch scratch;
  const std::string run = (scratch / "run").string(), header = (scratch / "policy.h").string(),
                    arrays = (scratch / "policy.safetensors").string();
  REQUIRE(
      run_mbrl(scratch, {"train", "sac", "--env", "Pendulum-v1", "--out", run, "--steps", "200", "--set",
                         "random_steps=190", "--set", "sac.policy.hidden=8", "--set", "sac.critic.hidden=8"})
          .status == 0);
  CHECK(run_mbrl(scratch, {"export", run, "--out", header, "--name", "swing_up"}).status == 0);
  CHECK(run_mbrl(scratch, {"export", run, "--out", arrays}).status == 0);
  const std::string source = slurp(header);
  CHECK(source.find("static void swing_up(const float observation[SWING_UP_OBS_DIM]") != std::string::npos);
  CHECK(source.find("sac for Pendulum-v1, seed 1, after 200 environment steps") != std::string::npos);

  const std::string choices = (scratch / "choices").string(), chooser = (scratch / "chooser.h").string();
  REQUIRE(
      run_mbrl(scratch, {"train", "sac", "--env", "CartPole-v1", "--out", choices, "--steps", "200", "--set",
                         "random_steps=190", "--set", "sac.policy.hidden=8", "--set", "sac.critic.hidden=8"})
          .status == 0);
  CHECK(run_mbrl(scratch, {"export", choices, "--out", chooser}).status == 0);
  CHECK(slurp(chooser).find("action[0] = ") != std::string::npos);
  CHECK(run_mbrl(scratch, {"eval", choices, "--episodes", "1"}).status == 0);
  for (const std::string name : {"ppo", "trpo"}) {
    const std::string chosen = (scratch / name).string();
    REQUIRE(
        run_mbrl(scratch, {"train", name, "--env", "Acrobot-v1", "--out", chosen, "--steps", "200", "--set",
                           "environments=2", "--set", "horizon=100", "--set", name + ".policy.hidden=8"})
            .status == 0);
    CHECK(run_mbrl(scratch, {"export", chosen, "--out", chooser}).status == 0);
    CHECK(slurp(chooser).find("action[0] = ") != std::string::npos);
    CHECK(run_mbrl(scratch, {"eval", chosen, "--episodes", "1"}).status == 0);
  }
  CHECK(slurp(arrays).find(R"("activation":"relu")") != std::string::npos);
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = run_mbrl(scratch, arguments);
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(message) != std::string::npos);
  };
  fails({"export", run, "--out", (scratch / "policy.onnx").string()}, ".safetensors");
  fails({"export", run, "--out", header, "--name", "3d"}, "no name for a function");
  const std::string plans = (scratch / "plans").string();
  REQUIRE(run_mbrl(scratch, small_run(plans)).status == 0);
  fails({"export", plans, "--out", header}, "acts by planning");
  CHECK(slurp(header) == source);
}

TEST_CASE("what a run has experienced becomes a data set, whatever the algorithm") {
  const Scratch scratch;
  const std::string out = (scratch / "data.safetensors").string();
  const std::vector<std::vector<std::string>> runs = {
      small_run((scratch / "pets").string()),
      {"train", "sac", "--env", "Pendulum-v1", "--out", (scratch / "sac").string(), "--steps", "300", "--set",
       "random_steps=299", "--set", "sac.policy.hidden=8", "--set", "sac.critic.hidden=8"},
      {"train", "versions", "--env", "Pendulum-v1", "--out", (scratch / "versions").string(), "--steps",
       "400", "--set", "model=linear", "--set", "loop.version=1.0"}};
  const std::vector<std::string> names = {"pets", "sac", "versions"};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    INFO(names[i]);
    REQUIRE(run_mbrl(scratch, runs[i]).status == 0);
    const Outcome written = run_mbrl(scratch, {"dataset", (scratch / names[i]).string(), "--out", out});
    CHECK(written.status == 0);
    // Pendulum-v1's episodes have 200 steps.
    CHECK(written.out.find(names[i] == "pets" ? ": transitions 800, episodes 4;"
                                              : ": transitions 400, episodes 2;") != std::string::npos);
    CHECK(run_mbrl(scratch, {"dataset", out}).out == written.out);  // read back
  }
  // What was written is learned from, and a run that is at its end, an episode beyond its budget, may be told to go on.
  CHECK(run_mbrl(scratch, {"train", "cql", "--list-settings"}).status == 0);
  const std::string offline = (scratch / "cql").string();
  REQUIRE(
      run_mbrl(scratch, {"train", "cql", "--env", "Pendulum-v1", "--out", offline, "--steps", "20", "--set",
                         "data=" + out, "--set", "sac.policy.hidden=8", "--set", "sac.critic.hidden=8"})
          .status == 0);
  CHECK(run_mbrl(scratch, {"train", "cql", "--resume", "--out", offline}).status == 0);
  // Other data, of as many rows, are not what it began with.
  REQUIRE(run_mbrl(scratch, {"dataset", (scratch / "sac").string(), "--out", out}).status == 0);
  const Outcome changed = run_mbrl(scratch, {"train", "cql", "--resume", "--steps", "30", "--out", offline});
  CHECK(changed.status == 2);
  CHECK(changed.err.find("is not the data set that this run began with") != std::string::npos);
  for (const auto& [arguments, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"dataset", (scratch / "sac").string()}, "and --out"},
           {{"dataset", (scratch / "sac").string(), "--out", "data.csv"}, ".safetensors"},
           {{"dataset", (scratch / "none.safetensors").string()}, "none.safetensors"},
           {{"dataset", (scratch / "sac").string(), "--out",
             (scratch / "sac" / "checkpoint" / "state.safetensors").string()},
            "outside the run's own folder"},
           {{"dataset", (scratch / "nowhere").string(), "--out", out}, "nowhere"}}) {
    const Outcome outcome = run_mbrl(scratch, arguments);
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(message) != std::string::npos);
  }
}

TEST_CASE("mbrl identify: a cart-pole's masses from a run's experience") {
  const Scratch scratch;
  const std::string run = (scratch / "run").string(), data = (scratch / "data.safetensors").string();
  REQUIRE(
      run_mbrl(scratch, {"train", "sac", "--env", "control/CartPole", "--out", run, "--steps", "300", "--set",
                         "random_steps=299", "--set", "sac.policy.hidden=8", "--set", "sac.critic.hidden=8"})
          .status == 0);
  REQUIRE(run_mbrl(scratch, {"dataset", run, "--out", data}).status == 0);
  const Outcome listed = run_mbrl(scratch, {"identify", "control/CartPole", "--list"});
  CHECK(listed.status == 0);
  CHECK(listed.out.find("| cart_mass | 2 |") != std::string::npos);

  const std::string json = (scratch / "fitted.json").string();
  const std::vector<std::string> found = {
      "identify", "control/CartPole", run, "--parameter", "cart_mass=1,pole_mass=1", "--out", json};
  const Outcome of_run = run_mbrl(scratch, found);
  CHECK(of_run.status == 0);
  CHECK(of_run.out.find("| cart_mass | 1 | 2 |") != std::string::npos);
  CHECK(of_run.out.find("| pole_mass | 1 | 0.5 |") != std::string::npos);
  CHECK(slurp(json).find("\"pole_mass\"") != std::string::npos);
  std::vector<std::string> of_data = found;
  of_data[2] = data;
  CHECK(run_mbrl(scratch, of_data).out == of_run.out);
  // The file's notes are those of the terminal, entries by their names.
  std::vector<std::string> stopped = of_data;
  stopped.insert(stopped.end(), {"--set", "solver.iterations=1", "--set", "reweightings=0"});
  const std::string said = run_mbrl(scratch, stopped).out, note = "Note: the equations lack something";
  REQUIRE(said.find(note) != std::string::npos);
  const std::size_t at = said.find(note) + 6;
  CHECK(said.find("of the change of entry") == std::string::npos);
  CHECK(slurp(json).find(said.substr(at, said.find('\n', at) - at)) != std::string::npos);

  // Of a fit that did not converge the file does not say that the data are to blame.
  CHECK(slurp(json).find("\"converged\": false") != std::string::npos);
  CHECK(slurp(json).find("determined") == std::string::npos);
  CHECK(said.find(", 1 iteration\n") != std::string::npos);
  CHECK(run_mbrl(scratch, {"identify", "control/CartPole", data, "--parameter", "cart_mass", "--last", "1"})
            .out.find("1 transition, ") != std::string::npos);
  // A far start that leaves more than there is to explain is not passed over.
  const std::string far =
      run_mbrl(scratch, {"identify", "control/CartPole", data, "--parameter", "cart_mass=0.001,length=20"})
          .out;
  CHECK(far.find("the model predicts worse than 'nothing changes'") != std::string::npos);

  // What a file is of is said by the file where it says it, and by --env where that fits.
  CHECK(run_mbrl(scratch, {"dataset", data, "--env", "control/CartPole"}).status == 0);
  const std::string nameless = (scratch / "nameless.safetensors").string();
  {
    std::string header = R"({"obs":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},)"
                         R"("action":{"dtype":"F32","shape":[1,2],"data_offsets":[16,24]},)"
                         R"("next_obs":{"dtype":"F32","shape":[1,4],"data_offsets":[24,40]},)"
                         R"("reward":{"dtype":"F32","shape":[1],"data_offsets":[40,44]},)"
                         R"("terminated":{"dtype":"U8","shape":[1],"data_offsets":[44,45]},)"
                         R"("truncated":{"dtype":"U8","shape":[1],"data_offsets":[45,46]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string size(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) size[i] = static_cast<char>(header.size() >> (8 * i) & 255);
    std::ofstream(nameless, std::ios::binary) << size << header << std::string(46, '\0');
  }

  for (const auto& [arguments, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"identify", "control/CartPole", data, "--parameter", "cartmass"}, "cart_mass"},
           {{"identify", "control/CartPole", data}, "--list"},
           {{"identify", "control/CartPole", "--parameter", "cart_mass"}, "no data"},
           {{"identify", "control/Acrobot", data, "--parameter", "mass1"}, "is of control/CartPole"},
           {{"identify", "control/CartPole", data, "--parameter", "length=long"}, "long"},
           {{"identify", "control/CartPole", data, "--parameter", "length", "--frame-skip", "2"},
            "--frame-skip"},
           {{"identify", "control/CartPole", data, "--parameter", "length", "--out", "a.xml"}, ".json"},
           {{"identify", "control/CartPole", data, "--parameter", "pole_mass,cart_mass=-1"},
            "'cart_mass' starts at -1, expected more than 0"},
           {{"identify", "control/CartPole", data, "--parameter", "length", "--last", "0"},
            "--last is 0, expected at least 1"},
           {{"identify", "nope.xml", data, "--parameter", "length"}, "nope.xml is not there"},
           {{"identify", "nope.xml", data, "--parameter", "length", "--frame-skip", "0"},
            "--frame-skip is 0, expected at least 1"},
           {{"dataset", data, "--env", "pets/CartPole", "--out", (scratch / "of.safetensors").string()},
            "says that it is of control/CartPole"},
           {{"dataset", nameless, "--env", "control/Acrobot"}, "but " + nameless + " has 4 and 2"},
           {{"identify", "Pendulum-v1", data, "--parameter", "length"}, "no parameters that can be named"},
           {{"identify", "none", data, "--parameter", "length"}, "none"}}) {
    const Outcome outcome = run_mbrl(scratch, arguments);
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(message) != std::string::npos);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  }
}

TEST_CASE("bad input gives one clear error and status 2") {
  const Scratch scratch;
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = run_mbrl(scratch, arguments);
    CHECK(outcome.status == 2);
    INFO(outcome.err);
    CHECK(outcome.err.find(message) != std::string::npos);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  };
  const std::string out = (scratch / "run").string();
  fails({"train", "pets", "--env", "Pendulum-v9", "--out", out}, "Pendulum-v1");
  fails({"train", "pets", "--env", "Pendulum-v1"}, "--out");
  fails({"train", "pets", "--env", "Pendulum-v1", "--out", out, "--set", "rollout.horizn=3"},
        "rollout.horizon");
  fails({"train", "pets", "--env", "Pendulum-v1", "--out", out, "--set", "rollout.horizon=soon"},
        "rollout.horizon");
  const std::string file = (scratch / "settings.json").string();
  std::ofstream(file) << R"({"rollout": {"particels": 5}})";
  fails({"train", "pets", "--out", out, "--settings", file}, "particles");
  std::ofstream(file) << R"({"rollout": {)";
  fails({"train", "pets", "--out", out, "--settings", file}, file);
  CHECK(!fs::exists(out));
  fails({"train", "pets", "--out", out, "--resume"}, "not a run folder");
  fs::create_directory(scratch / "other");
  fails({"train", "pets", "--out", (scratch / "other").string(), "--resume"}, "not a run folder");
  fails({"eval", (scratch / "other").string()}, "not a run folder");
  std::ofstream(scratch / "other" / "notes.txt") << "mine";
  fails({"train", "pets", "--env", "Pendulum-v1", "--out", (scratch / "other").string()}, "not empty");
  fails({"eval", (scratch / "nowhere").string()}, "not a run folder");
  fails({"verify", "Pendulum-v1", (scratch / "nowhere.csv").string()}, "nowhere.csv");
}

TEST_CASE("compare sets planners side by side on a run's states") {
  Scratch scratch;
  const fs::path run = scratch / "run";
  REQUIRE(run_mbrl(scratch, small_run(run, {"--set", "training.epochs=30"}, "1")).status == 0);
  const auto compare = [&](const std::string& states, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"compare", run.string(),        "--quick", "--states",
                                          states,    "--judge-particles", "10"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_mbrl(scratch, arguments);
  };
  const Outcome table =
      compare("2", {"--set", "planner.icem.population=10", "--set", "planner.icem.iterations=2"});
  CHECK(table.status == 0);
  CHECK(table.out.find("| CEM 400 x 5 x 20 |") != std::string::npos);
  CHECK(table.out.find("| 100.0 % |") != std::string::npos);
  CHECK(table.out.find("| iCEM 10 x 2 x 5 |") != std::string::npos);
  CHECK(table.out.find("| the run's own: iCEM 24 x 2 x 5 |") != std::string::npos);
  const Outcome other = compare("2", {"--set", "planner.name=cem", "--set", "planner.cem.population=11",
                                      "--set", "planner.cem.elites=3", "--set", "planner.cem.iterations=3"});
  CHECK(other.out.find("| CEM 11 x 3 x 5 |") != std::string::npos);  // called what it is
  const Outcome unknown = compare("2", {"--set", "planner.icem.populaton=10"});
  CHECK(unknown.status == 2);
  CHECK(unknown.err.find("did you mean 'planner.icem.population'?") != std::string::npos);
  CHECK(compare("0", {}).status == 2);
  CHECK(compare("100000", {}).err.find("expected at least 100000") != std::string::npos);
}

TEST_CASE("plan compares planners on the true dynamics") {
  const Scratch scratch;
  const fs::path csv = scratch / "table.csv", pictures = scratch / "pictures";
  const auto plan = [&](const std::string& threads) {
    return run_mbrl(scratch, {"plan", "--env", "control/PointMass", "--planner", "cem,ilqr", "--steps", "20",
                              "--seed", "3", "--budget", "100", "--threads", threads, "--csv", csv.string(),
                              "--out", pictures.string()});
  };
  const auto returns = [&] {
    std::ifstream file(csv);
    std::string header, cell, result;
    std::getline(file, header);
    CHECK(header == "planner,return,plan_ms_p50,plan_ms_p99,x_real_time");
    for (std::string line; std::getline(file, line);) {
      std::stringstream cells(line);
      for (int i = 0; i < 2 && std::getline(cells, cell, ','); ++i) result += cell + " ";
      for (double x = 0; std::getline(cells, cell, ',');) {
        x = std::stod(cell);
        CHECK(x > 0);
      }
    }
    return result;
  };
  const Outcome one = plan("1");
  INFO(one.err);
  CHECK(one.status == 0);
  CHECK(one.out.find("| planner | return |") != std::string::npos);
  CHECK(one.out.find("| ilqr | ") != std::string::npos);
  const std::string first = returns();
  CHECK(first.substr(0, 5) == "cem -");
  CHECK(first.find(" ilqr -") != std::string::npos);
  CHECK(fs::exists(pictures / "trajectory_cem.csv"));
  if (std::system("command -v gnuplot >/dev/null") == 0)
    for (const char* name :
         {"observations_cem.png", "actions_ilqr.png", "reward.png", "cost_per_iteration.png"})
      CHECK(fs::file_size(pictures / name) > 1000);
  CHECK(plan("3").status == 0);
  CHECK(returns() == first);

  const Outcome list =
      run_mbrl(scratch, {"plan", "--env", "control/PointMass", "--budget", "501", "--list-settings"});
  CHECK(list.out.find("cem.population = 100\n") != std::string::npos);
  CHECK(list.out.find("mpc.deadline = 0\n") != std::string::npos);
  CHECK(list.out.find("horizon = 20\n") != std::string::npos);

  // Settings may ask for more than the budget: the headline does not promise otherwise.
  const std::vector<std::string> few = {"plan",     "--env", "CartPole-v1", "--planner", "mcts",
                                        "--budget", "40",    "--steps",     "2"};
  const std::string promise = "at most 40 rollouts per plan";
  CHECK(run_mbrl(scratch, few).out.find(promise + ",") != std::string::npos);
  std::vector<std::string> more = few;
  more.insert(more.end(), {"--set", "mcts.trees=100"});
  CHECK(run_mbrl(scratch, more).out.find(promise + " (unless --set says otherwise)") != std::string::npos);

  // A deadline's look at the last plan is within the budget too.
  const Outcome limited = run_mbrl(scratch, {"plan", "--env", "control/PointMass", "--planner", "pddm",
                                             "--steps", "3", "--budget", "41", "--set", "mpc.deadline=100"});
  CHECK(limited.out.find("| 41 |") != std::string::npos);
}

TEST_CASE("plan with what a run has learned at the end of its horizon") {
  const Scratch scratch;
  const std::string run = (scratch / "run").string();
  REQUIRE(
      run_mbrl(scratch, {"train", "sac", "--env", "Pendulum-v1", "--out", run, "--set", "steps=200",
                         "random_steps=150", "sac.policy.hidden=8", "sac.critic.hidden=8", "batch_size=16"})
          .status == 0);
  const auto plan = [&](const std::string& environment, const std::string& planner,
                        const std::string& terminal) {
    std::vector<std::string> arguments = {"plan", "--env",    environment, "--planner", planner,    "--steps",
                                          "4",    "--budget", "20",        "--set",     "horizon=3"};
    if (!terminal.empty()) arguments.insert(arguments.end(), {"--terminal", terminal});
    return run_mbrl(scratch, arguments);
  };
  const Outcome with = plan("Pendulum-v1", "cem,icem", run), without = plan("Pendulum-v1", "cem,icem", "");
  CHECK(with.status == 0);
  CHECK(with.out.find("cem") != std::string::npos);
  CHECK(without.status == 0);
  CHECK(with.out != without.out);
  const auto complains = [&](const Outcome& outcome, const std::string& of) {
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(of) != std::string::npos);
  };
  complains(plan("Acrobot-v1", "cem", run), "is a run in Pendulum-v1, expected one in Acrobot-v1");
  complains(plan("Pendulum-v1", "ilqr", run), "'ilqr' descends");
  complains(plan("Pendulum-v1", "cem", run + "_none"), "run_none");
}

TEST_CASE("plan runs on any environment, and says what it cannot do") {
  const Scratch scratch;
  const auto plan = [&](const std::string& environment, const std::string& planner,
                        std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"plan",    "--env", environment, "--planner", planner,
                                          "--steps", "3",     "--budget",  "20"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_mbrl(scratch, arguments);
  };
  for (const char* environment : {"Pendulum-v1", "Acrobot-v1", "CartPole-v1", "MountainCarContinuous-v0"})
    CHECK(plan(environment, "rs,mppi,icem").status == 0);
  CHECK(plan("Pendulum-v1", "gradient,ilqr,ddp", {"--set", "ilqr.iterations=2"}).status == 0);
  CHECK(plan("control/CartPole", "icem", {"--episodes", "3", "--set", "mpc.deadline=1e-5"}).status == 0);
  const auto complains = [&](const Outcome& outcome, const std::string& of) {
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(of) != std::string::npos);
  };
  complains(plan("Acrobot-v1", "rs,ilqr"), "'ilqr' needs derivatives");
  // mbbl's pendulum has half the range of actions for the same torque, and a reward of its own.
  const fs::path table = scratch / "mbbl.csv";
  REQUIRE(run_mbrl(scratch, {"plan", "--env", "mbbl/Pendulum", "--planner", "cem,ilqr", "--steps", "60",
                             "--csv", table.string()})
              .status == 0);
  const auto planned = [text = slurp(table)](const std::string& planner) {
    return std::stod(text.substr(text.find("\n" + planner + ",") + planner.size() + 2));
  };
  CHECK(planned("cem") > 50);  // of 60
  CHECK(planned("ilqr") > planned("cem") - 1);
  complains(plan("Acrobot-v1", "rss"), "no planner named 'rss'");
  complains(plan("Acrobt-v1", "rs"), "Acrobot-v1");
  complains(run_mbrl(scratch, {"plan", "--env", "Acrobot-v1", "--planner", "rs", "--budget", "3"}),
            "--budget is 3");
  complains(plan("Acrobot-v1", "rs", {"--set", "icem.populaton=3"}), "icem.population");
  complains(plan("dmc/reacher-easy", "ilqr"), "mocap");
  // what the budget divides by is checked before, of planners not asked for too
  complains(plan("Acrobot-v1", "rs", {"--set", "cem.iterations=0"}), "cem.iterations is 0");
  complains(plan("Acrobot-v1", "rs", {"--set", "icem.iterations=0"}), "icem.iterations is 0");
  complains(plan("control/CartPole", "ilqr", {"--set", "ilqr.line_search=0"}), "line_search is 0");
  complains(plan("control/PlanarQuadrotor", "ilqr", {"--set", "ilqr.box.shrink=1"}), "shrink is 1");
  complains(plan("control/CartPole", "gradient", {"--set", "gradient.horizon=5"}), "has no effect");
  for (const char* steps : {"-1", "0"})
    complains(run_mbrl(scratch, {"plan", "--env", "Acrobot-v1", "--planner", "rs", "--steps", steps}),
              std::string("--steps is ") + steps + ", expected at least 1");
  complains(plan("Acrobot-v1", "rs,cem,rs"), "'rs' comes twice");
  complains(plan("Acrobot-v1", "rs,"), "--planner is 'rs,', expected names between commas");
  complains(plan("Acrobot-v1", "rs,cem", {"--set", " icem.elites =3"}),
            "--set icem.elites has no effect: no planner of --planner reads it");
  complains(plan("control/CartPole", "icem", {"--set", "starts.starts=2"}), "starts.starts has no effect");
  complains(plan("control/CartPole", "icem+gradient", {"--set", "ilqr.iterations=2"}),
            "ilqr.iterations has no effect");
  CHECK(plan("control/CartPole", "icem+ddp",
             {"--set", "ilqr.iterations=2", "icem.elites=5", "starts.starts=2", "horizon=10"})
            .status == 0);
  for (const std::string seed : {"-1", "18446744073709551616", "1x"})
    complains(plan("Acrobot-v1", "rs", {"--seed", seed}), "--seed: '" + seed + "', expected a whole number");
  complains(run_mbrl(scratch, {"plan", "--env", "Acrobot-v1", "--planner", "rs", "--budget", "2147483647"}),
            "--budget is 2147483647, expected 10 to 1000000");
  complains(plan("Acrobot-v1", "rs", {"--set", "mpc.replan_every=500"}),
            "replan_every is 500, expected 1 to");
}
