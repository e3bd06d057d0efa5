// mbrl train NAME: learn, with progress, into a run folder that can be resumed.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>

#include <spdlog/spdlog.h>

#include "command_line.hpp"
#include "commands.hpp"
#include "filming.hpp"
#include "mbrl/core/any_settings.hpp"
#include "mbrl/core/deadline.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/run/checkpoint.hpp"
#include "mbrl/run/evaluation.hpp"
#include "mbrl/run/reporter.hpp"
#include "registries.hpp"
#include "settings_list.hpp"
#include "sweep.hpp"
#include "train_options.hpp"

namespace mbrl::cli {
namespace {

std::atomic<int> stop_signal = 0;

// The same signal again ends the program at once, unless it comes on the heels of the first: timeout(1), for one,
// sends it to the process and then to its group.
extern "C" void on_stop_signal(int signal) {
  constexpr double kTogether = 0.5;  // s
  static volatile double first = 0;
  const double now = steady_seconds();
  if (stop_signal == signal && now - first > kTogether) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  if (stop_signal != signal) first = now;
  stop_signal = signal;
}

// Saves, evaluates, reports and stops on behalf of an algorithm's loop.
class Session final : public RunObserver {
 public:
  Session(const TrainOptions& options, const RunConfiguration& configuration, std::optional<RunFolder> folder)
      : options_(options),
        configuration_(configuration),
        entry_(algorithms().at(configuration.algorithm)),
        pool_(options.threads),
        algorithm_(make_algorithm(configuration, registries(), pool_)),
        evaluations_(configuration.eval, configuration.seed),
        filming_(algorithm_.environment(), options) {
    const bool resumed = folder && folder->has_checkpoint();
    folder_ = folder ? *folder : RunFolder::create(options.out, to_json_text(configuration));
    rows_ = row_shards(*folder_);
    if (options.video) require_writable(folder_->video());
    if (resumed) load();
    reporter_ = std::make_unique<RunReporter>(*folder_, configuration, entry_.budget(configuration.own),
                                              pool_.size(), program_name());
    if (folder && !resumed) begin_again();
    reporter_->start(metrics(), resumed);
    for (const std::string& sentence : settings_without_effect(options, configuration))
      spdlog::warn(sentence);
  }

  // Whether the run is done.
  bool run() {
    bool done = true;
    if (evaluations_.owed()) {
      done = evaluate();
      if (done) reporter_->round(metrics(), {});
    }
    done = done && algorithm_.run(*this);
    if (done && unsaved_) save(true);
    reporter_->finish(metrics(), done, done && has_picture(algorithm_.environment().spec()));
    if (done) filming_.finish(*folder_, algorithm_.metrics());
    return done;
  }

  void on_progress(const RunProgress& progress) override {
    if (progress.phase != RunPhase::kRandom && !baseline_told_) {
      baseline_told_ = true;
      reporter_->baseline(metrics());
    }
    position_.steps = progress.steps;
    reporter_->progress(progress, algorithm_.metrics().round_name());
    filming_.progress(progress);
  }
  bool stop_requested() override { return stop_signal != 0; }
  bool on_safe_point(bool round_over) override {
    // Every round, unless rounds are shorter than saving should be.
    constexpr double kShort = 1;  // s
    const double waited = std::chrono::duration<double>(Clock::now() - saved_).count();
    const double wanted =
        round_over ? std::min(kShort, options_.checkpoint_every_s) : options_.checkpoint_every_s;
    unsaved_ = true;
    if (stop_requested() || waited >= wanted) save(round_over);
    return !stop_requested();
  }
  void on_failure() override {
    try {
      save(false);
    } catch (const Error& error) {  // the run's own error is what counts
      spdlog::warn("what was learned so far cannot be saved: {}", error.what());
    }
  }
  void on_round(const MetricTable& table, const RoundReport& report) override {
    filming_.round();
    if (evaluations_.due(static_cast<std::int64_t>(table.last("step")))) evaluate();
    reporter_->round(metrics(), report);
  }

 private:
  using Clock = std::chrono::steady_clock;

  MetricTable metrics() const { return evaluations_.joined(algorithm_.metrics()); }

  // Of what was learned in the rounds so far; false if it was stopped.
  bool evaluate() {
    if (!evaluated_in_) evaluated_in_.emplace(registries().environments.make(configuration_.environment));
    AnyActor actor = algorithm_.actor();
    const int most_steps = evaluated_in_->spec().max_steps, episodes = evaluations_.episodes();
    return evaluations_.evaluate(
        *evaluated_in_, actor, static_cast<std::int64_t>(algorithm_.metrics().last("step")),
        [&](int episode, int done, double total) {
          reporter_->evaluating(episode, episodes, done, most_steps, total);
        },
        [] { return stop_signal != 0; });
  }

