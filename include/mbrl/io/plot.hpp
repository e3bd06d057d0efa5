// Curves as images (PNG, SVG, PDF), drawn by the program gnuplot (Debian package gnuplot-nox).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mbrl {

/// One curve. `low` and `high` are empty, or give a shaded band of as many points. NaN leaves a gap.
struct PlotSeries {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low = {}, high = {};
};

struct PlotLabels {
  std::string title;  // may be empty
  std::string x, y;
};

/// Writes an image of 1100 x 650 in the format of the file's extension: .png, .svg or .pdf; colours are those
/// of Okabe and Ito (2008), told apart by colour-blind readers, and repeat after eight series. Texts are taken
/// literally. Throws mbrl::Error if gnuplot is missing (naming its package) or fails, if a series has vectors
/// of different lengths, if no point can be drawn, or for another extension; an old picture then stays.
void plot_lines(const std::filesystem::path& png, const PlotLabels& labels,
                const std::vector<PlotSeries>& series);

/// The same as plot_lines("a.png", {"title", "x", "y"}, series).
void plot_lines(const std::filesystem::path& png, const std::string& title, const std::string& xlabel,
                const std::string& ylabel, const std::vector<PlotSeries>& series);

/// Throws mbrl::Error for a file whose extension is none of those. For asking before long work.
void require_plot_format(const std::filesystem::path& file);

/// True if gnuplot can be started.
bool gnuplot_is_installed();

}  // namespace mbrl
