// mbrl plot: learning curves of several runs in one image.
#include <cstdio>

#include "command_line.hpp"
#include "commands.hpp"
#include "learning_curves.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/io/atomic_file.hpp"

namespace mbrl::cli {
namespace {

struct PlotOptions {
  std::vector<std::string> folders;
  std::string out;
  std::string column = "best_return";
};

void plot(const PlotOptions& options) {
  require_plot_format(options.out);
  require_writable(options.out);
  const LearningCurves curves = read_learning_curves(options.folders, options.column);
  std::vector<PlotSeries> series;
  for (const CurveGroup& group : curves.groups) series.push_back(summarise(group));
  plot_lines(options.out, "", "environment steps", column_title(options.column), series);
  for (const std::string& remark : curves.remarks) std::printf("%s\n", remark.c_str());
  std::printf("%s:\n", options.out.c_str());
  for (const PlotSeries& s : series) std::printf("  %s, to step %.0f\n", s.name.c_str(), s.x.back());
}

}  // namespace

void add_plot(CLI::App& app) {
  auto* command = add_command(app, "plot", "Draw learning curves of several runs in one image",
                              "A curve for each environment and settings: mean and range over the seeds, "
                              "from five seeds on median and "
                              "quartiles.\n\n"
                              "  mbrl plot runs/cartpole_seed1 runs/cartpole_seed2 --out curves.png");
  auto options = std::make_shared<PlotOptions>();
  command->add_option("runs", options->folders, "Run folders")->required();
  command->add_option("--out", options->out, "Image: .png, .svg or .pdf")->required();
  command->add_option("--column", options->column, "Column of metrics.csv")->capture_default_str();
  command->callback([options] { plot(*options); });
}

}  // namespace mbrl::cli
