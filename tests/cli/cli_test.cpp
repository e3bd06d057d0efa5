// The mbrl program as a user meets it: exit status, messages, resuming after kill -9, the same numbers for
// any threads.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"

namespace fs = std::filesystem;

namespace {

struct Outcome {
  int status = -1;
  std::string out, err;
};

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder of this test's own, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "mbrl_cli_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// `signal`: when the program gets one (signal_at.cpp).
pid_t start(const std::vector<std::string>& arguments, const fs::path& out, const fs::path& err,
            const std::string& signal = "") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!signal.empty()) {
      ::setenv("MBRL_SIGNAL", signal.c_str(), 1);
      ::setenv("LD_PRELOAD", MBRL_SIGNAL_AT, 1);
      ::setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 0);
    }
    std::vector<char*> argv;
    std::string program = MBRL_PROGRAM;
    argv.push_back(program.data());
    std::vector<std::string> copy = arguments;
    for (std::string& a : copy) argv.push_back(a.data());
    argv.push_back(nullptr);
    if (!std::freopen(out.c_str(), "w", stdout) || !std::freopen(err.c_str(), "w", stderr)) ::_exit(126);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Outcome mbrl(const Scratch& scratch, const std::vector<std::string>& arguments,
             const std::string& signal = "") {
  const fs::path out = scratch / "stdout", err = scratch / "stderr";
  Outcome outcome;
  outcome.status = wait_for(start(arguments, out, err, signal));
  outcome.out = slurp(out);
  outcome.err = slurp(err);
  return outcome;
}

// A small run on the pendulum: some seconds.
std::vector<std::string> small_run(const fs::path& out, std::vector<std::string> more = {},
                                   const std::string& trials = "3") {
  std::vector<std::string> arguments = {"train", "pets",     "--env", "Pendulum-v1", "--seed",
                                        "3",     "--trials", trials,  "--out",       out.string()};
  for (const char* setting :
       {"model.hidden=16,16", "rollout.horizon=12", "rollout.particles=5", "training.epochs=3",
        "planner.icem.population=24", "planner.icem.elites=4", "planner.icem.iterations=2"}) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// metrics.csv without its wall-clock columns.
std::string reproducible(const fs::path& metrics) {
  std::ifstream file(metrics);
  std::string line, result;
  std::vector<bool> keep;
  while (std::getline(file, line)) {
    std::stringstream cells(line);
    std::string cell;
    std::vector<std::string> row;
    while (std::getline(cells, cell, ',')) row.push_back(cell);
    if (keep.empty())
      for (const std::string& name : row) keep.push_back(!name.ends_with("_s"));
    for (std::size_t i = 0; i < row.size(); ++i)
      if (keep[i]) result += row[i] + ",";
    result += "\n";
  }
  return result;
}

int rows(const fs::path& metrics) {
  std::ifstream file(metrics);
  std::string line;
  int n = -1;
  while (std::getline(file, line)) ++n;
  return n;
}

}  // namespace

TEST_CASE("envs lists every environment with its dimensions") {
  const Scratch scratch;
  const Outcome outcome = mbrl(scratch, {"envs"});
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("Pendulum-v1") != std::string::npos);
#if MBRL_HAS_MUJOCO
  CHECK(outcome.out.find("pets/HalfCheetah") != std::string::npos);
#endif
}

TEST_CASE("help teaches, and a mistake in the command line has status 2") {
  const Scratch scratch;
  CHECK(mbrl(scratch, {"--help"}).status == 0);
  CHECK(mbrl(scratch, {"--help"}).out.find("mbrl train pets") != std::string::npos);
  CHECK(mbrl(scratch, {"train", "pets", "--help"}).out.find("--resume") != std::string::npos);
  CHECK(mbrl(scratch, {}).status == 2);
  CHECK(mbrl(scratch, {"fly"}).status == 2);
  CHECK(mbrl(scratch, {"train", "pets", "--trials", "many"}).status == 2);
}

