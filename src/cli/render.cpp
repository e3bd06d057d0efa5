// mbrl render: a film of what a run has learned, or of an environment.
#include <algorithm>
#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "episode_video.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/run/evaluation.hpp"
#include "registries.hpp"
#include "simple_policy.hpp"

namespace mbrl::cli {
namespace {

struct RenderOptions {
  std::string folder, environment, out, policy = "random";
  std::uint64_t seed = 1;
  int steps = 0;
  int threads = 0;
  VideoOptions video;
};

// One episode, or its first `steps` steps.
Episode record(AnyEnvironment& env, const RenderOptions& options, AnyActor& actor) {
  const int limit = env.spec().max_steps;
  const int steps = options.steps > 0 && (limit == 0 || options.steps < limit) ? options.steps : limit;
  Episode episode;
  ProgressBar bar;
  bar.start("acting", steps);
  const EpisodeResult result = run_episode(
      env, actor, options.seed,
      [&](int done, const StepResult& step, double /*total*/) {
        if (done == 0)
          episode.begin(env);
        else
          episode.add(env, step.reward);
        bar.update(done);
        return true;
      },
      steps);
  episode.fault = result.fault;
  bar.finish();
  return episode;
}

void write(const RenderOptions& options, const std::string& out, const EnvSpec& spec,
           const Episode& episode) {
  write_video(out, spec, episode, options.video);
  std::printf("%s: %s, return %.1f in %zu steps%s\n", out.c_str(), spec.name.c_str(), episode.total(),
              episode.rewards.size(), breakdown(episode.fault).c_str());
}

void render(const RenderOptions& options) {
  require(
      options.folder.empty() != options.environment.empty(),
      "render: expected either a run folder or --env, e.g. 'mbrl render runs/cheetah' or 'mbrl render --env "
      "Hopper-v5'");
  require(options.steps >= 0, "--steps is ", options.steps,
          ", expected at least 1, or 0 for a whole episode");
  if (options.folder.empty()) {
    AnyEnvironment env = registries().environments.make(options.environment);
    std::string file = options.environment + ".mp4";
    std::replace(file.begin(), file.end(), '/', '_');
    if (!options.out.empty()) file = options.out;
    check_video(file, env.spec(), options.video);
    AnyActor actor(SimplePolicy(env.spec(), options.policy, options.seed));
    write(options, file, env.spec(), record(env, options, actor));
    return;
  }
  RunController run =
      load_controller(options.folder, registries(), {.threads = options.threads, .device = ""});
  const std::string out =
      options.out.empty() ? (std::filesystem::path(options.folder) / "render.mp4").string() : options.out;
  check_video(out, run.environment.spec(), options.video);
  write(options, out, run.environment.spec(), record(run.environment, options, run.actor));
}

}  // namespace

void add_video_options(CLI::App& command, VideoOptions& options) {
  command.add_option("--camera", options.camera, "default, free, track, or a camera named in the MJCF")
      ->capture_default_str();
  command.add_option("--size", options.size, "WIDTHxHEIGHT in pixels, even numbers")->capture_default_str();
}

void add_render(CLI::App& app) {
  auto* command =
      add_command(app, "render", "Make a film (MP4) of what a run has learned, or of an environment",
                  "  mbrl render runs/cheetah                               to runs/cheetah/render.mp4\n"
                  "  mbrl render runs/cheetah --camera track --size 1280x720 --out cheetah.mp4\n"
                  "  mbrl render --env Ant-v5 --policy random --steps 200\n\n"
                  "Needs no display. MBRL_GL=egl or osmesa chooses how OpenGL is reached.");
  auto options = std::make_shared<RenderOptions>();
  command->add_option("run", options->folder, "Run folder");
  command->add_option("--env", options->environment, "Environment, a name of 'mbrl envs', instead of a run");
  command->add_option("--policy", options->policy, "With --env: random or zero")->capture_default_str();
  command->add_option("--out", options->out,
                      "MP4 file (default: render.mp4 in the run folder, or ENV.mp4 here)");
  add_seed(*command, options->seed, "Start state, and random actions");
  command->add_option("--steps", options->steps, "Only the first steps of the episode");
  command->add_option("--threads", options->threads, "Threads for planning (default: all cores)");
  add_video_options(*command, options->video);
  command->callback([options] { render(*options); });
}

}  // namespace mbrl::cli
