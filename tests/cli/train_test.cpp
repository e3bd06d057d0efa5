// 'mbrl train' as a user meets it: killed, stopped, resumed and refused; the same numbers for any threads;
// budgets, tables and warnings.
#include <algorithm>

#include "catch.hpp"
#include "cli/support.hpp"

using namespace cli_test;

TEST_CASE("the same seed gives the same metrics for one and two threads, and a run is complete") {
  const Scratch scratch;
  REQUIRE(run_mbrl(scratch, small_run(scratch / "one", {"--threads", "1"})).status == 0);
  REQUIRE(run_mbrl(scratch, small_run(scratch / "two", {"--threads", "2"})).status == 0);
  const std::string metrics = reproducible(scratch / "one" / "metrics.csv");
  CHECK(metrics == reproducible(scratch / "two" / "metrics.csv"));
  CHECK(metrics.starts_with("trial,step,return,best_return,model_nll,"));
  CHECK(rows(scratch / "one" / "metrics.csv") == 3);
  for (const char* name :
       {"settings.json", "log.txt", "checkpoint/state.safetensors", "plans/trial_0003.csv"})
    CHECK(fs::exists(scratch / "one" / name));
  const Outcome eval = run_mbrl(scratch, {"eval", (scratch / "one").string(), "--episodes", "2"});
  CHECK(eval.status == 0);
  CHECK(eval.out.find("mean return") != std::string::npos);
}

TEST_CASE("of many short rounds every one is in the table at the end") {
  const Scratch scratch;
  const fs::path run = scratch / "maze";
  REQUIRE(run_mbrl(scratch, {"train", "dyna", "--env", "DynaMaze", "--steps", "60000", "--out", run.string()})
              .status == 0);
  const int count = rows(run / "metrics.csv");
  CHECK(count > 2000);  // episodes of 14 steps and more
  CHECK(slurp(run / "metrics.csv").find("\n" + std::to_string(count) + ",") != std::string::npos);
}

TEST_CASE("a killed run, resumed, gives the numbers of a run that was not killed") {
  const Scratch scratch;
  REQUIRE(run_mbrl(scratch, small_run(scratch / "whole")).status == 0);
  const std::string expected = reproducible(scratch / "whole" / "metrics.csv");
  const fs::path run = scratch / "killed";
  // A checkpoint at each of the 800 steps, and kill -9 before the n-th call that changes a file (while the
  // folder is made, within a checkpoint) or after the n-th checkpoint (at random, and in every trial).
  for (const char* when :
       {"1", "2", "3", "4", "6", "9", "14", "150 state.safetensors", "333", "120 state.safetensors", "1234",
        "200 state.safetensors", "130 state.safetensors", ""}) {
    std::vector<std::string> arguments = small_run(run, {"--checkpoint-every", "0"});
    if (fs::exists(run / "settings.json")) arguments.push_back("--resume");
    const bool killed = *when != 0;
    const Outcome outcome = run_mbrl(scratch, arguments, killed ? "9 " + std::string(when) : "");
    INFO(when << ": " << outcome.err);
    REQUIRE(outcome.status == (killed ? 128 + SIGKILL : 0));
  }
  CHECK(reproducible(run / "metrics.csv") == expected);
}

TEST_CASE("a run that learns no numbers any more ends with a sentence and a checkpoint") {
  const Scratch scratch;
  const fs::path run = scratch / "run";
  const Outcome outcome =
      run_mbrl(scratch, {"train", "sac", "--env", "Pendulum-v1", "--preset", "quick", "--steps", "450",
                         "--out", run.string(), "--set", "random_steps=250", "sac.adam.learning_rate=1e30"});
  CHECK(outcome.status == 2);
  CHECK(outcome.err.find("sac: update ") != std::string::npos);
  // Long before a checkpoint would have been due.
  CHECK(fs::exists(run / "checkpoint" / "state.safetensors"));
  CHECK(rows(run / "metrics.csv") == 1);
  const Outcome eval = run_mbrl(scratch, {"eval", run.string(), "--episodes", "1"});
  INFO(eval.err);
  CHECK(eval.status == 0);
}