TEST_CASE("the same seed gives the same metrics for one and two threads, and a run is complete") {
  const Scratch scratch;
  REQUIRE(mbrl(scratch, small_run(scratch / "one", {"--threads", "1"})).status == 0);
  REQUIRE(mbrl(scratch, small_run(scratch / "two", {"--threads", "2"})).status == 0);
  const std::string metrics = reproducible(scratch / "one" / "metrics.csv");
  CHECK(metrics == reproducible(scratch / "two" / "metrics.csv"));
  CHECK(metrics.starts_with("trial,step,return,best_return,model_nll,"));
  CHECK(rows(scratch / "one" / "metrics.csv") == 3);
  for (const char* name :
       {"settings.json", "log.txt", "checkpoint/state.safetensors", "plans/trial_0003.csv"})
    CHECK(fs::exists(scratch / "one" / name));
  const Outcome eval = mbrl(scratch, {"eval", (scratch / "one").string(), "--episodes", "2"});
  CHECK(eval.status == 0);
  CHECK(eval.out.find("mean return") != std::string::npos);
}

TEST_CASE("a killed run, resumed, gives the numbers of a run that was not killed") {
  const Scratch scratch;
  REQUIRE(mbrl(scratch, small_run(scratch / "whole")).status == 0);
  const std::string expected = reproducible(scratch / "whole" / "metrics.csv");
  const fs::path run = scratch / "killed";
  // A checkpoint at every step, and kill -9 before the n-th call that changes a file: while the folder is made,
  // within a checkpoint, between checkpoints, and further on each time.
  for (const int n : {1, 2, 3, 4, 6, 9, 14, 500, 1501, 2502, 3503, 0}) {
    std::vector<std::string> arguments = small_run(run, {"--checkpoint-every", "0"});
    if (fs::exists(run / "settings.json")) arguments.push_back("--resume");
    const Outcome outcome = mbrl(scratch, arguments, n > 0 ? "9 " + std::to_string(n) : "");
    INFO(n << ": " << outcome.err);
    REQUIRE(outcome.status == (n > 0 ? 128 + SIGKILL : 0));
  }
  CHECK(reproducible(run / "metrics.csv") == expected);
}

