#include "sweep.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <thread>

#include "command_line.hpp"
#include "learning_curves.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/csv.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/settings_file.hpp"
#include "mbrl/io/table.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

namespace fs = std::filesystem;

// What sweep.json holds: the command line that the sweep was started with.
struct SweepRecord {
  std::string algorithm;  // empty before 0.1.0: kUnnamedAlgorithm
  std::string environments, seeds, preset, settings_file;
  std::vector<std::string> assignments;
  std::int64_t trials = 0, steps = 0;  // 0: not given
  std::int64_t eval_every = -1, eval_episodes = 0;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("algorithm", s.algorithm, "what learns");
    field("env", s.environments, "--env");
    field("seed", s.seeds, "--seed");
    field("preset", s.preset, "--preset");
    field("settings", s.settings_file, "--settings");
    field("set", s.assignments, "--set");
    field("trials", s.trials, "--trials; 0: not given");
    field("steps", s.steps, "--steps; 0: not given");
    field("eval_every", s.eval_every, "--eval-every; -1: not given");
    field("eval_episodes", s.eval_episodes, "--eval-episodes; 0: not given");
  }
};

struct Child {
  std::size_t run = 0;
  std::chrono::steady_clock::time_point begun;
};

// Starts this program anew, its output in `log`. Its own process group: Ctrl-C comes to us, and we pass it
// on.
pid_t start(std::vector<std::string> arguments, const fs::path& log, const sigset_t& mask) {
  std::error_code error;
  std::string program = fs::read_symlink("/proc/self/exe", error).string();
  require(!error, "sweep: the program's own file is not known: ", error.message());
  std::vector<char*> argv = {program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  require(pid >= 0, "sweep: no process can be started");
  if (pid > 0) return pid;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // should we be killed, the run stops with a checkpoint
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0 || ::dup2(fd, 1) < 0 || ::dup2(fd, 2) < 0) ::_exit(126);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

std::vector<std::string> arguments_of(const SweepRun& run, const TrainOptions& options,
                                      const fs::path& folder) {
  std::vector<std::string> a = {"train",
                                options.algorithm,
                                "--out",
                                folder.string(),
                                "--threads",
                                std::to_string(std::max(1, options.threads)),
                                "--checkpoint-every",
                                shortest(options.checkpoint_every_s)};
  const auto add = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) a.insert(a.end(), {name, value});
  };
  if (options.trials) add("--trials", std::to_string(*options.trials));
  if (options.steps) add("--steps", std::to_string(*options.steps));
  if (options.eval_every) add("--eval-every", std::to_string(*options.eval_every));
  if (options.eval_episodes) add("--eval-episodes", std::to_string(*options.eval_episodes));
  if (options.video) {
    a.push_back("--video");
    add("--camera", options.video_options.camera);
    add("--size", options.video_options.size);
  }
  if (fs::exists(folder / "settings.json")) {
    a.push_back("--resume");
    return a;
  }
  add("--env", run.environment);
  add("--seed", run.seed);
  add("--preset", options.preset);
  add("--device", options.device);
  add("--settings", options.settings_file);
  for (const std::string& assignment : run.assignments) add("--set", assignment);
  return a;
}

std::string ending(int status) {
  if (WIFEXITED(status)) return "status " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(WTERMSIG(status));
}

// Last row of a run's table.
struct RunResult {
  double steps = 0, last = 0, best = 0;
  std::int64_t rounds = 0;
  std::string round_name;
};
std::optional<RunResult> result_of(const fs::path& folder) {
  if (!fs::exists(folder / "metrics.csv")) return std::nullopt;
  const CsvTable table = read_csv(folder / "metrics.csv");
  if (table.rows() == 0) return std::nullopt;
  const auto at = [&](const char* column) { return table.at(table.rows() - 1, table.index(column)); };
  // The first column counts rounds; a row of random actions before them is 0.
  return RunResult{at("step"), at("return"), at("best_return"),
                   static_cast<std::int64_t>(at(table.columns.front().c_str())), table.columns.front()};
}

