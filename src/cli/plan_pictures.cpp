#include "plan_pictures.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <span>

#include "mbrl/core/text.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/csv.hpp"
#include "mbrl/io/plot.hpp"

namespace mbrl::cli {
namespace {

std::vector<double> column(const PlanTrace& trace, std::size_t index) {
  std::vector<double> values;
  for (const auto& row : trace.rows) values.push_back(row[index]);
  return values;
}

// Up to eight entries over time, from the column `first` on: more cannot be told apart.
std::vector<PlotSeries> curves(const PlanTrace& trace, std::size_t first,
                               const std::vector<std::string>& names) {
  std::vector<PlotSeries> series;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 8); ++i)
    series.push_back({.name = names[i], .x = column(trace, 0), .y = column(trace, first + i)});
  return series;
}

}  // namespace

void write_csv(const std::filesystem::path& path, const std::vector<PlanResult>& results) {
  std::string text = "planner,return,plan_ms_p50,plan_ms_p99,x_real_time\n";
  for (const PlanResult& r : results)
    text += r.planner + "," + general(r.total, 6) + "," + general(1e3 * r.p50, 4) + "," +
            general(1e3 * r.p99, 4) + "," + general(r.x_real_time, 4) + "\n";
  write_file_atomically(path, text);
}

void draw(const std::filesystem::path& folder, const std::string& environment, const Names& entries,
          const std::vector<PlanResult>& results) {
  std::vector<std::string> names = {"time"};
  for (std::size_t i = 0; i < entries.obs.size(); ++i) names.push_back("obs" + std::to_string(i));
  for (std::size_t i = 0; i < entries.action.size(); ++i) names.push_back("action" + std::to_string(i));
  names.push_back("reward");
  for (const PlanResult& r : results)
    write_file_atomically(folder / ("trajectory_" + r.planner + ".csv"), csv_text(names, r.trace.rows));
  if (!gnuplot_is_installed()) {
    std::cerr << "mbrl plan: no plots without gnuplot (Debian package gnuplot-nox); the trajectories are in "
              << folder.string() << "\n";
    return;
  }
  std::vector<PlotSeries> rewards, costs;
  for (const PlanResult& r : results) {
    const std::string title = environment + ", " + r.planner;
    plot_lines(folder / ("observations_" + r.planner + ".png"),
               {.title = title, .x = "time (s)", .y = "observation"}, curves(r.trace, 1, entries.obs));
    plot_lines(folder / ("actions_" + r.planner + ".png"), {.title = title, .x = "time (s)", .y = "action"},
               curves(r.trace, 1 + entries.obs.size(), entries.action));
    PlotSeries sum{.name = r.planner, .x = column(r.trace, 0), .y = column(r.trace, names.size() - 1)};
    for (std::size_t i = 1; i < sum.y.size(); ++i) sum.y[i] += sum.y[i - 1];
    rewards.push_back(std::move(sum));
    if (r.trace.costs.empty()) continue;
    PlotSeries descent{.name = r.planner, .x = {}, .y = r.trace.costs};
    for (std::size_t i = 0; i < r.trace.costs.size(); ++i) descent.x.push_back(static_cast<double>(i));
    costs.push_back(std::move(descent));
  }
  plot_lines(folder / "reward.png", {.title = environment, .x = "time (s)", .y = "sum of rewards"}, rewards);
  if (!costs.empty())
    plot_lines(folder / "cost_per_iteration.png",
               {.title = environment + ", first plan", .x = "iteration", .y = "cost"}, costs);
}

}  // namespace mbrl::cli
