// mbrl plan: planners on the true dynamics of an environment, compared at an equal budget.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "command_line.hpp"
#include "commands.hpp"
#include "entry_names.hpp"
#include "episode_video.hpp"
#include "learning_curves.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/env/familiar_range.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/table.hpp"
#include "mbrl/planning/registry/budget.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "plan_pictures.hpp"
#include "plan_tasks.hpp"
#include "plan_terminal.hpp"
#include "registries.hpp"
#include "settings_list.hpp"

namespace mbrl::cli {
namespace {

struct PlanOptions {
  std::string environment, terminal;
  std::string planner_list = "icem";
  std::optional<int> steps;
  std::uint64_t seed = 1;
  int episodes = 1;
  int budget = 1000;
  int threads = 0;
  std::string csv, out;
  bool still = false, video = false;
  VideoOptions video_options;
  bool markdown = false;
  std::vector<std::string> assignments;

  std::vector<std::string> planners() const { return split(planner_list, ","); }
  bool pictures() const { return still || video; }
  // Rollouts that are the planner's.
  int own_budget() const { return terminal.empty() ? budget : budget - kProposalRollouts; }
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

bool descends(std::string_view planner) {
  return planner == "gradient" || planner == "ilqr" || planner == "ddp" || planner == "collocation";
}

// Whether the planner, which may be one of each kind (icem+ilqr), reads the settings that begin with `group`. What is no
// planner's own all of them read.
bool reads(std::string_view planner, std::string_view group) {
  const std::size_t plus = planner.find('+');
  if (plus != std::string_view::npos)
    return reads(planner.substr(0, plus), group) || reads(planner.substr(plus + 1), group);
  if (group == "starts") return descends(planner);
  if (group == "ilqr" && planner == "ddp") return true;
  const std::vector<std::string>& sampling = planner_names();
  const bool owned = descends(group) || std::find(sampling.begin(), sampling.end(), group) != sampling.end();
  return !owned || planner == group;
}

// A setting of planners none of which is asked for.
void require_read(const PlanOptions& options) {
  const std::vector<std::string> planners = options.planners();
  for (const std::string& assignment : options.assignments) {
    const std::string key = assigned_key(assignment), group = key.substr(0, key.find('.'));
    require(std::any_of(planners.begin(), planners.end(),
                        [&](const std::string& planner) { return reads(planner, group); }),
            "--set ", key, " has no effect: no planner of --planner reads it");
  }
}

// Of a task, the defaults under a budget, then what the user has set.
PlanConfiguration configure(const PlanOptions& options, const PlanTask& task, const std::string& planner) {
  PlanConfiguration c;
  c.planner.horizon = task.horizon;
  c.planner.sampling.cem = task.cem;
  std::vector<std::string> keep_iterations;
  for (const std::string& assignment : options.assignments) {
    const std::string key = assigned_key(assignment);
    if (const char* why = without_effect(key)) fail("--set ", key, " has no effect: ", why);
    set_assignment(c, assignment);
    constexpr std::string_view kIterations = ".iterations";
    if (key.ends_with(kIterations)) keep_iterations.push_back(key.substr(0, key.size() - kIterations.size()));
  }
  // Under a deadline a plan begins with a look at the last one.
  const int looks = c.mpc.limited() ? 1 : 0;
  apply_budget(c.planner, planner, options.own_budget() - looks, keep_iterations);
  for (const std::string& assignment : options.assignments) set_assignment(c, assignment);
  c.planner.sampling.name = planner;
  return c;
}

bool astray(const FamiliarRange::Excursion& far) { return far.times() >= 10; }

// Says where a planner took the task to places that chance does not come near: a return made there may rest
// on a weakness of the simulator or the reward (HalfCheetah-v4 rolls like a wheel, ever faster).
void warn_of_excursion(const FamiliarRange::Excursion& far, const Names& names, const std::string& planner) {
  if (!astray(far)) return;
  spdlog::warn(
      "{}: '{}' reached {:.3g}, {:.0f} times what random episodes reach ({:.3g}); --still or --video shows "
      "whether that is the motion you mean",
      planner, names.obs[static_cast<std::size_t>(far.entry)], far.value, far.times(), far.usual);
}

PlanResult run(const PlanOptions& options, const PlanTask& task, const std::string& name, FamiliarRange range,
               ThreadPool& pool) {
  const PlanConfiguration configuration = configure(options, task, name);
  AnyEnvironment env = task.make();
  PlanResult result{.planner = name};
  std::vector<double> totals, ends;
  LatencyRecorder latency;
  double seconds = 0, planning = 0, plans = 0, rollouts = 0;
  ProgressBar bar;
  for (int episode = 0; episode < options.episodes; ++episode) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(episode);
    PlanController controller = task.controller(configuration, seed, pool);
    Vecd obs = env.reset(seed);
    const int steps = options.steps.value_or(env.spec().max_steps);
    std::vector<double> rewards;
    double sum = 0;
    StepResult step;
    bar.start(name + (options.episodes > 1
                          ? " " + std::to_string(episode + 1) + "/" + std::to_string(options.episodes)
                          : ""),
              steps);
    if (episode == 0 && options.pictures()) result.trace.episode.begin(env);
    while (static_cast<int>(rewards.size()) < steps && !step.terminated && !step.truncated) {
      const Vecd action = controller.act(env, obs);
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
        if (options.pictures()) result.trace.episode.add(env, step.reward);
      }
      rewards.push_back(step.reward);
      sum += step.reward;
      bar.update(static_cast<long>(rewards.size()), "return " + fixed(sum, 1));
      obs = step.obs;
      range.see(obs);
    }
    double end = 0;
    const std::size_t tenth = std::max<std::size_t>(1, rewards.size() / 10);
    for (std::size_t i = rewards.size() - std::min(tenth, rewards.size()); i < rewards.size(); ++i)
      end += rewards[i] / static_cast<double>(tenth);
    totals.push_back(sum);
    ends.push_back(end);
    seconds += static_cast<double>(rewards.size()) * env.spec().dt;
    planning += controller.mpc.latency().total();
    latency.add_all(controller.mpc.latency());
  }
  bar.finish();
  result.furthest = range.furthest();
  result.totals = totals;
  result.total = quantile(totals, 0.5);
  result.end_reward = quantile(ends, 0.5);
  result.p50 = latency.p50();
  result.p99 = latency.p99();
  result.missed = static_cast<double>(latency.missed());
  result.x_real_time = seconds / planning;
  result.rollouts = rollouts / plans;
  return result;
}

// Everything that could go wrong for a reason known before: a plan may take hours.
void check(const PlanOptions& options, const PlanTask& task, const EnvSpec& spec, ThreadPool& pool) {
  require(options.steps.value_or(1) >= 1, "--steps is ", options.steps.value_or(1), ", expected at least 1");
  require(options.episodes >= 1, "--episodes is ", options.episodes, ", expected at least 1");
  std::set<std::string> names;
  for (const std::string& name : options.planners()) {
    require(!name.empty(), "--planner is '", options.planner_list, "', expected names between commas");
    require(names.insert(name).second, "--planner: '", name, "' comes twice; give each planner once");
  }
  require(!options.pictures() || !options.out.empty(),
          "--still and --video write into the folder of --out, which is missing");
  if (options.still) check_still(spec, options.video_options);
  if (options.video) check_video(spec, options.video_options);
  for (const std::string& name : options.planners()) {
    const PlanConfiguration configuration = configure(options, task, name);
    task.controller(configuration, options.seed, pool);
    configuration.mpc.require_within(configuration.planner.horizon);
  }
  require_read(options);
  if (!options.csv.empty()) require_writable(options.csv);
  if (!options.out.empty()) require_writable_folder(options.out);
}

void plan(const PlanOptions& options) {
  constexpr int kMostRollouts = 1'000'000;  // whose actions a small machine has room for
  require(options.own_budget() >= 10 && options.budget <= kMostRollouts, "--budget is ", options.budget,
          ", expected ", 10 + options.budget - options.own_budget(), " to ", kMostRollouts,
          " rollouts per plan");
  std::shared_ptr<const LearnedTerminal> terminal;
  if (!options.terminal.empty())
    terminal = std::make_shared<LearnedTerminal>(options.terminal, options.environment);
  const PlanTask task = plan_task(options.environment, terminal);
  ThreadPool pool(options.threads);
  const EnvSpec spec = registries().environments.spec(options.environment);
  check(options, task, spec, pool);

  std::printf(
      "%s on its true dynamics: %d episode%s from seed %llu, at most %d rollouts per plan%s, %d thread%s\n\n",
      options.environment.c_str(), options.episodes, options.episodes == 1 ? "" : "s",
      static_cast<unsigned long long>(options.seed), options.budget,
      options.assignments.empty() ? "" : " (unless --set says otherwise)", pool.size(),
      pool.size() == 1 ? "" : "s");
  const Table table = stdout_table({{"planner", 11, true},
                                    {"return", 10},
                                    {"reward per step at the end", 8},
                                    {"rollouts per plan", 8},
                                    {"plan p50 (ms)", 8},
                                    {"plan p99 (ms)", 8},
                                    {"x real time", 6},
                                    {"late plans", 5}},
                                   options.markdown);
  const auto print = [](const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  print(table.header());
  std::vector<PlanResult> results;
  AnyEnvironment env = task.make();
  const FamiliarRange range(env, 3, spec.max_steps > 0 ? std::min(spec.max_steps, 500) : 500, options.seed);
  for (const std::string& name : options.planners()) {
    results.push_back(run(options, task, name, range, pool));
    const PlanResult& r = results.back();
    print(table.row({r.planner, fixed(r.total, 2), fixed(r.end_reward, 4), fixed(r.rollouts, 0),
                     fixed(1e3 * r.p50, 3), fixed(1e3 * r.p99, 3), fixed(r.x_real_time, 2),
                     fixed(r.missed, 0)}));
  }
  if (options.episodes > 1) {
    print("\nreturns of seeds " + std::to_string(options.seed) + ", ..., " +
          std::to_string(options.seed + static_cast<std::uint64_t>(options.episodes) - 1) +
          " (the table has their median):\n");
    for (const PlanResult& r : results) {
      std::string line = r.planner + ":";
      for (const double total : r.totals) line += " " + fixed(total, 2);
      print(line + "\n");
    }
  }
  if (!options.csv.empty()) write_csv(options.csv, results);
  if (options.out.empty() &&
      std::none_of(results.begin(), results.end(), [](const PlanResult& r) { return astray(r.furthest); }))
    return;
  const Names names = entry_names(env, spec);
  for (const PlanResult& r : results) warn_of_excursion(r.furthest, names, r.planner);
  if (options.out.empty()) return;
  draw(options.out, options.environment, names, results);
  for (const PlanResult& r : results) {
    const std::filesystem::path stem = std::filesystem::path(options.out) / ("episode_" + r.planner);
    if (options.still) write_still(stem.string() + ".png", spec, r.trace.episode, options.video_options);
    if (options.video) write_video(stem.string() + ".mp4", spec, r.trace.episode, options.video_options);
  }
  print("\n" + options.out + ": trajectories" + (options.still ? ", stills" : "") +
        (options.video ? ", videos" : "") + "\n");
}

}  // namespace

void add_plan(CLI::App& app) {
  auto* command = add_command(
      app, "plan", "Plan on the true dynamics of an environment, and compare planners",
      "  mbrl plan --env Pendulum-v1 --planner icem                       one planner\n"
      "  mbrl plan --env control/CartPole --planner rs,cem,icem,ilqr      several, at an equal budget\n"
      "  mbrl plan --env HalfCheetah-v4 --planner icem --steps 200 --budget 300 --set horizon=20\n"
      "  mbrl plan --env control/CartPole --planner ilqr,cem --out pictures --csv table.csv\n"
      "  mbrl plan --env control/CartPole --planner icem --set mpc.deadline=0.005   a plan in 5 ms\n"
      "  mbrl plan --env control/CartPole --planner ilqr --set mpc.open_loop=true   without looking\n"
      "  mbrl plan --env Pendulum-v1 --planner cem --set horizon=5 --terminal runs/pendulum   with a run's "
      "critics\n\n"
      "Planners that sample (rs, cem, icem, mppi, pddm, cmaes, mcts) run on every environment. gradient and "
      "ilqr\nneed derivatives: control/..., Pendulum-v1 and MuJoCo tasks (but dmc/reacher-easy) "
      "have them;\nddp and collocation need the equations: control/... and Pendulum-v1.\n\n"
      "Every planner may roll out --budget action sequences per plan; what it rolls out is in the table "
      "(linearisations\nare not counted). x real time is simulated time over planning time: above 1 the "
      "planner could steer the real\nthing. With several episodes the returns are medians.\n"
      "'mbrl plan --env ENV --list-settings' shows every key that --set takes.");
  auto options = std::make_shared<PlanOptions>();
  auto list = std::make_shared<SettingsFilter>();
  command->add_option("--env", options->environment, "Environment, a name of 'mbrl envs'")->required();
  command
      ->add_option(
          "--planner", options->planner_list,
          "Planners: rs, cem, icem, mppi, pddm, cmaes, mcts, gradient, ilqr, ddp, collocation, or one "
          "that samples refined by one that descends: icem+ilqr")
      ->type_name("NAME[,NAME...]")
      ->capture_default_str();
  command
      ->add_option(
          "--terminal", options->terminal,
          "Run (sac, td3, ddpg, mve, steve) whose critics say what lies beyond the horizon, and whose "
          "policy proposes action sequences; planners that sample")
      ->type_name("RUN");
  command->add_option("--steps", options->steps, "Control steps of an episode at most (default: all)");
  add_seed(*command, options->seed, "Start state and random numbers of the first episode");
  command->add_option("--episodes", options->episodes, "Episodes, each with the next seed")
      ->capture_default_str();
  command->add_option("--budget", options->budget, "Rollouts per plan at most, the same for every planner")
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
  command->add_flag("--still", options->still,
                    "Also write there an image of the first episode in six moments: what the motion is");
  command->add_flag("--video", options->video,
                    "Also write there a video of the first episode of each planner");
  add_video_options(*command, options->video_options);
  command->add_flag("--markdown", options->markdown, "A Markdown table, as where the output is no terminal");
  add_list_settings(*command, *list, "under this budget");
  command->callback([options, list] {
    if (list->wanted) {
      const PlanTask task = plan_task(options->environment);
      PlanOptions defaults = *options;
      defaults.assignments.clear();
      const std::string planner = options->planners().front();
      const auto shown = [](std::vector<SettingInfo> all) {
        std::erase_if(all, [](const SettingInfo& info) { return without_effect(info.key) != nullptr; });
        return all;
      };
      print_settings(shown(list_keys(configure(*options, task, planner))),
                     shown(list_keys(configure(defaults, task, planner))), *list);
      return;
    }
    plan(*options);
  });
}

}  // namespace mbrl::cli
