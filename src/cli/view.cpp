// mbrl view: watch an environment, or what a run has learned and what it plans, in a window.
#include "command_line.hpp"
#include "commands.hpp"

#if MBRL_HAS_MUJOCO
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>

#include "episode_video.hpp"
#include "mbrl/algorithms/planning/ensemble_planning.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"
#include "mbrl/mujoco/render/window.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/task/env_spec.hpp"
#include "plan_paths.hpp"
#include "registries.hpp"
#include "simple_policy.hpp"
#endif

namespace mbrl::cli {

struct ViewOptions {
  std::string what, policy = "random", camera = "default", screenshot;
  std::uint64_t seed = 1;
  int threads = 0, frames = 0;
  int candidates = 24;
};

#if MBRL_HAS_MUJOCO
namespace {

// Who acts, and, of a planner, what it thinks.
struct Watched {
  virtual ~Watched() = default;
  virtual void begin(std::uint64_t seed) = 0;
  virtual Vecd act(const Vecd& obs, int t) = 0;
  // Of the plan that the next action comes from: ask after `act`, before the step.
  virtual std::vector<mujoco::Path> thoughts(const AnyEnvironment& /*env*/, const Vecd& /*obs*/, int /*t*/) {
    return {};
  }
};

class WatchedActor final : public Watched {
 public:
  explicit WatchedActor(AnyActor actor) : actor_(std::move(actor)) {}
  void begin(std::uint64_t seed) override { actor_.begin(seed); }
  Vecd act(const Vecd& obs, int t) override { return actor_.act(obs, t); }

 private:
  AnyActor actor_;
};

// The run's planner on the run's model, looked over the shoulder.
class WatchedPlanner final : public Watched {
 public:
  WatchedPlanner(EnsemblePlanning& run, const EnvSpec& spec, const mujoco::Scene& scene, int candidates)
      : rollout_(run.native_rollout()),
        evaluator_(rollout_),
        controller_(run.planning().own_planners.make(evaluator_, action_bounds(spec), run.planning().planner,
                                                     run.seed()),
                    action_bounds(spec), without_exploration(run.execution()), run.seed()),
        paths_(scene, spec.dt),
        candidates_(candidates) {}
  void begin(std::uint64_t /*seed*/) override { controller_.reset(); }
  Vecd act(const Vecd& obs, int /*t*/) override { return controller_.act(obs); }
  std::vector<mujoco::Path> thoughts(const AnyEnvironment& env, const Vecd& obs, int t) override {
    return paths_.draw(evaluator_, env.physics_state(), obs, controller_.last_plan().actions, t, candidates_);
  }