TEST_CASE("a run without its checkpoint begins again, says so and keeps the table of before") {
  const Scratch scratch;
  const fs::path run = scratch / "run";
  REQUIRE(run_mbrl(scratch, small_run(run, {}, "1")).status == 0);
  const std::string before = slurp(run / "metrics.csv");
  for (const char* kept : {"metrics_1.csv", "metrics_2.csv"}) {
    fs::remove_all(run / "checkpoint");
    fs::create_directory(run / "checkpoint");
    const std::string table = slurp(run / "metrics.csv");
    const Outcome again = run_mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume"});
    INFO(again.err);
    CHECK(again.status == 0);
    CHECK(again.err.find("state.safetensors is not there: the run begins again") != std::string::npos);
    CHECK(again.err.find(kept) != std::string::npos);
    CHECK(slurp(run / kept) == table);
    CHECK(rows(run / "metrics.csv") == 1);
  }
  CHECK(slurp(run / "metrics_1.csv") == before);
  // What it begins again with is what it goes on with.
  fs::remove_all(run / "checkpoint");
  fs::create_directory(run / "checkpoint");
  CHECK(run_mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume", "--trials", "2"}).status == 0);
  CHECK(run_mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume"}).status == 0);
  CHECK(rows(run / "metrics.csv") == 2);
}

TEST_CASE("Ctrl-C, SIGTERM and a closed terminal leave a checkpoint and say how to go on") {
  const Scratch scratch;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const fs::path run = scratch / ("run" + std::to_string(signal));
    // Twice at a time is once: timeout(1) sends it to the process and to its group.
    const Outcome stopped =
        run_mbrl(scratch, small_run(run, {}, "500"), std::to_string(signal) + " 2 metrics.csv 2");
    CHECK(stopped.status == 128 + signal);
    CHECK(fs::exists(run / "checkpoint/state.safetensors"));
    CHECK(stopped.err.find("--resume") != std::string::npos);
    const int done = rows(run / "metrics.csv");
    const Outcome more = run_mbrl(
        scratch, {"train", "pets", "--out", run.string(), "--resume", "--trials", std::to_string(done + 1)});
    CHECK(more.status == 0);
    CHECK(rows(run / "metrics.csv") == done + 1);
  }
}

TEST_CASE("a second process on a run is refused while the first lives, and only then") {
  const Scratch scratch;
  const fs::path run = scratch / "run";
  // The first stops (SIGSTOP) once it has finished a trial, and is asked nothing more.
  const pid_t first = start(small_run(run), scratch / "first.out", scratch / "first.err",
                            std::to_string(SIGSTOP) + " 1 metrics.csv");
  int status = 0;
  REQUIRE(::waitpid(first, &status, WUNTRACED) == first);
  REQUIRE(WIFSTOPPED(status));
  const std::string before = slurp(run / "log.txt");
  const Outcome second = run_mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume"});
  CHECK(second.status == 2);
  INFO(second.err);
  CHECK(second.err.find("is in use by process " + std::to_string(first)) != std::string::npos);
  CHECK(run_mbrl(scratch, small_run(run)).status == 2);
  CHECK(slurp(run / "log.txt") == before);  // nothing was touched
  ::kill(first, SIGKILL);
  wait_for(first);
  CHECK(run_mbrl(scratch, small_run(run, {"--resume"})).status == 0);
  CHECK(rows(run / "metrics.csv") == 3);
}

TEST_CASE("a damaged checkpoint is refused, and a full disk keeps the old one") {
  const Scratch scratch;
  const fs::path run = scratch / "run", checkpoint = run / "checkpoint" / "state.safetensors";
  REQUIRE(run_mbrl(scratch, small_run(run)).status == 0);
  const std::string resume_error = "state.safetensors";
  const std::vector<std::string> resume = {"train",    "pets",     "--out", run.string(),
                                           "--resume", "--trials", "4"};

  // An existing run without --resume, and a resumed one with other settings.
  CHECK(run_mbrl(scratch, small_run(run)).status == 2);
  const Outcome other =
      run_mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume", "--seed", "4"});
  CHECK(other.status == 2);
  CHECK(other.err.find("seed is 3") != std::string::npos);

  // A disk without room: the limit on file sizes stands in for it.
  const std::string good = slurp(checkpoint);
  const std::string command = "trap '' XFSZ; ulimit -f 8; '" + std::string(MBRL_PROGRAM) +
                              "' train pets --out '" + run.string() + "' --resume --trials 4 >/dev/null 2>'" +
                              (scratch / "stderr").string() + "'";
  const int status = std::system(command.c_str());
  CHECK(WEXITSTATUS(status) == 2);
  CHECK(slurp(checkpoint) == good);

  // Truncated, foreign, and of another program.
  const auto refused = [&](const std::string& bytes) {
    std::ofstream(checkpoint, std::ios::binary | std::ios::trunc) << bytes;
    const Outcome outcome = run_mbrl(scratch, resume);
    CHECK(outcome.status == 2);
    INFO(outcome.err);
    CHECK(outcome.err.find(resume_error) != std::string::npos);
  };
  refused(good.substr(0, good.size() / 2));
  refused(good.substr(0, 4));
  refused("");
  refused("this is no checkpoint at all, but a text about something else");
  const std::string empty_file("\x02\0\0\0\0\0\0\0{}", 10);
  refused(empty_file);
  std::ofstream(checkpoint, std::ios::binary | std::ios::trunc) << good;
  CHECK(run_mbrl(scratch, resume).status == 0);
}

TEST_CASE("the random episode is trial 0 of the table, and the terminal has a header and a row a trial") {
  const Scratch scratch;
  const Outcome outcome = run_mbrl(scratch, small_run(scratch / "run", {}, "2"));
  REQUIRE(outcome.status == 0);
  std::ifstream metrics(scratch / "run" / "metrics.csv");
  std::string line;
  REQUIRE(std::getline(metrics, line));
  CHECK(line.find(",plans,plans_judged,plans_unusable,") != std::string::npos);
  REQUIRE(std::getline(metrics, line));
  CHECK(line.starts_with("0,200,-"));
  CHECK(rows(scratch / "run" / "metrics.csv") == 2);

  std::istringstream printed(outcome.err);
  std::vector<std::string> table;
  while (std::getline(printed, line)) {
    CHECK(line.find('\x1b') == std::string::npos);
    if (line.starts_with("  trial    steps") || line.starts_with(" random      200") ||
        line.starts_with("    1/2      400") || line.starts_with("    2/2      600"))
      table.push_back(line);
  }
  INFO(outcome.err);
  REQUIRE(table.size() == 4);
  for (const std::string& row : table) CHECK(row.size() <= 79);
  CHECK(outcome.err.find("next: mbrl eval " + (scratch / "run").string()) != std::string::npos);
}

TEST_CASE("a budget in steps ends a run, and resuming may raise it") {
  const Scratch scratch;
  const fs::path run = scratch / "run";
  auto arguments = small_run(run, {"--steps", "600", "--set", "pets.train_every=100"});
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i] == "--trials")
      arguments.erase(arguments.begin() + static_cast<long>(i), arguments.begin() + static_cast<long>(i) + 2);
  REQUIRE(run_mbrl(scratch, arguments).status == 0);
  CHECK(rows(run / "metrics.csv") == 2);
  const std::vector<std::string> resume = {"train", "pets", "--out", run.string(), "--resume"};
  const auto with = [&](std::vector<std::string> more) {
    auto all = resume;
    all.insert(all.end(), more.begin(), more.end());
    return run_mbrl(scratch, all);
  };
  CHECK(with({}).status == 0);  // nothing is left to do
  const Outcome fewer = with({"--steps", "300"});
  CHECK(fewer.status == 2);
  CHECK(fewer.err.find("the budget is 300 steps, but 600 are done") != std::string::npos);
  CHECK(with({"--trials", "9"}).err.find("--trials has no effect") != std::string::npos);
  CHECK(with({"--steps", "601"}).status == 0);
  CHECK(rows(run / "metrics.csv") == 3);
}

