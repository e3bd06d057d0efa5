// Curves as PNG pictures, drawn by the program gnuplot (Debian package gnuplot-nox).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mbrl {

// One curve. `low` and `high` are empty, or give a shaded band of as many points. NaN leaves a gap.
struct PlotSeries {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low = {}, high = {};
};

struct PlotLabels {
  std::string title;  // may be empty
  std::string x, y;
};

// Writes an 1100 x 650 picture; colours are those of Okabe and Ito (2008), told apart by colour-blind
// readers, and repeat after eight series. Texts are taken literally. Throws mbrl::Error if gnuplot is missing
// (naming its package) or fails, if a series has vectors of different lengths, or if no point can be drawn;
// an old picture then stays.
void plot_lines(const std::filesystem::path& png, const PlotLabels& labels,
                const std::vector<PlotSeries>& series);

// The same as plot_lines("a.png", {"title", "x", "y"}, series).
void plot_lines(const std::filesystem::path& png, const std::string& title, const std::string& xlabel,
                const std::string& ylabel, const std::vector<PlotSeries>& series);

// True if gnuplot can be started.
bool gnuplot_is_installed();

}  // namespace mbrl
