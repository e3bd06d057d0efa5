// mbrl eval: act with what a run has learned, without learning more.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "episode_video.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/table.hpp"
#include "trained_run.hpp"

namespace mbrl::cli {
namespace {

struct EvalOptions {
  std::string folder;
  int episodes = 1;
  std::uint64_t seed = 1;
  int threads = 0;
  std::string device;
  bool video = false, markdown = false;
  VideoOptions video_options;
};

void evaluate(const EvalOptions& options) {
  require(options.episodes >= 1, "--episodes is ", options.episodes, ", expected at least 1");
  TrainedRun run = load_trained_run(options.folder, options.threads, options.device);
  PetsSession& session = *run.session;
  const auto file = std::filesystem::path(options.folder) / "eval.mp4";  // training's own is episode.mp4
  if (options.video) check_video(file, session.env.spec(), options.video_options);

  std::printf("%s after %zu trials, planner %s\n\n", run.configuration.environment.c_str(),
              session.pets.metrics().size(), run.configuration.planner.name.c_str());
  const Table table = stdout_table({{"episode", 7},
                                    {"return", 10},
                                    {"steps", 6},
                                    {"plan p50 (ms)", 8},
                                    {"plan p99 (ms)", 8},
                                    {"what went wrong", 24, true}},
                                   options.markdown);
  const auto print = [](const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  print(table.header());
  ProgressBar bar;
  double sum = 0, squares = 0;
  Episode episode_now, best;
  for (int episode = 0; episode < options.episodes; ++episode) {
    session.controller.reset();
    session.controller.latency().clear();
    Vecd obs = session.env.reset(options.seed + static_cast<std::uint64_t>(episode));
    if (options.video) episode_now.begin(session.env);
    double total = 0;
    int steps = 0;
    StepResult result;
    bar.start("episode " + std::to_string(episode + 1) + "/" + std::to_string(options.episodes),
              session.env.spec().max_steps);
    for (; !result.terminated && !result.truncated; ++steps) {
      result = session.env.step(session.controller.act(obs.cast<float>()).cast<double>());
      obs = result.obs;
      total += result.reward;
      if (options.video) episode_now.add(session.env, result.reward);
      bar.update(steps + 1, "return " + fixed(total, 1));
    }
    bar.finish();
    if (options.video && (best.rewards.empty() || episode_now.total() > best.total())) best = episode_now;
    sum += total;
    squares += total * total;
    const LatencyRecorder& latency = session.controller.latency();
    print(table.row({std::to_string(episode + 1), fixed(total, 1), std::to_string(steps),
                     fixed(1e3 * latency.p50(), 1), fixed(1e3 * latency.p99(), 1), result.fault}));
  }
  if (options.episodes > 1) {
    const double n = options.episodes, mean = sum / n;
    std::printf("\nmean return %.1f, standard deviation %.1f over %d episodes\n", mean,
                std::sqrt(std::max(0.0, (squares - n * mean * mean) / (n - 1))), options.episodes);
  }
  if (options.video) {
    write_video(file, session.env.spec(), best, options.video_options);
    std::printf("%s: the best episode, return %.1f\n", file.c_str(), best.total());
  }
}

}  // namespace

void add_eval(CLI::App& app) {
  auto* command =
      add_command(app, "eval", "Act with what a run has learned", "  mbrl eval runs/cheetah --episodes 3");
  auto options = std::make_shared<EvalOptions>();
  command->add_option("run", options->folder, "Run folder")->required();
  command->add_option("--episodes", options->episodes, "Episodes")->capture_default_str();
  command->add_option("--seed", options->seed, "Start state of the first episode")->capture_default_str();
  command->add_option("--threads", options->threads, "Threads (default: all cores)");
  command->add_flag("--video", options->video,
                    "Leave a video of the best episode, eval.mp4, in the run folder");
  command->add_option("--device", options->device,
                      "Where plans are evaluated: cpu, cuda, cuda:<index> or auto (default: as in training)");
  command->add_flag("--markdown", options->markdown, "A Markdown table, as where the output is no terminal");
  add_video_options(*command, options->video_options);
  command->callback([options] { evaluate(*options); });
}

}  // namespace mbrl::cli
