// mbrl compare: planners side by side on the states and the model of a run, as equals: same states, same
// judge.
#include <chrono>
#include <cmath>
#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "mbrl/algorithms/planning/ensemble_planning.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/table.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/task/env_spec.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

struct CompareOptions {
  std::string folder;
  int states = 50;
  int warm_up = 2;
  int judge_particles = 100;
  int threads = 0;
  std::string device;
  bool quick = false, markdown = false;
  std::vector<std::string> assignments;
};

struct Contender {
  std::string name;
  PlannerSettings planner;
  EnsembleRolloutSettings rollout;
};

// What a planner of candidates costs and is: "CEM 400 x 5 x 20" for population, iterations, particles.
std::string label_of(const PlannerSettings& planner, const EnsembleRolloutSettings& rollout) {
  const auto sized = [&](const char* name, int population, int iterations) {
    return std::string(name) + " " + std::to_string(population) + " x " + std::to_string(iterations) + " x " +
           std::to_string(rollout.particles);
  };
  if (planner.name == "cem") return sized("CEM", planner.cem.population, planner.cem.iterations);
  if (planner.name == "icem") return sized("iCEM", planner.icem.population, planner.icem.iterations);
  if (planner.name == "mppi") return sized("MPPI", planner.mppi.population, planner.mppi.iterations);
  if (planner.name == "pddm") return sized("PDDM", planner.pddm.population, planner.pddm.iterations);
  if (planner.name == "mcts") return sized("MCTS", planner.mcts.trees, planner.mcts.iterations);
  if (planner.name == "cmaes") return sized("CMA-ES", planner.cmaes.population, planner.cmaes.iterations);
  if (planner.name == "rs") return sized("random shooting", planner.rs.population, 1);
  return planner.name;
}

// The published CEM first: the others are measured against it. Then the planner that matches it for less (or
// what --set made of it), the run's own, and what each part of iCEM is worth: the same without it.
std::vector<Contender> contenders(const EnsemblePlanningSettings& run, const CompareOptions& options) {
  EnsembleRolloutSettings published = run.rollout;
  published.particles = 20;
  published.common_noise = false;
  PlannerSettings cem;
  cem.name = "cem";
  cem.cem = {};
  cem.cem.population = 400;
  cem.cem.elites = 40;
  EnsemblePlanningSettings matched = matched_planning(run);
  for (const std::string& assignment : options.assignments) set_assignment(matched, assignment);
  const std::string label = label_of(matched.planner, matched.rollout);
  std::vector<Contender> all = {
      {label_of(cem, published), cem, published},
      {label, matched.planner, matched.rollout},
      {"the run's own: " + label_of(run.planner, run.rollout), run.planner, run.rollout}};
  if (options.quick || matched.planner.name != "icem") return all;
  const auto changed = [&](const std::string& name, auto&& change) {
    Contender contender{label + ", " + name, matched.planner, matched.rollout};
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

struct Outcome {
  double total = 0, seconds = 0, rollouts = 0;
  int judged = 0;
};

void compare(const CompareOptions& options) {
  require(options.states >= 1, "--states is ", options.states, ", expected at least 1");
  require(options.warm_up >= 0, "--warm-up is ", options.warm_up, ", expected at least 0");
  LoadedRun run =
      load_run(options.folder, registries(), {.threads = options.threads, .device = options.device});
  auto* const planning = run.algorithm.find<EnsemblePlanning>();
  require(
      planning != nullptr, "compare: ", run.configuration.algorithm,
      " does not plan in an ensemble that it has learned, so there are no planners to compare; expected a "
      "run of an algorithm that does");
  const EnvSpec& spec = run.algorithm.environment().spec();
  const std::uint64_t seed = run.configuration.seed;
  const EnsemblePlanningSettings own = planning->planning();

  // States spread evenly over the whole of the data, each with the steps before it, for the warm start.
  const TransitionBuffer& buffer = planning->buffer();
  const std::vector<std::uint32_t> starts = buffer.window_starts(options.warm_up + 1);
  require(starts.size() >= static_cast<std::size_t>(options.states), options.folder, " holds ", starts.size(),
          " usable states, expected at least ", options.states);
  // Settings that do not fit are found out before the first planner has taken its time.
  const std::vector<Contender> all = contenders(own, options);
  for (const Contender& contender : all) {
    AnyEnsembleEvaluator evaluator = planning->evaluator(contender.rollout, seed);
    own.own_planners.make(evaluator, action_bounds(spec), contender.planner, seed);
  }
  EnsembleRolloutSettings judge_settings = own.rollout;
  judge_settings.particles = options.judge_particles;
  AnyEnsembleEvaluator judge = planning->evaluator(judge_settings, seed + 1);

  std::printf("%d states of %s, %d plans before the one that counts, judged by %d particles, %d thread%s\n\n",
              options.states, run.configuration.environment.c_str(), options.warm_up, options.judge_particles,
              planning->pool().size(), planning->pool().size() == 1 ? "" : "s");
  const Table table = stdout_table({{"planner", 18, true},
                                    {"mean return", 9},
                                    {"of CEM's", 7},
                                    {"s per plan", 8},
                                    {"CEM's time / this", 8},
                                    {"rollouts per plan", 8},
                                    {"plans without a judgement", 9}},
                                   options.markdown);
  const auto print = [](const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  print(table.header());
  ProgressBar bar;
  double cem_return = 0, cem_seconds = 0;
  for (const Contender& contender : all) {
    AnyEnsembleEvaluator evaluator = planning->evaluator(contender.rollout, seed);
    auto planner = own.own_planners.make(evaluator, action_bounds(spec), contender.planner, seed);
    Outcome outcome;
    bar.start(contender.name, options.states);
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
        outcome.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        outcome.rollouts += static_cast<double>(plan.report.rollouts);
        Vecf value(1);
        judge.evaluate(obs, plan.actions.reshaped(), {static_cast<std::uint32_t>(i), 0, 0}, value);
        if (!std::isfinite(value(0))) continue;  // no judging particle was usable
        outcome.total += static_cast<double>(value(0));
        ++outcome.judged;
      }
      bar.update(i + 1);
    }
    bar.finish();
    const double mean = outcome.total / outcome.judged, time = outcome.seconds / options.states;
    if (cem_seconds == 0) {
      cem_return = mean;
      cem_seconds = time;
    }
    print(table.row({contender.name, fixed(mean, 2), fixed(100 * mean / cem_return, 1) + " %", fixed(time, 4),
                     fixed(cem_seconds / time, 1), fixed(outcome.rollouts / options.states, 0),
                     std::to_string(options.states - outcome.judged)}));
  }
}

}  // namespace

void add_compare(CLI::App& app) {
  auto* command = add_command(
      app, "compare", "Compare planners on the states and the model of a run",
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
  command->add_flag(
      "--quick", options->quick,
      "Only CEM, the planner that matches it and the run's own, not the second without each of its parts");
  command
      ->add_option(
          "--set", options->assignments,
          "Change a setting of the second planner, e.g. planner.icem.population=100; may be repeated")
      ->type_name("KEY=VALUE");
  command->add_option("--device", options->device,
                      "Where plans are evaluated: cpu, cuda, cuda:<index> or auto (default: as in training)");
  command->add_flag("--markdown", options->markdown, "A Markdown table, as where the output is no terminal");
  command->callback([options] { compare(*options); });
}

}  // namespace mbrl::cli
