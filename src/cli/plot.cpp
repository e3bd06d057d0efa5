// mbrl plot: learning curves of several runs in one picture.
#include <algorithm>
#include <limits>
#include <map>

#include "commands.hpp"
#include "mbrl/algorithms/pets_configuration.hpp"
#include "mbrl/algorithms/run_folder.hpp"
#include "mbrl/core/csv.hpp"
#include "mbrl/core/plot.hpp"
#include "mbrl/core/settings.hpp"

namespace mbrl::cli {
namespace {

struct PlotOptions {
  std::vector<std::string> folders;
  std::string out;
  std::string column = "best_return";
};

// One series an environment: the mean over its runs, with the range between the worst and the best as a band.
void plot(const PlotOptions& options) {
  std::map<std::string, std::vector<CsvTable>> environments;
  for (const std::string& path : options.folders) {
    const RunFolder folder = RunFolder::open(path);
    PetsConfiguration configuration;
    load_settings_file(configuration, folder.settings());
    environments[configuration.environment].push_back(read_csv(folder.metrics()));
  }
  std::vector<PlotSeries> series;
  for (const auto& [environment, tables] : environments) {
    std::size_t rows = std::numeric_limits<std::size_t>::max();
    for (const CsvTable& table : tables) rows = std::min(rows, table.rows());
    PlotSeries curve{.name = environment + ", " + std::to_string(tables.size()) +
                             (tables.size() == 1 ? " seed" : " seeds"),
                     .x = {},
                     .y = {}};
    for (std::size_t row = 0; row < rows; ++row) {
      double sum = 0, low = std::numeric_limits<double>::infinity(), high = -low;
      for (const CsvTable& table : tables) {
        const double value = table.at(row, table.index(options.column));
        sum += value;
        low = std::min(low, value);
        high = std::max(high, value);
      }
      curve.x.push_back(tables.front().at(row, tables.front().index("step")));
      curve.y.push_back(sum / static_cast<double>(tables.size()));
      curve.low.push_back(low);
      curve.high.push_back(high);
    }
    series.push_back(std::move(curve));
  }
  plot_lines(options.out, "", "environment steps", options.column, series);
}

}  // namespace

void add_plot(CLI::App& app) {
  auto* command = app.add_subcommand(
      "plot",
      "Learning curves of several runs in one picture: mean and range over the runs of each environment\n\n"
      "  mbrl plot runs/cartpole_seed1 runs/cartpole_seed2 --out curves.png");
  auto options = std::make_shared<PlotOptions>();
  command->add_option("runs", options->folders, "Run folders")->required();
  command->add_option("--out", options->out, "PNG file")->required();
  command->add_option("--column", options->column, "Column of metrics.csv")->capture_default_str();
  command->callback([options] { plot(*options); });
}

}  // namespace mbrl::cli