 private:
  EnsembleRollout rollout_;  // the CPU's, also for a run that used another: it tells paths
  RememberingEvaluator evaluator_;
  Mpc<AnyPlanner<Vecf, float>> controller_;
  PlanPaths paths_;
  int candidates_;
};

void push(AnyEnvironment& env, const mjModel& model, const Vecd& change) {
  std::vector<double> state = env.state();
  double* velocities = state.data() + state.size() - mujoco::velocities_from_end(model);
  for (Index i = 0; i < change.size(); ++i) velocities[i] += change(i);
  env.set_state(state);
}

void view(const ViewOptions& options) {
  require(options.frames >= 0 && options.candidates >= 0, "--frames and --candidates: expected 0 or more");
  require(options.screenshot.empty() == (options.frames == 0),
          "--screenshot and --frames go together, e.g. --frames 50 --screenshot view.png");
  if (!options.screenshot.empty()) {
    require_extension(options.screenshot, ".png");
    require_writable(options.screenshot);
  }
  std::optional<LoadedRun> run;
  if (std::filesystem::is_directory(options.what))
    run = load_run(options.what, registries(), {.threads = options.threads, .device = ""});
  std::optional<AnyEnvironment> own;
  if (!run) own = registries().environments.make(options.what);
  AnyEnvironment& env = run ? run->algorithm.environment() : *own;
  const EnvSpec& spec = env.spec();
  const mujoco::Scene scene = mujoco::scene_of(spec);
  mujoco::Camera camera = mujoco::camera_of(scene, options.camera);
  if (run && camera.follow) camera.distance *= 1.6;  // plans reach ahead
  std::unique_ptr<Watched> actor;
  EnsemblePlanning* planning = run ? run->algorithm.find<EnsemblePlanning>() : nullptr;
  if (planning != nullptr)
    actor = std::make_unique<WatchedPlanner>(*planning, spec, scene, options.candidates);
  else if (run)
    actor = std::make_unique<WatchedActor>(run->algorithm.actor());
  else
    actor = std::make_unique<WatchedActor>(AnyActor(SimplePolicy(spec, options.policy, options.seed)));

  mujoco::Window window(scene, {.title = "mbrl: " + spec.name, .keep_pictures = options.frames > 0});
  window.set_camera(camera);
  using Clock = std::chrono::steady_clock;
  const auto step_time =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(shown_seconds(spec)));
  std::uint64_t episode = 0;
  Vecd obs, action;
  double total = 0, reward = 0, act_s = 0;
  int t = 0, frame = 0;
  bool over = true;
  std::string fault;  // of the last episode that ended; shown through the next one
  std::vector<mujoco::Path> paths;
  auto next = Clock::now();
  while (!window.closed() && (options.frames == 0 || frame < options.frames)) {
    if (window.take_restart() || over) {
      const std::uint64_t seed = options.seed + episode++;
      obs = env.reset(seed);
      actor->begin(seed);
      total = reward = 0;
      t = 0;
      over = false;
      action.resize(0);
    }
    const bool step = window.take_step();
    if (step) {
      if (action.size() > 0) {  // the one that the window shows the thoughts of
        if (const Vecd change = window.pull(env.physics_state(), spec.dt); change.size() > 0)
          push(env, *scene.model, change);
        const StepResult result = env.step(action);
        obs = result.obs;
        reward = result.reward;
        total += reward;
        ++t;
        over = result.terminated || result.truncated;
        if (over)
          fault = result.fault.empty() ? ""
                                       : "episode " + std::to_string(episode) + ", step " +
                                             std::to_string(t) + ": " + result.fault;
      }
      if (!over) {
        const auto begin = Clock::now();
        action = actor->act(obs, t);
        act_s = std::chrono::duration<double>(Clock::now() - begin).count();
        paths = window.shows_paths() ? actor->thoughts(env, obs, t) : std::vector<mujoco::Path>{};
      }
    }
    std::vector<mujoco::OverlayLine> text = {{"environment", spec.name},
                                             {"episode", std::to_string(episode)},
                                             {"step", std::to_string(t)},
                                             {"reward", number(reward)},
                                             {"return", number(total)}};
    if (run) text.push_back({"an action takes", number(1e3 * act_s) + " ms"});
    if (!fault.empty()) text.push_back({"broken down", fault});
    window.show(env.physics_state(), text, paths);
    ++frame;
    if (options.frames == 0) {  // as fast as time goes, where drawing and planning are fast enough
      next = std::max(next + (step ? step_time : std::chrono::milliseconds(16)), Clock::now() - step_time);
      std::this_thread::sleep_until(next);
    }
  }
  if (!options.screenshot.empty()) {
    mujoco::write_png(options.screenshot, window.screenshot());
    std::printf("%s: the window after %d pictures\n", options.screenshot.c_str(), frame);
  }
}

}  // namespace
#else
namespace {

void view(const ViewOptions&) {
  fail("view needs the component mujoco, without which this program was built");
}

}  // namespace
#endif

void add_view(CLI::App& app) {
  auto* command = add_command(
      app, "view", "Watch an environment, or what a run has learned, in a window",
      "  mbrl view Ant-v5                      random actions\n"
      "  mbrl view runs/cheetah                what was learned; a planner with its candidates as lines: "
      "bright "
      "ones are good, white is the plan\n"
      "  xvfb-run -a mbrl view runs/cheetah --frames 50 --screenshot view.png     without a screen\n\n"
      "Space pauses, right arrow steps, backspace begins again, C changes the camera, P hides the lines,\n"
      "H shows the keys, escape or Q ends; drag turns, double click chooses a body, control and drag "
      "pulls at it.");
  auto options = std::make_shared<ViewOptions>();
  command->add_option("what", options->what, "Run folder, or an environment's name")->required();
  command->add_option("--policy", options->policy, "For an environment: random or zero")
      ->capture_default_str();
  command->add_option("--camera", options->camera, "default, free, track, or a camera named in the MJCF")
      ->capture_default_str();
  add_seed(*command, options->seed, "Start state of the first episode");
  command->add_option("--candidates", options->candidates, "Lines shown of a planner's candidates")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads for planning (default: all cores)");
  command->add_option("--frames", options->frames, "End after so many pictures (goes with --screenshot)");
  command->add_option("--screenshot", options->screenshot, "PNG file of the last of the --frames pictures");
  command->callback([options] { view(*options); });
}

}  // namespace mbrl::cli
