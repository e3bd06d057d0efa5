// mbrl compare: planners side by side on the states and the model of a run, as equals: same states, same
// judge.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "commands.hpp"
#include "mbrl/algorithms/environment_bounds.hpp"
#include "trained_run.hpp"

namespace mbrl::cli {
namespace {

struct CompareOptions {
  std::string folder;
  int states = 50;
  int warm_up = 2;
  int judge_particles = 100;
  int threads = 0;
  bool quick = false;
  std::vector<std::string> assignments;
};

struct Contender {
  std::string name;
  PlannerSettings planner;
  EnsembleRolloutSettings rollout;
};

// PETS's full CEM first: the others are measured against it. Then the frugal planner, and what each of its
// parts is worth: the same without it.
std::vector<Contender> contenders(const PetsConfiguration& run, const CompareOptions& options) {
  EnsembleRolloutSettings published = run.rollout;
  published.particles = 20;
  published.common_noise = false;
  PlannerSettings cem;
  cem.name = "cem";
  cem.cem = {};
  cem.cem.population = 400;
  cem.cem.elites = 40;
  PetsConfiguration frugal = matched_pets(run);
  for (const std::string& assignment : options.assignments) set_assignment(frugal, assignment);
  std::vector<Contender> all = {{"CEM 400 x 5 x 20", cem, published},
                                {"frugal", frugal.planner, frugal.rollout},
                                {"the run's own", run.planner, run.rollout}};
  if (options.quick) return all;
  const auto changed = [&](const std::string& name, auto&& change) {
    Contender contender{"frugal, " + name, frugal.planner, frugal.rollout};
    change(contender);
    all.push_back(std::move(contender));
  };
  changed("no common noise", [](Contender& x) { x.rollout.common_noise = false; });
  changed("20 particles, raced", [](Contender& x) { x.rollout.particles = 20; });
  changed("20 particles, no racing", [](Contender& x) {
    x.rollout.particles = 20;
    x.planner.icem.racing.on = false;
  });
  changed("no elites kept", [](Contender& x) { x.planner.icem.keep_elites = false; });
  changed("no elites shifted", [](Contender& x) { x.planner.icem.shift_elites = false; });
  changed("white noise", [](Contender& x) { x.planner.icem.noise_beta = 0; });
  changed("decay 1.25", [](Contender& x) { x.planner.icem.decay = 1.25; });
  changed("no stop on converged variance", [](Contender& x) { x.planner.icem.stop_std = 0; });
  changed("stop at standard deviation 0.2", [](Contender& x) { x.planner.icem.stop_std = 0.2; });
  changed("best sample executed", [](Contender& x) { x.planner.icem.execute = Execute::kBest; });
  changed("half the iterations",
          [](Contender& x) { x.planner.icem.iterations = (x.planner.icem.iterations + 1) / 2; });
  changed("twice the iterations", [](Contender& x) { x.planner.icem.iterations *= 2; });
  return all;
}

void compare(const CompareOptions& options) {
  require(options.states >= 1, "--states is ", options.states, ", expected at least 1");
  require(options.warm_up >= 0, "--warm-up is ", options.warm_up, ", expected at least 0");
  const TrainedRun run = load_trained_run(options.folder, options.threads);
  const PetsConfiguration& configuration = run.configuration;
  PetsSession& session = *run.session;

  // States spread evenly over the whole of the data, each with the steps before it, for the warm start.
  const TransitionBuffer& buffer = session.pets.buffer();
  const std::vector<std::uint32_t> starts = buffer.window_starts(options.warm_up + 1);
  require(starts.size() >= static_cast<std::size_t>(options.states), options.folder, " holds ", starts.size(),
          " usable states, expected at least ", options.states);
  const EnvSpec& spec = session.env.spec();
  const RewardFunction<float> reward =
      session.model.settings.learned_reward ? RewardFunction<float>{} : spec.reward;
  const ActionBounds bounds = action_bounds(spec);
  EnsembleRolloutSettings judge_settings = configuration.rollout;
  judge_settings.particles = options.judge_particles;
  EnsembleRollout judge(session.model, reward, spec.termination, judge_settings, session.pool,
                        configuration.seed + 1);

  std::printf("%d states of %s, %d plans before the one that counts, judged by %d particles, %d thread%s\n\n",
              options.states, configuration.environment.c_str(), options.warm_up, options.judge_particles,
              session.pool.size(), session.pool.size() == 1 ? "" : "s");
  std::printf(
      "| planner | mean return | of CEM's | s a plan | CEM's time / this | rollouts a plan "
      "| plans without a judgement |\n|---|---|---|---|---|---|---|\n");
  double cem_return = 0, cem_seconds = 0;
  for (const Contender& contender : contenders(configuration, options)) {
    EnsembleRollout evaluator(session.model, reward, spec.termination, contender.rollout, session.pool,
                              configuration.seed);
    auto planner = make_planner(evaluator, bounds, contender.planner, configuration.seed);
    double total = 0, seconds = 0, rollouts = 0;
    int judged = 0;
    for (int i = 0; i < options.states; ++i) {
      const std::size_t row =
          starts[static_cast<std::size_t>(i) * starts.size() / static_cast<std::size_t>(options.states)];
      planner.reset();
      ActionPlan<float> plan;
      for (int k = 0; k <= options.warm_up; ++k) {
        const Vecf obs = buffer.obs(row + static_cast<std::size_t>(k));
        if (k > 0) planner.advance(1);
        const auto start = std::chrono::steady_clock::now();
        plan = planner.plan(obs, static_cast<int>(buffer.step(row + static_cast<std::size_t>(k))));
        if (k < options.warm_up) continue;
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        rollouts += static_cast<double>(plan.report.rollouts);
        Vecf value(1);
        judge.evaluate(obs, plan.actions.reshaped(), {static_cast<std::uint32_t>(i), 0, 0}, value);
        if (!std::isfinite(value(0))) continue;  // every judging particle left the data
        total += static_cast<double>(value(0));
        ++judged;
      }
    }
    const double mean = total / judged, time = seconds / options.states;
    if (cem_seconds == 0) {
      cem_return = mean;
      cem_seconds = time;
    }
    std::printf("| %s | %.2f | %.1f %% | %.4f | %.1f | %.0f | %d |\n", contender.name.c_str(), mean,
                100 * mean / cem_return, time, cem_seconds / time, rollouts / options.states,
                options.states - judged);
    std::fflush(stdout);
  }
}

}  // namespace

void add_compare(CLI::App& app) {
  auto* command = app.add_subcommand(
      "compare",
      "Compare planners on the states and the model of a run: return against time, as a table\n\n"
      "  mbrl compare runs/cheetah --states 50\n"
      "  mbrl compare runs/cheetah --quick --set planner.icem.iterations=10\n\n"
      "Every planner plans at the same recorded states after the same warm-up; every plan is judged by the "
      "same large set\n"
      "of particles, with noise that no planner has seen. A plan along which all of these leave the data has "
      "no "
      "judgement and is counted apart.");
  auto options = std::make_shared<CompareOptions>();
  command->add_option("run", options->folder, "Run folder")->required();
  command->add_option("--states", options->states, "Recorded states to plan at")->capture_default_str();
  command->add_option("--warm-up", options->warm_up, "Plans before the one that counts")
      ->capture_default_str();
  command->add_option("--judge-particles", options->judge_particles, "Particles that judge a plan")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads (default: all cores)");
  command->add_flag("--quick", options->quick,
                    "Only CEM, the frugal planner and the run's own, not the frugal one without each part");
  command
      ->add_option(
          "--set", options->assignments,
          "Change a setting of the frugal planner, e.g. planner.icem.population=100; may be repeated")
      ->type_name("KEY=VALUE");
  command->callback([options] { compare(*options); });
}

}  // namespace mbrl::cli
