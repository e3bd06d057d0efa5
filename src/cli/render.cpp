// mbrl render: a film of what a run has learned, or of an environment.
#include <algorithm>
#include <cstdio>
#include <functional>

#include "commands.hpp"
#include "episode_video.hpp"
#include "mbrl/core/progress.hpp"
#include "mbrl/core/random.hpp"
#include "trained_run.hpp"

namespace mbrl::cli {
namespace {

struct RenderOptions {
  std::string folder, environment, out, policy = "random";
  std::uint64_t seed = 1;
  int steps = 0;
  int threads = 0;
  VideoOptions video;
};

using Act = std::function<Vecd(const Vecd& obs, int t)>;

// One episode, or its first `steps` steps.
Episode record(AnyEnvironment& env, const RenderOptions& options, const Act& act) {
  Vecd obs = env.reset(options.seed);
  Episode episode;
  episode.begin(env);
  const int steps = options.steps > 0 ? std::min(options.steps, env.spec().max_steps) : env.spec().max_steps;
  ProgressBar bar;
  bar.start("acting", steps);
  StepResult result;
  for (int t = 0; t < steps && !result.terminated && !result.truncated; ++t) {
    result = env.step(act(obs, t));
    obs = result.obs;
    episode.add(env, result.reward);
    bar.update(t + 1);
  }
  bar.finish();
  return episode;
}

Act simple_policy(const EnvSpec& spec, const RenderOptions& options) {
  require(options.policy == "random" || options.policy == "zero", "--policy is '", options.policy,
          "', expected random or zero");
  if (options.policy == "zero")
    return
        [action = Vecd(Vecd::Zero(spec.action_dim()).cwiseMax(spec.action_low).cwiseMin(spec.action_high))](
            const Vecd&, int) { return action; };
  return [&spec, random = RandomStream(options.seed, Stream::kUser)](const Vecd&, int t) {
    Vecd action(spec.action_dim());
    for (Index i = 0; i < action.size(); ++i)
      action(i) = random.uniform(spec.action_low(i), spec.action_high(i), static_cast<std::uint32_t>(t),
                                 static_cast<std::uint32_t>(i));
    return action;
  };
}

void write(const RenderOptions& options, const std::string& out, const EnvSpec& spec,
           const Episode& episode) {
  write_video(out, spec, episode, options.video);
  std::printf("%s: %s, return %.1f in %zu steps\n", out.c_str(), spec.name.c_str(), episode.total(),
              episode.rewards.size());
}

void render(const RenderOptions& options) {
  require(
      options.folder.empty() != options.environment.empty(),
      "render: expected either a run folder or --env, e.g. 'mbrl render runs/cheetah' or 'mbrl render --env "
      "Hopper-v5'");
  require(options.steps >= 0, "--steps is ", options.steps,
          ", expected at least 1, or 0 for a whole episode");
  if (options.folder.empty()) {
    AnyEnvironment env = all_environments().make(options.environment);
    std::string file = options.environment + ".mp4";
    std::replace(file.begin(), file.end(), '/', '_');
    check_video(env.spec(), options.video);
    const Episode episode = record(env, options, simple_policy(env.spec(), options));
    write(options, options.out.empty() ? file : options.out, env.spec(), episode);
    return;
  }
  TrainedRun run = load_trained_run(options.folder, options.threads);
  PetsSession& session = *run.session;
  check_video(session.env.spec(), options.video);
  session.controller.reset();
  const Episode episode = record(session.env, options, [&session](const Vecd& obs, int) -> Vecd {
    return session.controller.act(obs.cast<float>()).cast<double>();
  });
  const std::string out =
      options.out.empty() ? (std::filesystem::path(options.folder) / "episode.mp4").string() : options.out;
  write(options, out, session.env.spec(), episode);
}

}  // namespace

void add_video_options(CLI::App& command, VideoOptions& options) {
  command.add_option("--camera", options.camera, "default, free, track, or a camera named in the MJCF")
      ->capture_default_str();
  command.add_option("--size", options.size, "WIDTHxHEIGHT in pixels, even numbers")->capture_default_str();
}

void add_render(CLI::App& app) {
  auto* command = app.add_subcommand(
      "render",
      "Make a film (MP4) of what a run has learned, or of an environment\n\n"
      "  mbrl render runs/cheetah                               to runs/cheetah/episode.mp4\n"
      "  mbrl render runs/cheetah --camera track --size 1280x720 --out cheetah.mp4\n"
      "  mbrl render --env Ant-v5 --policy random --steps 200\n\n"
      "Needs no display. MBRL_GL=egl or osmesa chooses how OpenGL is reached.");
  auto options = std::make_shared<RenderOptions>();
  command->add_option("run", options->folder, "Run folder");
  command->add_option("--env", options->environment, "Environment, a name of 'mbrl envs', instead of a run");
  command->add_option("--policy", options->policy, "With --env: random or zero")->capture_default_str();
  command->add_option("--out", options->out,
                      "MP4 file (default: episode.mp4 in the run folder, or ENV.mp4 here)");
  command->add_option("--seed", options->seed, "Start state, and random actions")->capture_default_str();
  command->add_option("--steps", options->steps, "Only the first steps of the episode");
  command->add_option("--threads", options->threads, "Threads for planning (default: all cores)");
  add_video_options(*command, options->video);
  command->callback([options] { render(*options); });
}

}  // namespace mbrl::cli