TEST_CASE("every option of train is used, refused, or said to have no effect") {
  const Scratch scratch;
  const fs::path run = scratch / "run";
  const Outcome first = run_mbrl(scratch, small_run(run, {"--set", "planner.cem.population=9"}, "2"));
  REQUIRE(first.status == 0);
  CHECK(first.err.find("planner.cem.population has no effect: planner.name is icem") != std::string::npos);
  const auto refused = [&](std::vector<std::string> more, const std::string& message) {
    std::vector<std::string> arguments = {"train", "pets", "--out", run.string(), "--resume"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_mbrl(scratch, arguments);
    CHECK(outcome.status == 2);
    INFO(outcome.err);
    CHECK(outcome.err.find(message) != std::string::npos);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') <= 2);
  };
  refused({"--trials", "1"}, "the budget is 1 trials, but 2 are done");
  refused({"--trials", "-3"}, "trials is -3, expected at least 1");
  refused({"--trials", "2000000000"}, "transitions; expected at most 4294967295");
  refused({"--published"}, "leave out the preset, 'published'");
  refused({"--preset", "quick"}, "leave out the preset, 'quick'");
  refused({"--device", "cpu"}, "leave out --device");
  refused({"--jobs", "2"}, "--jobs has no effect");
  refused({"--checkpoint-every", "-1"}, "--checkpoint-every is -1");
  refused({"--camera", "side"}, "--video");

  const auto new_run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train",       "pets",  "--env",
                                          "Pendulum-v1", "--out", (scratch / "new").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_mbrl(scratch, arguments);
    CHECK(outcome.status == 2);
    CHECK(!fs::exists(scratch / "new"));
    return outcome.err;
  };
  CHECK(new_run({"--set", "model.hidden="}).find("expected a list of whole numbers, e.g. 1,2") !=
        std::string::npos);
  CHECK(new_run({"--preset", "quik"}).find("did you mean 'quick'?") != std::string::npos);
  CHECK(new_run({"--device", "abacus"}).find("--device is 'abacus', expected cpu, cuda") !=
        std::string::npos);
  CHECK(new_run({"--jobs", "2", "--set", "model.hiden=32"}).find("did you mean 'model.hidden'?") !=
        std::string::npos);
  CHECK(new_run({"--trials", "3", "--steps", "9"}).find("--trials") != std::string::npos);
  CHECK(new_run({"--steps", "0"}).find("--steps is 0, expected at least 1") != std::string::npos);
  std::ofstream(scratch / "big.json") << "{\"rollout\": {\n\"data_margin\": 1e400}}";
  CHECK(
      new_run({"--settings", (scratch / "big.json").string()}).find("line 2 holds 1e400, which is beyond") !=
      std::string::npos);
}

