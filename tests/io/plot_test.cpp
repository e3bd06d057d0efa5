// Pictures: made by gnuplot where it is installed; mistakes are told either way.
#include "mbrl/io/plot.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"

using namespace mbrl;

namespace {
PlotSeries line(const std::string& name) {
  return {name, {1, 2, 3}, {0.5, std::nan(""), 2}, {0, 0, 1}, {1, 1, 3}};
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

class Path {  // another PATH while this lives
 public:
  explicit Path(const char* value) : before_(std::getenv("PATH") ? std::getenv("PATH") : "") {
    ::setenv("PATH", value, 1);
  }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;
  ~Path() { ::setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};
}  // namespace

TEST_CASE("a picture is a PNG of the stated size, whatever the names hold", "[plot]") {
  if (!gnuplot_is_installed()) {
    WARN("gnuplot is not installed: not tested");
    return;
  }
  const TemporaryFolder folder;
  const auto path = folder / "it's $(touch pwned) `touch pwned`; \"x\".png";
  plot_lines(path, "it's 100 % `a_b`", "x '", "\xC3\xA4\n\"",
             {line("a'b"), line("$data0; exit 3"), line("END_OF_DATA")});
  const std::string bytes = read_file(path);
  REQUIRE(bytes.size() > 1000);
  CHECK(bytes.substr(1, 3) == "PNG");
  CHECK(big_endian(bytes, 16) == 1100);
  CHECK(big_endian(bytes, 20) == 650);
  CHECK(folder.files() == 1);

  plot_lines(path, "", "", "", {{"", {1}, {5}}});  // a single point; the old picture is replaced
  CHECK(read_file(path) != bytes);
  std::vector<PlotSeries> many(10, line("many"));
  for (int i = 0; i < 200; ++i) {
    many[0].x.push_back(i);
    many[0].y.push_back(std::sin(0.1 * i));
    many[0].low.push_back(-1);
    many[0].high.push_back(std::numeric_limits<double>::infinity());
  }
  plot_lines(path, "many", "x", "y", many);
}

TEST_CASE("the extension decides the format, and another one is refused", "[plot]") {
  const TemporaryFolder folder;
  CHECK(error_of([] { require_plot_format("a/b.gif"); }) ==
        "plot: 'a/b.gif' ends in '.gif', expected .png, .svg or .pdf");
  CHECK(contains(error_of([&] { plot_lines(folder / "curves", "", "", "", {line("a")}); }), "expected .png"));
  CHECK(folder.files() == 0);
  if (!gnuplot_is_installed()) {
    WARN("gnuplot is not installed: not tested");
    return;
  }
  for (const auto& [name, begin] :
       {std::pair("a.PNG", "\x89PNG"), std::pair("a.pdf", "%PDF"), std::pair("a.svg", "<?xml")}) {
    plot_lines(folder / name, "", "x", "y", {line("a")});
    CHECK(read_file(folder / name).starts_with(begin));
  }
}

TEST_CASE("a long name of a series goes on in another line of the legend", "[plot]") {
  if (!gnuplot_is_installed()) {
    WARN("gnuplot is not installed: not tested");
    return;
  }
  const TemporaryFolder folder;
  std::string settings;
  for (int i = 0; i < 12; ++i) settings += "planner.setting_" + std::to_string(i) + "=0.125, ";
  std::string word;
  for (int i = 0; i < 100; ++i) word += "\xC3\xA4";  // 200 bytes without a comma
  const auto path = folder / "long.svg";
  plot_lines(path, "", "x", "y", {line(settings + "it's `last`"), line(word), line("short")});
  plot_lines(folder / "x.png", "", "x", "y", {line(std::string(300, '\x80'))});  // no UTF-8: no matter
  const std::string svg = read_file(path);
  // A legend of many lines is room below the curves, not over them.
  const auto height = [&](const std::vector<PlotSeries>& series) {
    plot_lines(folder / "x.png", "", "x", "y", series);
    return big_endian(read_file(folder / "x.png"), 20);
  };
  CHECK(height({line("short")}) == 650);
  CHECK(height(std::vector<PlotSeries>(4, line(settings))) > 850);
  for (int i = 0; i < 12; ++i)
    CHECK(svg.find("setting_" + std::to_string(i) + "=0.125") != std::string::npos);
  CHECK(svg.find("`last`") != std::string::npos);
  CHECK(svg.find(settings) == std::string::npos);
  CHECK(svg.find("short") != std::string::npos);
  std::size_t letters = 0;
  for (std::size_t at = 0; (at = svg.find("\xC3\xA4", at)) != std::string::npos; at += 2) ++letters;
  CHECK(letters > 0);
  CHECK(letters % 100 == 0);  // as often as the name is in the file, whole
}

TEST_CASE("plots that cannot be made say why", "[plot]") {
  const TemporaryFolder folder;
  const auto plot = [&](const PlotSeries& s) {
    return error_of([&] { plot_lines(folder / "a.png", "", "", "", {s}); });
  };
  CHECK(contains(plot({"s", {1, 2}, {1}}), "series 's' has 1 values of y, expected 2"));
  CHECK(contains(plot({"s", {1}, {1}, {1}, {}}), "expected 1 of each, or none"));
  CHECK(contains(plot({"s", {1}, {std::nan("")}}), "no finite point"));
  CHECK(contains(plot({"s", {}, {}}), "no finite point"));
  CHECK(contains(error_of([&] { plot_lines(folder / "no/a.png", "", "", "", {line("a")}); }),
                 "cannot be written: No such file"));
  const Path path("/none");
  CHECK(!gnuplot_is_installed());
  CHECK(contains(plot(line("a")), "gnuplot is not installed (Debian package gnuplot-nox)"));
  CHECK(folder.files() == 0);
}