// The table and the curves of all runs that have a result.
void report(const fs::path& out, const std::vector<SweepRun>& runs) {
  std::string csv = "run,seed,steps,return,best_return\n";
  std::vector<std::string> folders;
  for (const SweepRun& run : runs)
    if (const auto result = result_of(out / run.name)) {
      folders.push_back((out / run.name).string());
      csv += run.name + "," + run.seed + "," + shortest(result->steps) + "," + shortest(result->last) + "," +
             shortest(result->best) + "\n";
    }
  write_file_atomically(out / "sweep.csv", csv);
  if (folders.empty()) return;

  const LearningCurves curves = read_learning_curves(folders, "best_return");
  std::vector<PlotSeries> series;
  std::vector<std::string> undrawn;
  std::vector<std::vector<std::string>> rows;
  const auto number = [](double value, int decimals) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return std::string(text);
  };
  for (const CurveGroup& group : curves.groups) {
    std::vector<double> best, steps;
    for (const RunCurve& run : group.runs) {
      best.push_back(run.value.back());
      steps.push_back(run.step.back());
    }
    rows.push_back({group.environment + (group.difference.empty() ? "" : ", " + group.difference),
                    std::to_string(best.size()), number(quantile(steps, 0.5), 0),
                    number(quantile(best, 0.5), 1), number(quantile(best, 0.25), 1),
                    number(quantile(best, 0.75), 1)});
    try {
      series.push_back(summarise(group));
    } catch (const Error& error) {
      undrawn.push_back(std::string("no curve: ") + error.what());
    }
  }
  std::printf("\n%s", table_text({{"best return", 0, true},
                                  {"seeds"},
                                  {"steps"},
                                  {"median"},
                                  {"lower quartile"},
                                  {"upper quartile"}},
                                 rows, stdout_table_style())
                          .c_str());
  for (const std::string& remark : curves.remarks) std::printf("%s\n", remark.c_str());
  for (const std::string& reason : undrawn) std::printf("%s\n", reason.c_str());
  const fs::path image = out / "learning_curves.png";
  std::string drawn = " and " + image.string();
  try {
    plot_lines(image, "", "environment steps", column_title("best_return"), series);
  } catch (const Error& error) {
    drawn = std::string("; no curves: ") + error.what();
  }
  std::printf("results in %s%s\n", (out / "sweep.csv").c_str(), drawn.c_str());
}

// Mistakes before any work: what a run would say on its first lines. Of runs that are not there yet those that differ by
// their seed alone are looked at once.
void require_runnable(const std::vector<SweepRun>& runs, const TrainOptions& options, const fs::path& out) {
  ThreadPool pool(1);
  const SweepRun* last = nullptr;
  for (const SweepRun& run : runs) {
    TrainOptions one = options;
    const fs::path folder = out / run.name;
    if (fs::exists(folder / "settings.json")) {
      const RunFolder begun = RunFolder::open(folder);
      one.preset.clear();
      one.device.clear();
      one.settings_file.clear();
      const RunConfiguration wanted = configuration_to_resume(one, begun);
      check_session(one, registries().environments.spec(wanted.environment));
      const std::optional<RunResult> done = begun.has_checkpoint() ? result_of(folder) : std::nullopt;
      if (done)
        require_budget_for({.rounds = done->rounds, .steps = static_cast<std::int64_t>(done->steps)}, wanted,
                           begun, done->round_name);
      continue;
    }
    if (last && run.environment == last->environment && run.assignments == last->assignments) continue;
    last = &run;
    one.environment = run.environment;
    if (!run.seed.empty()) one.seed = std::stoull(run.seed);
    one.assignments = run.assignments;
    const RunConfiguration configuration = configure(one);
    check_session(one, registries().environments.spec(configuration.environment));
    make_algorithm(configuration, registries(), pool);
  }
}

}  // namespace

bool is_sweep(const std::string& folder) { return fs::exists(fs::path(folder) / "sweep.json"); }