TEST_CASE("settings and runs of another algorithm are named as such") {
  const Scratch scratch;
  const fs::path run = scratch / "maze";
  REQUIRE(run_mbrl(scratch, {"train", "dyna", "--env", "DynaMaze", "--steps", "200", "--out", run.string()})
              .status == 0);
  const Outcome other =
      run_mbrl(scratch, {"train", "sac", "--env", "Pendulum-v1", "--settings",
                         (run / "settings.json").string(), "--out", (scratch / "sac").string()});
  CHECK(other.status == 2);
  CHECK(other.err.find("has the settings of dyna, expected some of sac") != std::string::npos);
  CHECK(!fs::exists(scratch / "sac"));

  std::string settings = slurp(run / "settings.json");
  settings.replace(settings.find("dyna"), 4, "mine");
  std::ofstream(run / "settings.json") << settings;
  const Outcome eval = run_mbrl(scratch, {"eval", run.string()});
  CHECK(eval.status == 2);
  CHECK(eval.err.find("the run is of 'mine', which is no algorithm of this program") != std::string::npos);
}

TEST_CASE("a curve is drawn where the first round ended no episode, and advice is what the program can do") {
  const Scratch scratch;
  const fs::path run = scratch / "ppo";
  const Outcome ppo = run_mbrl(scratch, {"train", "ppo", "--env", "Pendulum-v1", "--preset", "quick",
                                         "--steps", "4096", "--set", "horizon=100", "--out", run.string()});
  REQUIRE(ppo.status == 0);
  CHECK(slurp(run / "metrics.csv").find("\n1,") != std::string::npos);
  CHECK(fs::exists(run / "learning_curve.png"));
  CHECK(ppo.err.find("no learning_curve.png") == std::string::npos);
  CHECK((ppo.out + ppo.err).find("the curve is") != std::string::npos);

  const Outcome sac = run_mbrl(scratch, {"train", "sac", "--env", "control/PointMass", "--steps", "100",
                                         "--out", (scratch / "mass").string()});
  REQUIRE(sac.status == 0);
  CHECK((sac.out + sac.err).find("next: mbrl eval") != std::string::npos);
  CHECK((sac.out + sac.err).find("mbrl render") == std::string::npos);  // it has no picture
}

