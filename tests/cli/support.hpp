// The mbrl program started by a test, in a folder of the test's own.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace cli_test {

namespace fs = std::filesystem;

struct Outcome {
  int status = -1;
  std::string out, err;
};

inline std::string slurp(const fs::path& path) {
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
inline pid_t start(const std::vector<std::string>& arguments, const fs::path& out, const fs::path& err,
                   const std::string& signal = "") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::signal(SIGHUP, SIG_DFL);  // tests may run under nohup
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

inline int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline Outcome run_mbrl(const Scratch& scratch, const std::vector<std::string>& arguments,
                        const std::string& signal = "") {
  const fs::path out = scratch / "stdout", err = scratch / "stderr";
  Outcome outcome;
  outcome.status = wait_for(start(arguments, out, err, signal));
  outcome.out = slurp(out);
  outcome.err = slurp(err);
  return outcome;
}

// A small run on the pendulum: some seconds.
inline std::vector<std::string> small_run(const fs::path& out, std::vector<std::string> more = {},
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
inline std::string reproducible(const fs::path& metrics) {
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

// Trials in metrics.csv: its rows but the baseline, trial 0.
inline int rows(const fs::path& metrics) {
  std::ifstream file(metrics);
  std::string line;
  int n = -1;
  while (std::getline(file, line))
    if (!line.starts_with("0,")) ++n;
  return n;
}

}  // namespace cli_test