  void save(bool round_over) {
    StateDict state;
    rows_->announce(state);
    algorithm_.save(state, checkpoint_prefix(configuration_.algorithm));
    evaluations_.save(state);
    position_.rounds = static_cast<std::int64_t>(algorithm_.metrics().rows());
    position_.round_begun = !round_over;
    reporter_->catch_up(metrics());
    save_checkpoint(*folder_, configuration_.algorithm, position_, std::move(state), *rows_);
    saved_ = Clock::now();
    unsaved_ = false;
  }
  void stand_at(const RunPosition& done) {
    position_ = done;
    require_budget_for(done, configuration_, *folder_, algorithm_.metrics().round_name());
  }
  // A run that was stopped before its first checkpoint, or whose checkpoint is gone, has nothing to go on from.
  void begin_again() {
    const auto kept = folder_->set_metrics_aside();
    write_file_atomically(folder_->settings(), to_json_text(configuration_));
    spdlog::warn("{} is not there: the run begins again{}", folder_->checkpoint().string(),
                 kept ? "; its metrics.csv of before is kept as " + kept->filename().string() : "");
  }
  void load() {
    const StateDict state = load_checkpoint(*folder_, configuration_.algorithm, *rows_);
    const auto position = position_in(state);
    if (position) stand_at(*position);  // before it is loaded into memory that is too small for it
    algorithm_.load(state, checkpoint_prefix(configuration_.algorithm));
    if (!position && algorithm_.metrics().rows() > 0)
      stand_at({.rounds = static_cast<std::int64_t>(algorithm_.metrics().rows()),
                .steps = static_cast<std::int64_t>(algorithm_.metrics().last("step"))});
    evaluations_.load(state);
    write_file_atomically(folder_->settings(), to_json_text(configuration_));
  }