TEST_CASE("train lists settings by a filter, marked where they differ, and --device chooses who computes") {
  const Scratch scratch;
  const auto list = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train", "pets", "--env", "Pendulum-v1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_mbrl(scratch, arguments).out;
  };
  const std::string elites = list({"--set", "planner.icem.elites=7", "--list-settings", "icem.el"});
  CHECK(elites.starts_with("* planner.icem.elites = 7 (default "));
  CHECK(std::count(elites.begin(), elites.end(), '\n') == 2);
  CHECK(list({"--list-settings"}).find("training.epochs") != std::string::npos);
  CHECK(list({"--set", "trainer=torch-cpu", "--device", "cpu", "--list-settings", "trainer"})
            .starts_with("trainer = native"));
}

TEST_CASE("runs are plotted by settings and seed, and what was left out is said") {
  const Scratch scratch;
  const auto train = [&](const std::string& name, const std::string& seed, const std::string& units,
                         const std::string& trials) {
    auto arguments = small_run(scratch / name, {"--set", "model.hidden=" + units}, trials);
    *(std::find(arguments.begin(), arguments.end(), "--seed") + 1) = seed;
    REQUIRE(run_mbrl(scratch, arguments).status == 0);
    return (scratch / name).string();
  };
  const std::string a = train("a", "1", "8", "1"), b = train("b", "2", "8", "2"),
                    c = train("c", "1", "8", "2"), d = train("d", "1", "4", "1");
  const std::string image = (scratch / "curves.svg").string();
  const Outcome outcome = run_mbrl(scratch, {"plot", a, b, c, d, d, "--out", image, "--column", "return"});
  if (outcome.err.find("gnuplot is not installed") != std::string::npos) {
    WARN("gnuplot is not installed: not tested");
    return;
  }
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(outcome.out.find("Pendulum-v1, model.hidden=[8], 2 seeds (mean, range), to step 600\n") !=
        std::string::npos);
  CHECK(outcome.out.find("Pendulum-v1, model.hidden=[4], 1 seed, to step 400\n") != std::string::npos);
  CHECK(outcome.out.find(a + " is left out: the same settings and seed as " + c + "\n") != std::string::npos);
  CHECK(outcome.out.find(d + " is given twice") != std::string::npos);
  CHECK(outcome.out.find(image + ":\n") != std::string::npos);
  CHECK(slurp(image).find("environment steps") != std::string::npos);
  CHECK(slurp(image).find("return of an episode") != std::string::npos);
  const Outcome shorter = run_mbrl(scratch, {"plot", a, b, "--out", image});
  CHECK(shorter.out.find(b + " goes on to step 600; its curve is drawn to step 400") != std::string::npos);
  const Outcome film = run_mbrl(scratch, {"plot", a, "--out", (scratch / "x.gif").string()});
  CHECK(film.status == 2);
  CHECK(film.err.find("expected .png, .svg or .pdf") != std::string::npos);
  CHECK(run_mbrl(scratch, {"plot", a, "--out", image, "--column", "retrn"}).err.find("'retrn'") !=
        std::string::npos);
}

