// mbrl plan: planners on the true dynamics of an environment, compared at an equal budget.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <utility>

#include "commands.hpp"
#include "mbrl/core/atomic_file.hpp"
#include "mbrl/core/csv.hpp"
#include "mbrl/core/plot.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/planning/budget.hpp"
#include "plan_tasks.hpp"

namespace mbrl::cli {
namespace {

struct PlanOptions {
  std::string environment;
  std::vector<std::string> planners = {"icem"};
  int steps = 0;
  std::uint64_t seed = 1;
  int episodes = 1;
  int budget = 1000;
  int threads = 0;
  std::string csv, out;
  std::vector<std::string> assignments;
};

// Settings with which no plan costs more than `budget` rollouts (a plan that begins again from nothing, since
// its warm start diverged, may). Sampling planners: see within_budget; those that descend stop at it. Where
// one refines the other's plan (icem+ilqr) each has half. Linearisations are not counted.
void apply_budget(KnownPlannerSettings& s, const std::string& planner, int whole,
                  const std::vector<std::string>& keep_iterations) {
  require(s.starts.starts >= 1, "starts.starts is ", s.starts.starts, ", expected at least 1");
  const bool refined = planner.find('+') != std::string::npos;
  const int budget = refined ? whole / 2 : whole;
  s.sampling = within_budget(s.sampling, budget, keep_iterations);
  // A fifth in search of starts, the rest for the descents from them.
  s.starts.samples = refined ? 0 : budget / 5;
  s.starts.starts = std::max(1, std::min(s.starts.starts, budget / 50));
  s.starts.rollouts = whole - (refined ? budget : 0);
  s.gradient.iterations = budget;
}

// Settings that mean nothing here, by what their names begin with, and what to say instead.
constexpr std::pair<std::string_view, const char*> kWithoutEffect[] = {
    {"name", "the planner is --planner's choice"},
    {"gradient.horizon", "all planners look 'horizon' steps ahead"},
    {"gradient.starts", "all planners that descend have the same 'starts'"},
    {"ilqr.second_order", "--planner ilqr or ddp chooses"},
    {"collocation.segments", "there is one segment a control step, 'horizon' of them"},
    {"collocation.refinements", "there is one segment a control step"},
    {"collocation.cost_step", "the control step is taken"},
    {"icem.racing", "races are over particles, and known dynamics have one"}};

const char* without_effect(std::string_view key) {
  for (const auto& [beginning, why] : kWithoutEffect)
    if (key == beginning || (key.starts_with(beginning) && key[beginning.size()] == '.')) return why;
  return nullptr;
}

// Of a task, the defaults under a budget, then what the user has set.
PlanConfiguration configure(const PlanOptions& options, const PlanTask& task, const std::string& planner) {
  PlanConfiguration c;
  c.planner.horizon = task.horizon;
  for (const std::string& assignment : options.assignments) {
    const std::string key = assignment.substr(0, assignment.find('='));
    if (const char* why = without_effect(key)) fail("--set ", key, " has no effect: ", why);
  }
  std::vector<std::string> keep_iterations;
  for (const std::string& assignment : options.assignments) {
    set_assignment(c, assignment);
    const std::size_t at = assignment.find(".iterations=");
    if (at != std::string::npos) keep_iterations.push_back(assignment.substr(0, at));
  }
  apply_budget(c.planner, planner, options.budget, keep_iterations);
  for (const std::string& assignment : options.assignments) set_assignment(c, assignment);
  c.planner.sampling.name = planner;
  return c;
}

struct Trace {
  std::vector<std::vector<double>> rows;  // t, observation, action, reward
  std::vector<double> costs;              // after each iteration of the first plan
};

struct Result {
  std::string planner;
  double total = 0, end_reward = 0;  // medians over the episodes
  double p50 = 0, p99 = 0;           // s, of all plans
  double x_real_time = 0;            // simulated time over planning time
  double rollouts = 0, missed = 0;   // a plan; in all
  Trace trace = {};                  // of the first episode
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

Result run(const PlanOptions& options, const PlanTask& task, const std::string& name, ThreadPool& pool) {
  const PlanConfiguration configuration = configure(options, task, name);
  AnyEnvironment env = task.make();
  Result result{.planner = name};
  std::vector<double> totals, ends;
  LatencyRecorder latency;
  double seconds = 0, planning = 0, plans = 0, rollouts = 0;
  for (int episode = 0; episode < options.episodes; ++episode) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(episode);
    PlanController controller = task.controller(configuration, seed, pool);
    Vecd obs = env.reset(seed);
    const int steps = options.steps > 0 ? options.steps : env.spec().max_steps;
    std::vector<double> rewards;
    StepResult step;
    while (static_cast<int>(rewards.size()) < steps && !step.terminated && !step.truncated) {
      const Vecd action = controller.act(env);
      if (controller.mpc.planned_now()) {
        ++plans;
        rollouts += static_cast<double>(controller.mpc.last_plan().report.rollouts);
        if (episode == 0 && rewards.empty())
          result.trace.costs = controller.cost_per_iteration(controller.mpc.planner());
      }
      step = env.step(action);
      if (episode == 0) {
        std::vector<double> row = {static_cast<double>(rewards.size()) * env.spec().dt};
        row.insert(row.end(), obs.begin(), obs.end());
        row.insert(row.end(), action.begin(), action.end());
        row.push_back(step.reward);
        result.trace.rows.push_back(std::move(row));
      }
      rewards.push_back(step.reward);
      obs = step.obs;
    }
    double total = 0, end = 0;
    const std::size_t tenth = std::max<std::size_t>(1, rewards.size() / 10);
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      total += rewards[i];
      if (i + tenth >= rewards.size()) end += rewards[i] / static_cast<double>(tenth);
    }
    totals.push_back(total);
    ends.push_back(end);
    seconds += static_cast<double>(rewards.size()) * env.spec().dt;
    planning += controller.mpc.latency().total();
    latency.add_all(controller.mpc.latency());
  }
  result.total = median(totals);
  result.end_reward = median(ends);
  result.p50 = latency.p50();
  result.p99 = latency.p99();
  result.missed = static_cast<double>(latency.missed());
  result.x_real_time = seconds / planning;
  result.rollouts = rollouts / plans;
  return result;
}

// --- what is left behind ---

void write_csv(const std::filesystem::path& path, const std::vector<Result>& results) {
  std::string text = "planner,return,plan_ms_p50,plan_ms_p99,x_real_time\n";
  for (const Result& r : results) {
    char line[256];
    std::snprintf(line, sizeof line, "%s,%.6g,%.4g,%.4g,%.4g\n", r.planner.c_str(), r.total, 1e3 * r.p50,
                  1e3 * r.p99, r.x_real_time);
    text += line;
  }
  write_file_atomically(path, text);
}

std::vector<double> column(const Trace& trace, std::size_t index) {
  std::vector<double> values;
  for (const auto& row : trace.rows) values.push_back(row[index]);
  return values;
}

// trajectory_NAME.csv and .png for each planner, reward.png and cost_per_iteration.png for all.
void draw(const std::filesystem::path& folder, const PlanOptions& options, const EnvSpec& spec,
          const std::vector<Result>& results) {
  std::filesystem::create_directories(folder);
  const auto n_obs = static_cast<std::size_t>(spec.obs_dim),
             n_act = static_cast<std::size_t>(spec.action_dim());
  std::vector<std::string> names = {"time"};
  for (std::size_t i = 0; i < n_obs; ++i) names.push_back("obs" + std::to_string(i));
  for (std::size_t i = 0; i < n_act; ++i) names.push_back("action" + std::to_string(i));
  names.push_back("reward");
  for (const Result& r : results)
    write_file_atomically(folder / ("trajectory_" + r.planner + ".csv"), csv_text(names, r.trace.rows));
  if (!gnuplot_is_installed()) {
    std::cerr
        << "mbrl plan: no pictures without gnuplot (Debian package gnuplot-nox); the trajectories are in "
        << folder.string() << "\n";
    return;
  }
  std::vector<PlotSeries> rewards, costs;
  for (const Result& r : results) {
    const std::vector<double> time = column(r.trace, 0);
    std::vector<PlotSeries> series;
    for (std::size_t i = 1; i <= std::min<std::size_t>(n_obs + n_act, 8); ++i)
      series.push_back({.name = names[i], .x = time, .y = column(r.trace, i)});
    plot_lines(folder / ("trajectory_" + r.planner + ".png"),
               {.title = options.environment + ", " + r.planner, .x = "time (s)", .y = ""}, series);
    PlotSeries sum{.name = r.planner, .x = time, .y = column(r.trace, names.size() - 1)};
    for (std::size_t i = 1; i < sum.y.size(); ++i) sum.y[i] += sum.y[i - 1];
    rewards.push_back(std::move(sum));
    if (r.trace.costs.empty()) continue;
    PlotSeries descent{.name = r.planner, .x = {}, .y = r.trace.costs};
    for (std::size_t i = 0; i < r.trace.costs.size(); ++i) descent.x.push_back(static_cast<double>(i));
    costs.push_back(std::move(descent));
  }
  plot_lines(folder / "reward.png", {.title = options.environment, .x = "time (s)", .y = "sum of rewards"},
             rewards);
  if (!costs.empty())
    plot_lines(folder / "cost_per_iteration.png",
               {.title = options.environment + ", first plan", .x = "iteration", .y = "cost"}, costs);
}

void plan(const PlanOptions& options) {
  require(options.steps >= 0, "--steps is ", options.steps, ", expected at least 1");
  require(options.episodes >= 1, "--episodes is ", options.episodes, ", expected at least 1");
  require(options.budget >= 10, "--budget is ", options.budget, ", expected at least 10 rollouts a plan");
  if (!options.csv.empty()) require_writable(options.csv);
  const PlanTask task = plan_task(options.environment);
  ThreadPool pool(options.threads);
  const EnvSpec spec = task.make().spec();
  // A planner that cannot serve is found out before the others have taken their time.
  for (const std::string& name : options.planners)
    task.controller(configure(options, task, name), options.seed, pool);

  std::printf(
      "%s on its true dynamics: %d episode%s from seed %llu, at most %d rollouts a plan, %d thread%s\n\n",
      options.environment.c_str(), options.episodes, options.episodes == 1 ? "" : "s",
      static_cast<unsigned long long>(options.seed), options.budget, pool.size(),
      pool.size() == 1 ? "" : "s");
  std::printf(
      "| planner | return | reward a step at the end | rollouts a plan | plan p50 (ms) | plan p99 (ms) | x "
      "real "
      "time | late plans |\n|---|---|---|---|---|---|---|---|\n");
  std::vector<Result> results;
  for (const std::string& name : options.planners) {
    results.push_back(run(options, task, name, pool));
    const Result& r = results.back();
    std::printf("| %s | %.2f | %.4f | %.0f | %.3f | %.3f | %.2f | %.0f |\n", r.planner.c_str(), r.total,
                r.end_reward, r.rollouts, 1e3 * r.p50, 1e3 * r.p99, r.x_real_time, r.missed);
    std::fflush(stdout);
  }
  if (!options.csv.empty()) write_csv(options.csv, results);
  if (!options.out.empty()) draw(options.out, options, spec, results);
}

}  // namespace