int run_sweep(const SweepOptions& sweep, const TrainOptions& given) {
  const fs::path out = given.out;
  require(!given.out.empty(), "--out: the sweep's folder is missing, e.g. --out runs/sweep");
  SweepOptions lists = sweep;
  TrainOptions options = given;
  if (!options.settings_file.empty()) options.settings_file = fs::absolute(options.settings_file).string();
  if (is_sweep(given.out)) {
    SweepRecord record;
    load_settings_file(record, out / "sweep.json");
    if (record.algorithm.empty()) record.algorithm = kUnnamedAlgorithm;
    require(record.algorithm == options.algorithm, "--resume: ", out, " is a sweep of ", record.algorithm);
    const auto same = [](const std::string& again, const std::string& begun) {
      return again.empty() || again == begun;
    };
    const bool sets =
        std::all_of(sweep.assignments.begin(), sweep.assignments.end(), [&](const std::string& set) {
          return std::find(record.assignments.begin(), record.assignments.end(), set) !=
                 record.assignments.end();
        });
    require(same(sweep.environments, record.environments) && same(sweep.seeds, record.seeds) && sets,
            "--resume: ", out, " is a sweep over other lists; leave out --env, --seed and --set");
    require(given.preset.empty() || given.preset == record.preset, "--resume: ", out, " has the preset '",
            record.preset, "'");
    lists = {record.environments, record.seeds, record.assignments, sweep.jobs};
    options.preset = record.preset;
    options.settings_file = record.settings_file;
    if (!options.trials && !options.steps) {
      if (record.trials > 0) options.trials = static_cast<int>(record.trials);
      if (record.steps > 0) options.steps = record.steps;
    }
    if (!options.eval_every && record.eval_every >= 0) options.eval_every = record.eval_every;
    if (!options.eval_episodes && record.eval_episodes > 0)
      options.eval_episodes = static_cast<int>(record.eval_episodes);
  } else {
    require(!fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)), out,
            " exists and is not an empty folder; choose another one with --out");
  }
  const std::vector<SweepRun> runs = sweep_runs(lists, options.algorithm);
  require_runnable(runs, options, out);
  std::error_code error;
  fs::create_directories(out, error);
  require(!error, "folder ", out, " cannot be made: ", error.message());
  const std::optional<FileLock> lock = FileLock::try_take(out / "lock");
  require(lock.has_value(), "sweep ", out, " is in use by ", FileLock::holder(out / "lock"));
  // Signals are waited for, not handled: none is lost between a look and a wait.
  sigset_t waited, before;
  sigemptyset(&waited);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM}) sigaddset(&waited, signal);
  struct sigaction closed {};
  ::sigaction(SIGHUP, nullptr, &closed);
  if (closed.sa_handler != SIG_IGN) sigaddset(&waited, SIGHUP);  // under nohup it stays ignored
  ::sigprocmask(SIG_BLOCK, &waited, &before);
  write_file_atomically(
      out / "sweep.json",
      to_json_text(SweepRecord{options.algorithm, lists.environments, lists.seeds, options.preset,
                               options.settings_file, lists.assignments, options.trials.value_or(0),
                               options.steps.value_or(0), options.eval_every.value_or(-1),
                               options.eval_episodes.value_or(0)}));

  const auto cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int jobs = sweep.jobs > 0 ? sweep.jobs : std::max(1, cores / std::max(1, options.threads));
  std::printf("%zu runs, %d at a time, in %s\n", runs.size(), jobs, out.c_str());
  std::fflush(stdout);

  std::map<pid_t, Child> children;
  std::vector<std::string> failures;
  std::size_t next = 0, ended = 0;
  int stopped_by = 0;
  while (!children.empty() || (next < runs.size() && stopped_by == 0)) {
    while (stopped_by == 0 && next < runs.size() && children.size() < static_cast<std::size_t>(jobs)) {
      const fs::path folder = out / runs[next].name;
      const pid_t pid =
          start(arguments_of(runs[next], options, folder), out / (runs[next].name + ".log"), before);
      children[pid] = {next++, std::chrono::steady_clock::now()};
    }
    const int signal = ::sigwaitinfo(&waited, nullptr);
    if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) {
      stopped_by = signal;
      for (const auto& [pid, child] : children) ::kill(pid, SIGTERM);
    }
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = children.find(pid);
      if (found == children.end()) continue;
      const std::string& name = runs[found->second.run].name;
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - found->second.begun).count();
      const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      if (done) {
        const std::optional<RunResult> result = result_of(out / name);
        std::printf("[%zu/%zu] %s: best return %.1f after %.0f steps, %s\n", ++ended, runs.size(),
                    name.c_str(), result ? result->best : MetricTable::kNone, result ? result->steps : 0,
                    format_duration(seconds).c_str());
      } else if (stopped_by == 0) {
        failures.push_back(name + " ended with " + ending(status) + "; see " +
                           (out / (name + ".log")).string());
        std::printf("[%zu/%zu] %s\n", ++ended, runs.size(), failures.back().c_str());
      }
      std::fflush(stdout);
      children.erase(found);
    }
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);

  if (stopped_by != 0) {
    std::printf("stopped; continue with: %s train %s --out %s --resume\n", program_name().c_str(),
                options.algorithm.c_str(), out.c_str());
    return 128 + stopped_by;
  }
  report(out, runs);
  for (const std::string& failure : failures) std::printf("%s\n", failure.c_str());
  return failures.empty() ? 0 : 1;
}

}  // namespace mbrl::cli
