#include "learning_curves.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "mbrl/core/text.hpp"
#include "mbrl/io/csv.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

using Keys = std::map<std::string, std::string>;  // settings that tell groups apart

Keys group_keys(const RunConfiguration& configuration) {
  const std::vector<std::string> budget = algorithms().at(configuration.algorithm).budget_keys();
  Keys keys;
  for (const SettingInfo& info : list_keys(configuration))
    if (info.key != "seed" && !is_evaluation_key(info.key) &&
        std::find(budget.begin(), budget.end(), info.key) == budget.end())
      keys[info.key] = info.value;
  return keys;
}

// Whether a setting tells `own` from `other`. Settings of different algorithms are not compared: the
// algorithm is what tells them apart.
bool differs(const Keys& own, const Keys& other, const std::string& key) {
  if (other.at("environment") != own.at("environment")) return false;
  if (other.at("algorithm") != own.at("algorithm")) return key == "algorithm";
  return other.at(key) != own.at(key);
}

RunCurve read_curve(const RunFolder& folder, const std::string& column) {
  RunCurve run{.folder = folder.path(), .step = {}, .value = {}};
  const CsvTable table = read_csv(folder.metrics());
  const std::size_t step = table.index("step"), value = table.index(column);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!std::isfinite(table.at(row, value))) continue;
    if (!run.step.empty() && table.at(row, step) <= run.step.back()) continue;
    run.step.push_back(table.at(row, step));
    run.value.push_back(table.at(row, value));
  }
  return run;
}

// Linear between the run's points; `step` lies within them.
double value_at(const RunCurve& run, double step) {
  const auto next =
      static_cast<std::size_t>(std::lower_bound(run.step.begin(), run.step.end(), step) - run.step.begin());
  if (run.step[next] == step) return run.value[next];
  const double share = (step - run.step[next - 1]) / (run.step[next] - run.step[next - 1]);
  return run.value[next - 1] + share * (run.value[next] - run.value[next - 1]);
}

}  // namespace

LearningCurves read_learning_curves(const std::vector<std::string>& folders, const std::string& column) {
  LearningCurves all;
  std::vector<Keys> keys;
  std::set<std::filesystem::path> seen;
  for (const std::string& path : folders) {
    const RunFolder folder = RunFolder::open(path);
    if (!seen.insert(std::filesystem::weakly_canonical(path)).second) {
      all.remarks.push_back(path + " is given twice; it counts once");
      continue;
    }
    if (!std::filesystem::exists(folder.metrics())) {
      all.remarks.push_back(path + " is left out: it has not finished a round yet");
      continue;
    }
    const RunConfiguration configuration = read_configuration(folder, algorithms());
    RunCurve run = read_curve(folder, column);
    run.seed = configuration.seed;
    if (run.step.empty()) {
      all.remarks.push_back(path + " is left out: its column '" + column + "' is empty");
      continue;
    }
    const Keys own = group_keys(configuration);
    const auto at = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), own) - keys.begin());
    if (at == keys.size()) {
      keys.push_back(own);
      all.groups.push_back({configuration.environment, "", {}});
    }
    std::vector<RunCurve>& runs = all.groups[at].runs;
    const auto twin =
        std::find_if(runs.begin(), runs.end(), [&](const RunCurve& r) { return r.seed == run.seed; });
    if (twin == runs.end()) {
      runs.push_back(std::move(run));
      continue;
    }
    if (run.step.back() > twin->step.back()) std::swap(run, *twin);
    all.remarks.push_back(run.folder.string() + " is left out: the same settings and seed as " +
                          twin->folder.string());
  }
  require(!all.groups.empty(), "no run has a value in column '", column, "'");

  // What tells groups of one environment apart.
  for (std::size_t g = 0; g < keys.size(); ++g)
    for (const auto& own : keys[g]) {
      const bool tells = std::any_of(keys.begin(), keys.end(),
                                     [&](const Keys& other) { return differs(keys[g], other, own.first); });
      if (tells)
        all.groups[g].difference +=
            (all.groups[g].difference.empty() ? "" : ", ") + own.first + "=" + own.second;
    }
  for (const CurveGroup& group : all.groups) {
    double end = group.runs.front().step.back();
    for (const RunCurve& run : group.runs) end = std::min(end, run.step.back());
    for (const RunCurve& run : group.runs)
      if (run.step.back() > end)
        all.remarks.push_back(run.folder.string() + " goes on to step " + shortest(run.step.back()) +
                              "; its curve is drawn to step " + shortest(end) +
                              ", where the shortest run ends");
  }
  return all;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

PlotSeries summarise(const CurveGroup& group) {
  const std::size_t n = group.runs.size();
  const bool quartiles = n >= 5;
  PlotSeries curve{.name = group.environment + (group.difference.empty() ? "" : ", " + group.difference) +
                           ", " + std::to_string(n) + (n == 1 ? " seed" : " seeds") +
                           (n == 1      ? ""
                            : quartiles ? " (median, quartiles)"
                                        : " (mean, range)"),
                   .x = {},
                   .y = {}};
  double begin = group.runs.front().step.front(), end = group.runs.front().step.back();
  std::set<double> steps;
  for (const RunCurve& run : group.runs) {
    begin = std::max(begin, run.step.front());
    end = std::min(end, run.step.back());
    steps.insert(run.step.begin(), run.step.end());
  }
  require(begin <= end, "the runs of ", group.environment, " have no step in common: one ends at ", end,
          ", another begins at ", begin);
  for (const double step : steps) {
    if (step < begin || step > end) continue;
    std::vector<double> values;
    for (const RunCurve& run : group.runs) values.push_back(value_at(run, step));
    double sum = 0;
    for (const double value : values) sum += value;
    curve.x.push_back(step);
    curve.y.push_back(quartiles ? quantile(values, 0.5) : sum / static_cast<double>(n));
    if (n == 1) continue;
    curve.low.push_back(quantile(values, quartiles ? 0.25 : 0));
    curve.high.push_back(quantile(values, quartiles ? 0.75 : 1));
  }
  return curve;
}

std::string column_title(const std::string& column) {
  if (column == "return") return "return of an episode";
  if (column == "best_return") return "best return so far";
  if (column == "eval_return") return "mean return in evaluation";
  std::string title = column;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

}  // namespace mbrl::cli
