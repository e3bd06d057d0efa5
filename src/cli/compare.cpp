// mbrl compare: planners side by side on the states and the model of a run, as equals: same states, same
// judge.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "commands.hpp"
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
};

struct Contender {
  std::string name;
  PlannerSettings planner;
  EnsembleRolloutSettings rollout;
};

// PETS's full CEM first: the others are measured against it. Then the frugal planner, and it without each of
// its parts.
std::vector<Contender> contenders(const PetsConfiguration& c, bool quick) {
  EnsembleRolloutSettings many = c.rollout;
  many.particles = 20;
  EnsembleRolloutSettings published = many;
  published.common_noise = false;
  PlannerSettings cem;
  cem.name = "cem";
  cem.cem.population = 400;
  cem.cem.elites = 40;
  PlannerSettings frugal = c.planner;
  frugal.name = "icem";
  std::vector<Contender> all = {{"CEM 400 x 5 x 20, as published", cem, published},
                                {"frugal, 20 particles", frugal, many},
                                {"frugal, the run's particles", frugal, c.rollout}};
  if (quick) return all;
  const auto without = [&](const std::string& name, auto&& change) {
    Contender contender{name, frugal, many};
    change(contender);
    all.push_back(std::move(contender));
  };
  without("- racing", [](Contender& x) { x.planner.icem.racing.on = false; });
  without("- common noise", [](Contender& x) { x.rollout.common_noise = false; });
  without("- stop on converged variance", [](Contender& x) { x.planner.icem.stop_std = 0; });
  without("- coloured noise", [](Contender& x) { x.planner.icem.noise_beta = 0; });
  without("- decay", [](Contender& x) { x.planner.icem.decay = 1; });
  without("- elites kept", [](Contender& x) { x.planner.icem.keep_elites = false; });
  without("- elites shifted", [](Contender& x) { x.planner.icem.shift_elites = false; });
  without("best sample executed", [](Contender& x) { x.planner.icem.execute = Execute::kBest; });
  without("population x 2", [](Contender& x) { x.planner.icem.population *= 2; });
  without("population x 4", [](Contender& x) { x.planner.icem.population *= 4; });
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
  const ActionBounds bounds(spec.action_low, spec.action_high);
  EnsembleRolloutSettings judge_settings = configuration.rollout;
  judge_settings.particles = options.judge_particles;
  EnsembleRollout judge(session.model, reward, spec.termination, judge_settings, session.pool,
                        configuration.seed + 1);

  std::printf("%d states of %s, plans judged by %d particles, %d thread%s\n\n", options.states,
              configuration.environment.c_str(), options.judge_particles, session.pool.size(),
              session.pool.size() == 1 ? "" : "s");
  std::printf(
      "| planner | mean return | of CEM's | s a plan | CEM's time / this | rollouts a plan "
      "|\n|---|---|---|---|---|---|\n");
  double cem_return = 0, cem_seconds = 0;
  for (const Contender& contender : contenders(configuration, options.quick)) {
    EnsembleRollout evaluator(session.model, reward, spec.termination, contender.rollout, session.pool,
                              configuration.seed);
    auto planner = make_planner(evaluator, bounds, contender.planner, configuration.seed);
    double total = 0, seconds = 0, rollouts = 0;
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
        total += static_cast<double>(value(0));
      }
    }
    const double mean = total / options.states, time = seconds / options.states;
    if (cem_seconds == 0) {
      cem_return = mean;
      cem_seconds = time;
    }
    std::printf("| %s | %.2f | %.1f %% | %.4f | %.1f | %.0f |\n", contender.name.c_str(), mean,
                100 * mean / cem_return, time, cem_seconds / time, rollouts / options.states);
    std::fflush(stdout);
  }
}

}  // namespace

void add_compare(CLI::App& app) {
  auto* command = app.add_subcommand(
      "compare",
      "Compare planners on the states and the model of a run: return against time, as a table\n\n"
      "  mbrl compare runs/cheetah --states 50\n\n"
      "Every planner plans at the same recorded states after the same warm-up; every plan is judged by the "
      "same large set\n"
      "of particles, with noise that no planner has seen.");
  auto options = std::make_shared<CompareOptions>();
  command->add_option("run", options->folder, "Run folder")->required();
  command->add_option("--states", options->states, "Recorded states to plan at")->capture_default_str();
  command->add_option("--warm-up", options->warm_up, "Plans before the one that counts")
      ->capture_default_str();
  command->add_option("--judge-particles", options->judge_particles, "Particles that judge a plan")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads (default: all cores)");
  command->add_flag("--quick", options->quick,
                    "Only CEM and the frugal planner, not the latter without each part");
  command->callback([options] { compare(*options); });
}

}  // namespace mbrl::cli