  const TrainOptions& options_;
  RunConfiguration configuration_;
  const AlgorithmEntry& entry_;
  ThreadPool pool_;
  AnyAlgorithm algorithm_;
  std::optional<AnyEnvironment> evaluated_in_;
  Evaluations evaluations_;
  Filming filming_;
  std::optional<RunFolder> folder_;
  std::optional<RowShards> rows_;  // of the folder's checkpoints
  std::unique_ptr<RunReporter> reporter_;
  RunPosition position_;
  bool baseline_told_ = false;
  bool unsaved_ = false;  // a safe point has passed since the last save
  Clock::time_point saved_ = Clock::now();
};

void train(const TrainOptions& options) {
  require(!options.out.empty(), "--out: the run folder is missing, e.g. --out runs/cheetah");
  std::optional<RunFolder> folder;
  if (options.resume) folder = RunFolder::resume(options.out);
  const RunConfiguration configuration =
      folder ? configuration_to_resume(options, *folder) : configure(options);
  check_session(options, registries().environments.spec(configuration.environment));
  Session session(options, configuration, folder);
  std::signal(SIGINT, on_stop_signal);
  std::signal(SIGTERM, on_stop_signal);  // what clusters send before they take the machine away
  // A terminal that is closed; under nohup it stays ignored.
  if (std::signal(SIGHUP, on_stop_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  if (!session.run()) throw CLI::RuntimeError(128 + stop_signal);
}

// What the options of one algorithm are gathered in while the command line is read.
struct Given {
  TrainOptions train;
  SweepOptions sweep;
  SettingsFilter list;
};

void run_given(Given& given, const CLI::App& command) {
  TrainOptions& options = given.train;
  const bool jobs_given = command.count("--jobs") > 0;
  require(!jobs_given || given.sweep.jobs >= 1, "--jobs is ", given.sweep.jobs, ", expected at least 1");
  require(command.count("--env") == 0 || !given.sweep.environments.empty(),
          "--env is empty, expected a name of 'mbrl envs' or names between commas");
  require(command.count("--seed") == 0 || !given.sweep.seeds.empty(),
          "--seed is empty, expected a whole number, a list (1,4,7) or a range (1..5)");
  const std::vector<SweepRun> runs = sweep_runs(given.sweep, options.algorithm);
  require(given.list.wanted || options.resume || options.out.empty() || !is_sweep(options.out), options.out,
          " holds a sweep already; continue it with --resume, or choose another folder");
  if (!given.list.wanted && (!runs.front().name.empty() || (options.resume && is_sweep(options.out)))) {
    const int status = run_sweep(given.sweep, options);
    if (status != 0) throw CLI::RuntimeError(status);
    return;
  }
  options.environment = runs.front().environment;
  if (!runs.front().seed.empty()) options.seed = std::stoull(runs.front().seed);
  options.assignments = runs.front().assignments;
  if (given.list.wanted) {
    const RunConfiguration shown = options.resume
                                       ? configuration_to_resume(options, RunFolder::open(options.out))
                                       : chosen_configuration(options);
    print_settings(list_keys(shown), list_keys(default_configuration(options.algorithm, shown.environment)),
                   given.list);
    return;
  }
  if (jobs_given) {
    if (!options.resume) configure(options);  // a mistake in what was to be a list is the one to be told of
    fail("--jobs has no effect: this is one run, not a sweep");
  }
  train(options);
}

void add_presets(CLI::App& command, const AlgorithmEntry& entry, TrainOptions& options) {
  std::string help = "Settings to start from: default";
  bool published = false;
  for (std::size_t i = 0; i < entry.presets.size(); ++i) {
    help += (i + 1 < entry.presets.size() ? ", " : " or ") + entry.presets[i].name + " (" +
            entry.presets[i].help + ")";
    published = published || entry.presets[i].name == "published";
  }
  auto* preset = command.add_option("--preset", options.preset, help);
  if (published)
    command
        .add_flag_callback(
            "--published", [&options] { options.preset = "published"; }, "The same as --preset published")
        ->excludes(preset);
}

// What a setting is, with its key, as a line of --help.
std::string help_of(AnySettings settings, const std::string& key) {
  std::vector<SettingField> fields;
  settings.append_fields("", fields);
  std::string help = find_field(fields, key)->help;  // there, or it was not registered
  if (!help.empty()) help.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(help.front())));
  return help + " (" + key + ")";
}

void add_algorithm(CLI::App& train_command, const AlgorithmEntry& entry) {
  auto given = std::make_shared<Given>();
  TrainOptions& options = given->train;
  SweepOptions& sweep = given->sweep;
  options.algorithm = entry.name;
  auto* command = train_command.add_subcommand(
      entry.name,
      entry.summary + "\n\n" + entry.details + (entry.details.empty() ? "" : "\n\n") +
          "A run folder holds settings.json, metrics.csv, learning_curve.png, TensorBoard events and the "
          "checkpoint.\n'" +
          program_name() + " train " + entry.name +
          " --list-settings' shows every key that --set and --settings take.");
  command->add_option("--env", sweep.environments,
                      "Environment, a name of 'mbrl envs' (default " + entry.environment + "); A,B: a sweep");
  command->add_option("--seed", sweep.seeds,
                      "Fixes every number of the run (default 1); 1..5 or 1,4,7: a sweep");
  auto* steps = command->add_option(
      "--steps", options.steps,
      entry.rounds_key.empty()
          ? "Environment steps to learn for; the episode or round under way is finished"
          : "Environment steps instead of trials; the episode or round under way is finished");
  if (!entry.rounds_key.empty())
    steps->excludes(command->add_option("--trials", options.trials, help_of(entry.blank, entry.rounds_key)));
  command->add_option("--eval-every", options.eval_every,
                      "Environment steps after which what was learned is evaluated, at the end of a round "
                      "(default: never)");
  command->add_option("--eval-episodes", options.eval_episodes,
                      "Episodes of an evaluation (default 5); their mean is eval_return");
  command->add_option("--threads", options.threads,
                      "Threads; the numbers do not depend on it (default: all cores)");
  if (entry.choose_device)
    command->add_option(
        "--device", options.device,
        "Where models are trained and plans evaluated: cpu (by our own kernels), cuda, cuda:<index> "
        "or auto; overrides trainer and evaluator");
  command->add_option("--out", options.out, "Run folder, new or, with --resume, existing");
  command->add_flag("--resume", options.resume,
                    "Continue the run in --out; only the budget and evaluations may change");
  if (!entry.presets.empty()) add_presets(*command, entry, options);
  command
      ->add_option("--set", sweep.assignments,
                   "Change a setting, e.g. rollout.horizon=20; may be repeated; KEY=1,2: a sweep")
      ->type_name("KEY=VALUE");
  command->add_option("--settings", options.settings_file,
                      "JSON file of settings, e.g. another run's settings.json");
  command
      ->add_option("--checkpoint-every", options.checkpoint_every_s,
                   "Seconds between checkpoints inside a round")
      ->capture_default_str();
  auto* video = command->add_flag("--video", options.video,
                                  "Leave a film of the best episode, episode.mp4, in the run folder");
  add_video_options(*command, options.video_options);
  for (const char* name : {"--camera", "--size"}) command->get_option(name)->needs(video);
  command->add_option("--jobs", sweep.jobs, "Runs of a sweep at a time (default: one for each core)");
  add_list_settings(*command, given->list, "with its value for the environment");
  command->callback([given, command] { run_given(*given, *command); });
}

}  // namespace

void add_train(CLI::App& app) {
  auto* command = app.add_subcommand("train", "Learn a task");
  command->require_subcommand(1);
  for (const std::string& name : algorithms().names()) add_algorithm(*command, algorithms().at(name));
}

}  // namespace mbrl::cli