TEST_CASE("a sweep runs every combination, stops and resumes, and ends in one table") {
  const Scratch scratch;
  const fs::path out = scratch / "sweep";
  auto arguments = small_run(out, {"--set", "planner.icem.elites=2,3", "--jobs", "2"}, "1");
  *(std::find(arguments.begin(), arguments.end(), "--seed") + 1) = "4..5";
  REQUIRE(run_mbrl(scratch, arguments).status == 0);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(out))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"planner.icem.elites=2_seed=4", "planner.icem.elites=2_seed=5",
                                          "planner.icem.elites=3_seed=4", "planner.icem.elites=3_seed=5"});
  CHECK(rows(out / "sweep.csv") == 4);
  // The numbers are those of a run of its own.
  auto single = small_run(scratch / "single", {"--set", "planner.icem.elites=3"}, "1");
  *(std::find(single.begin(), single.end(), "--seed") + 1) = "5";
  REQUIRE(run_mbrl(scratch, single).status == 0);
  CHECK(reproducible(scratch / "single" / "metrics.csv") ==
        reproducible(out / "planner.icem.elites=3_seed=5" / "metrics.csv"));

  // A run that is missing and one that was cut short are made good.
  fs::remove_all(out / names[1]);
  fs::remove(out / names[2] / "checkpoint" / "state.safetensors");
  const Outcome resumed = run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume"});
  INFO(resumed.out << resumed.err);
  CHECK(resumed.status == 0);
  CHECK(resumed.out.find("[4/4]") != std::string::npos);
  CHECK(resumed.out.find("Pendulum-v1, planner.icem.elites=2") != std::string::npos);
  CHECK(rows(out / names[1] / "metrics.csv") == 1);
  CHECK(rows(out / names[2] / "metrics.csv") == 1);

  // A budget that is spent is told before any run, and forgotten.
  const std::string record = slurp(out / "sweep.json");
  const Outcome spent =
      run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume", "--steps", "10"});
  INFO(spent.err);
  CHECK(spent.status == 2);
  CHECK(spent.err.find("the budget is 10 steps, but 400 are done") != std::string::npos);
  CHECK(slurp(out / "sweep.json") == record);
  CHECK(run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume", "--trials", "2"}).status == 0);
  const Outcome fewer =
      run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume", "--trials", "1"});
  INFO(fewer.err);
  CHECK(fewer.err.find("the budget is 1 trials, but 2 are done") != std::string::npos);
  CHECK(run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume"}).status == 0);

  CHECK(run_mbrl(scratch, arguments).err.find("holds a sweep already") != std::string::npos);
  CHECK(run_mbrl(scratch, {"train", "pets", "--out", out.string()}).err.find("holds a sweep already") !=
        std::string::npos);
  // A list that is given again is the sweep's own.
  const auto again = [&](const std::string& option, const std::string& list) {
    return run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume", option, list});
  };
  CHECK(again("--set", "planner.icem.elites=2,3").status == 0);
  CHECK(again("--seed", "4..5").status == 0);
  CHECK(again("--seed", "4..6").err.find("is a sweep over other lists") != std::string::npos);
  const auto refused = [&](const std::string& seed, const std::string& message) {
    const Outcome outcome = run_mbrl(scratch, {"train", "pets", "--env", "Pendulum-v1", "--seed", seed,
                                               "--out", (scratch / "none").string()});
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(message) != std::string::npos);
    CHECK(!fs::exists(scratch / "none"));
  };
  refused("1..x", "--seed is '1..x'");
  refused("5..1", "expected ranges like 1..5");
  refused("2,2", "comes twice");
  refused("", "--seed is empty, expected a whole number, a list (1,4,7) or a range (1..5)");
  refused("18446744073709551615,18446744073709551614..18446744073709551615", "comes twice");
  const auto rejected = [&](const std::string& environments, std::vector<std::string> more,
                            const std::string& message) {
    std::vector<std::string> sweep = {
        "train", "pets", "--env", environments, "--out", (scratch / "none").string(), "--set"};
    sweep.insert(sweep.end(), more.begin(), more.end());
    const Outcome outcome = run_mbrl(scratch, sweep);
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.err.find(message) != std::string::npos);
    CHECK(!fs::exists(scratch / "none"));
  };
  rejected("Pendulum-v1,Pendulum-v9", {"pets.trials=1"}, "'Pendulum-v9'");
  rejected("Pendulum-v1", {"planner.name=cem,nope"}, "'nope'");
  rejected("Pendulum-v1", {"rollout.horizon=5,0"}, "horizon is 0");
  rejected("Pendulum-v1", {"training.epochs=3,-1"}, "epochs is -1");
  rejected("Pendulum-v1", {"mpc.replan_every=1,1000"},
           "replan_every is 1000, expected 1 to the planning horizon");
  rejected("Pendulum-v1", {"planner.icem.alpha=0.1,0.10"}, "'planner.icem.alpha=0.10' comes twice");
  rejected("Pendulum-v1", {"planner.icem.add_mean=true,false,on"}, "'planner.icem.add_mean=on' comes twice");
  rejected("Pendulum-v1", {"model.hidden=[32,32],[32, 32]"}, "'model.hidden=[32, 32]' comes twice");
  rejected("Pendulum-v1", {"pets.trials=5,"}, "expected values between commas");
  rejected("Pendulum-v1", {"pets.trils=5,5"}, "did you mean 'pets.trials'?");
  rejected("Pendulum-v1", {"pets.trials=1", "--jobs=0"}, "--jobs is 0, expected at least 1");
  rejected("", {"pets.trials=1"}, "--env is empty");
  rejected("Pendulum-v1,", {"pets.trials=1"}, "expected names between commas");
  rejected("Pendulum-v1", {"environment=Acrobot-v1,CartPole-v1"}, "--env says otherwise");
  for (const char* lists : {"[32,32],[16", "[32,32],16", "[32,32]x", "[32],"})
    rejected("Pendulum-v1", {std::string("model.hidden=") + lists}, "expected lists in brackets");
  rejected("Pendulum-v1", {"pets.trials=5,6", "--checkpoint-every=-1"}, "--checkpoint-every is -1");
  rejected("Pendulum-v1", {"pets.trials=5,6", "pets.trials=7"}, "'pets.trials' is given again");
  rejected("Pendulum-v1", {"pets.trials=5,6", "pets.trials=7,8"}, "'pets.trials' is given again");
}

TEST_CASE("a sweep that is stopped passes the signal on and says how to go on") {
  const Scratch scratch;
  const fs::path out = scratch / "sweep";
  auto arguments = small_run(out, {"--jobs", "2"}, "500");
  *(std::find(arguments.begin(), arguments.end(), "--seed") + 1) = "1,2";
  // SIGTERM as soon as its settings are written: it is waited for, so it comes once the runs have begun.
  const Outcome stopped = run_mbrl(scratch, arguments, std::to_string(SIGTERM) + " 1 sweep.json");
  CHECK(stopped.status == 128 + SIGTERM);
  CHECK(stopped.out.find("continue with: mbrl train pets --out " + out.string() + " --resume") !=
        std::string::npos);
  const Outcome resumed =
      run_mbrl(scratch, {"train", "pets", "--out", out.string(), "--resume", "--trials", "1"});
  INFO(resumed.out << resumed.err);
  CHECK(resumed.status == 0);
  for (const char* name : {"seed=1", "seed=2"}) CHECK(rows(out / name / "metrics.csv") == 1);
}