void add_plan(CLI::App& app) {
  auto* command = app.add_subcommand(
      "plan",
      "Plan on the true dynamics of an environment: return, planning time and x real time\n\n"
      "  mbrl plan --env Pendulum-v1 --planner icem                       one planner\n"
      "  mbrl plan --env control/CartPole --planner rs,cem,icem,ilqr      several, at an equal budget\n"
      "  mbrl plan --env HalfCheetah-v4 --planner icem --steps 200 --budget 300 --set horizon=20\n"
      "  mbrl plan --env control/CartPole --planner ilqr,cem --out pictures --csv table.csv\n"
      "  mbrl plan --env control/CartPole --planner icem --set mpc.deadline=0.005   a plan in 5 ms\n"
      "  mbrl plan --env control/CartPole --planner ilqr --set mpc.open_loop=true   without looking\n\n"
      "Planners that sample (rs, cem, icem, mppi, pddm, cmaes) run on every environment. gradient and ilqr "
      "need\nderivatives: control/..., Pendulum-v1 and MuJoCo tasks (but dmc/reacher-easy) "
      "have them;\nddp and collocation need the equations: control/... and Pendulum-v1.\n\n"
      "Every planner may roll out --budget action sequences a plan; what it rolls out is in the table "
      "(linearisations\nare not counted). x real time is simulated time over planning time: above 1 the "
      "planner "
      "could steer the real\nthing. With several episodes the returns are medians.\n"
      "'mbrl plan --env ENV --list-settings' shows every key that --set takes.");
  auto options = std::make_shared<PlanOptions>();
  auto list = std::make_shared<bool>(false);
  command->add_option("--env", options->environment, "Environment, a name of 'mbrl envs'")->required();
  command
      ->add_option("--planner", options->planners,
                   "Planners: rs, cem, icem, mppi, pddm, cmaes, gradient, ilqr, ddp, collocation, or one "
                   "that samples refined by one that descends: icem+ilqr")
      ->delimiter(',')
      ->type_name("NAME[,NAME...]")
      ->capture_default_str();
  command->add_option("--steps", options->steps, "Control steps of an episode at most (default: all)");
  command->add_option("--seed", options->seed, "Start state and random numbers of the first episode")
      ->capture_default_str();
  command->add_option("--episodes", options->episodes, "Episodes, each with the next seed")
      ->capture_default_str();
  command->add_option("--budget", options->budget, "Rollouts a plan at most, the same for every planner")
      ->type_name("ROLLOUTS")
      ->capture_default_str();
  command->add_option("--threads", options->threads,
                      "Threads; the numbers do not depend on it (default: all cores)");
  command
      ->add_option("--set", options->assignments,
                   "Change a setting, e.g. horizon=20 or icem.elites=5; may be repeated; overrides what the "
                   "budget chose")
      ->type_name("KEY=VALUE");
  command->add_option("--csv", options->csv,
                      "Write planner,return,plan_ms_p50,plan_ms_p99,x_real_time to this file");
  command->add_option("--out", options->out,
                      "Write the first episode here: trajectories, rewards, cost per iteration of iLQR");
  command->add_flag("--list-settings", *list, "Show every setting under this budget, and stop");
  command->callback([options, list] {
    if (*list) {
      const PlanTask task = plan_task(options->environment);
      for (const SettingInfo& info : list_keys(configure(*options, task, options->planners.front())))
        if (!without_effect(info.key))
          std::cout << info.key << " = " << info.value << "\n    " << info.help << " (" << info.expected
                    << ")\n";
      return;
    }
    plan(*options);
  });
}

}  // namespace mbrl::cli