TEST_CASE("Ctrl-C and SIGTERM leave a checkpoint and say how to go on") {
  const Scratch scratch;
  for (const int signal : {SIGINT, SIGTERM}) {
    const fs::path run = scratch / ("run" + std::to_string(signal));
    const Outcome stopped = mbrl(scratch, small_run(run, {}, "500"), std::to_string(signal) + " 2 metrics.csv");
    CHECK(stopped.status == 128 + signal);
    CHECK(fs::exists(run / "checkpoint/state.safetensors"));
    CHECK(stopped.err.find("--resume") != std::string::npos);
    const int done = rows(run / "metrics.csv");
    const Outcome more = mbrl(
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
  const Outcome second = mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume"});
  CHECK(second.status == 2);
  INFO(second.err);
  CHECK(second.err.find("is in use by process " + std::to_string(first)) != std::string::npos);
  CHECK(mbrl(scratch, small_run(run)).status == 2);
  CHECK(slurp(run / "log.txt") == before);  // nothing was touched
  ::kill(first, SIGKILL);
  wait_for(first);
  CHECK(mbrl(scratch, small_run(run, {"--resume"})).status == 0);
  CHECK(rows(run / "metrics.csv") == 3);
}

TEST_CASE("bad input gives one clear error and status 2") {
  const Scratch scratch;
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = mbrl(scratch, arguments);
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
  REQUIRE(mbrl(scratch, small_run(run, {"--set", "training.epochs=30"}, "1")).status == 0);
  const auto compare = [&](const std::string& states, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"compare", run.string(),        "--quick", "--states",
                                          states,    "--judge-particles", "10"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return mbrl(scratch, arguments);
  };
  const Outcome table =
      compare("2", {"--set", "planner.icem.population=10", "--set", "planner.icem.iterations=2"});
  CHECK(table.status == 0);
  CHECK(table.out.find("| CEM 400 x 5 x 20 |") != std::string::npos);
  CHECK(table.out.find("| 100.0 % |") != std::string::npos);
  CHECK(table.out.find("| frugal |") != std::string::npos);
  CHECK(table.out.find("| the run's own |") != std::string::npos);
  const Outcome unknown = compare("2", {"--set", "planner.icem.populaton=10"});
  CHECK(unknown.status == 2);
  CHECK(unknown.err.find("did you mean 'planner.icem.population'?") != std::string::npos);
  CHECK(compare("0", {}).status == 2);
  CHECK(compare("100000", {}).err.find("expected at least 100000") != std::string::npos);
}

TEST_CASE("a damaged checkpoint is refused, and a full disk keeps the old one") {
  const Scratch scratch;
  const fs::path run = scratch / "run", checkpoint = run / "checkpoint" / "state.safetensors";
  REQUIRE(mbrl(scratch, small_run(run)).status == 0);
  const std::string resume_error = "state.safetensors";
  const std::vector<std::string> resume = {"train",    "pets",     "--out", run.string(),
                                           "--resume", "--trials", "4"};

  // An existing run without --resume, and a resumed one with other settings.
  CHECK(mbrl(scratch, small_run(run)).status == 2);
  const Outcome other = mbrl(scratch, {"train", "pets", "--out", run.string(), "--resume", "--seed", "4"});
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
    const Outcome outcome = mbrl(scratch, resume);
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
  CHECK(mbrl(scratch, resume).status == 0);
}

TEST_CASE("plan compares planners on the true dynamics") {
  const Scratch scratch;
  const fs::path csv = scratch / "table.csv", pictures = scratch / "pictures";
  const auto plan = [&](const std::string& threads) {
    return mbrl(scratch, {"plan", "--env", "control/PointMass", "--planner", "cem,ilqr", "--steps", "20",
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
         {"trajectory_cem.png", "trajectory_ilqr.png", "reward.png", "cost_per_iteration.png"})
      CHECK(fs::file_size(pictures / name) > 1000);
  CHECK(plan("3").status == 0);
  CHECK(returns() == first);

  const Outcome list =
      mbrl(scratch, {"plan", "--env", "control/PointMass", "--budget", "501", "--list-settings"});
  CHECK(list.out.find("cem.population = 100\n") != std::string::npos);
  CHECK(list.out.find("mpc.deadline = 0\n") != std::string::npos);
  CHECK(list.out.find("horizon = 20\n") != std::string::npos);
}

TEST_CASE("plan runs on any environment, and says what it cannot do") {
  const Scratch scratch;
  const auto plan = [&](const std::string& environment, const std::string& planner,
                        std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"plan",    "--env", environment, "--planner", planner,
                                          "--steps", "3",     "--budget",  "20"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return mbrl(scratch, arguments);
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
  complains(plan("Acrobot-v1", "rss"), "no planner named 'rss'");
  complains(plan("Acrobt-v1", "rs"), "Acrobot-v1");
  complains(mbrl(scratch, {"plan", "--env", "Acrobot-v1", "--planner", "rs", "--budget", "3"}),
            "--budget is 3");
  complains(plan("Acrobot-v1", "rs", {"--set", "icem.populaton=3"}), "icem.population");
  complains(plan("dmc/reacher-easy", "ilqr"), "mocap");
  // what the budget divides by is checked before, of planners not asked for too
  complains(plan("Acrobot-v1", "rs", {"--set", "cem.iterations=0"}), "cem.iterations is 0");
  complains(plan("Acrobot-v1", "rs", {"--set", "icem.iterations=0"}), "icem.iterations is 0");
  complains(plan("control/CartPole", "ilqr", {"--set", "ilqr.line_search=0"}), "ilqr.line_search is 0");
  complains(plan("control/PlanarQuadrotor", "ilqr", {"--set", "ilqr.box.shrink=1"}), "shrink is 1");
  complains(plan("control/CartPole", "gradient", {"--set", "gradient.horizon=5"}), "has no effect");
  complains(mbrl(scratch, {"plan", "--env", "Acrobot-v1", "--planner", "rs", "--steps", "-1"}),
            "--steps is -1");
}
