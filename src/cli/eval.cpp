// mbrl eval: act with what a run has learned, without learning more.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "episode_video.hpp"
#include "mbrl/core/latency_recorder.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/table.hpp"
#include "mbrl/run/evaluation.hpp"
#include "registries.hpp"

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

// Another actor, with the time it takes for each action.
struct TimedActor {
  AnyActor& inside;
  LatencyRecorder& latency;
  void begin(std::uint64_t seed) { inside.begin(seed); }
  const Vecd& act(ConstVecRef<double> obs, int t) {
    return latency.time([&]() -> const Vecd& { return inside.act(obs, t); });
  }
};

void evaluate(const EvalOptions& options) {
  require(options.episodes >= 1, "--episodes is ", options.episodes, ", expected at least 1");
  RunController run =
      load_controller(options.folder, registries(), {.threads = options.threads, .device = options.device});
  AnyEnvironment& env = run.environment;
  const auto file = std::filesystem::path(options.folder) / "eval.mp4";  // training's own is episode.mp4
  if (options.video) check_video(file, env.spec(), options.video_options);

  std::printf("%s after training on %s\n\n", run.configuration.algorithm.c_str(),
              run.configuration.environment.c_str());
  const Table table = stdout_table({{"episode", 7},
                                    {"return", 10},
                                    {"steps", 6},
                                    {"action p50 (ms)", 8},
                                    {"action p99 (ms)", 8},
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
  LatencyRecorder latency;
  AnyActor actor(TimedActor{run.actor, latency});
  for (int i = 0; i < options.episodes; ++i) {
    latency.clear();
    bar.start("episode " + std::to_string(i + 1) + "/" + std::to_string(options.episodes),
              env.spec().max_steps);
    const EpisodeResult episode = run_episode(env, actor, options.seed + static_cast<std::uint64_t>(i),
                                              [&](int done, const StepResult& step, double total) {
                                                if (options.video && done == 0) episode_now.begin(env);
                                                if (options.video && done > 0)
                                                  episode_now.add(env, step.reward);
                                                bar.update(done, "return " + fixed(total, 1));
                                                return true;
                                              });
    bar.finish();
    if (options.video && (best.rewards.empty() || episode_now.total() > best.total())) best = episode_now;
    sum += episode.total;
    squares += episode.total * episode.total;
    print(table.row({std::to_string(i + 1), fixed(episode.total, 1), std::to_string(episode.steps),
                     fixed(1e3 * latency.p50(), 1), fixed(1e3 * latency.p99(), 1), episode.fault}));
  }
  if (options.episodes > 1) {
    const double n = options.episodes, mean = sum / n;
    std::printf("\nmean return %.1f, standard deviation %.1f over %d episodes\n", mean,
                std::sqrt(std::max(0.0, (squares - n * mean * mean) / (n - 1))), options.episodes);
  }
  if (options.video) {
    write_video(file, env.spec(), best, options.video_options);
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
  add_seed(*command, options->seed, "Start state of the first episode");
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
