// CSV: what is written is read back to the bit; what is no table is refused with its place.
#include "mbrl/io/csv.hpp"

#include <cmath>
#include <fstream>
#include <limits>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"

using namespace mbrl;

TEST_CASE("a table is read", "[csv]") {
  const CsvTable table =
      parse_csv("\xEF\xBB\xBFstep,\"a, b\",u0, u1 ,u3\r\n0,,1e3,-.5,1\r\n\r\n1,2, +3 ,nan,inf\n", "t");
  CHECK(table.columns == std::vector<std::string>{"step", "a, b", "u0", "u1", "u3"});
  REQUIRE(table.rows() == 2);
  CHECK(std::isnan(table.at(0, 1)));
  CHECK(table.at(0, 2) == 1000);
  CHECK(table.at(0, 3) == -0.5);
  CHECK(table.column("u0") == std::vector<double>{1000, 3});
  CHECK(std::isnan(table.at(1, 3)));
  CHECK(table.is_blank(0, 1));
  CHECK_FALSE(table.is_blank(1, 3));
  CHECK(std::isinf(table.row(1)[4]));
  CHECK(table.indices("u") == std::vector<std::size_t>{2, 3});
  CHECK(table.indices("x").empty());
  CHECK(table.contains("step"));
  CHECK(error_of([&] { table.index("steps"); }) == "t: no column 'steps', did you mean 'step'?");
  CHECK(parse_csv("a\n", "t").rows() == 0);
  CHECK(parse_csv("a\n1", "t").rows() == 1);
}

TEST_CASE("what is no table is refused with its place", "[csv]") {
  const auto error = [](const std::string& text) { return error_of([&] { parse_csv(text, "t.csv"); }); };
  CHECK(error("a,b\n1,2\n1\n") == "t.csv: line 3 has 1 cells, expected 2");
  CHECK(error("a,b\n1,2,3\n") == "t.csv: line 2 has 3 cells, expected 2");
  CHECK(error("a,b\n1,x2\n") == "t.csv: line 2, column 'b': 'x2' is not a number");
  CHECK(error("a,b\n1,2 3\n") == "t.csv: line 2, column 'b': '2 3' is not a number");
  CHECK(error("a,a\n") == "t.csv: line 1: two columns are named 'a'");
  CHECK(error("a,\n") == "t.csv: line 1: column 2 has no name");
  CHECK(error("") == "t.csv: no line with column names");
  CHECK(contains(error_of([] { read_csv("/none.csv"); }), "/none.csv"));
}

TEST_CASE("rows come back to the bit", "[csv]") {
  const TemporaryFolder folder;
  const std::vector<double> row = {0.1,          1.0 / 3.0, 5e-324, -1.7976931348623157e308,
                                   std::nan(""), 20000,     -0.0};
  const std::vector<std::string> columns = {"a", "b,c", "d\"e", "f", "g", "h", "i"};
  {
    CsvWriter writer = CsvWriter::create(folder / "m.csv", columns);
    writer.add_row(row);
    CHECK(read_csv(folder / "m.csv").rows() == 1);  // visible at once
    writer.add_row(row);
    CHECK(writer.rows() == 2);
    CHECK_THROWS_AS(writer.add_row(std::vector<double>{1, 2}), Error);
  }
  const CsvTable table = read_csv(folder / "m.csv");
  CHECK(table.columns == columns);
  REQUIRE(table.rows() == 2);
  for (std::size_t c = 0; c < row.size(); ++c)
    if (std::isnan(row[c]))
      CHECK(std::isnan(table.at(1, c)));
    else
      CHECK(table.at(1, c) == row[c]);
  CHECK(std::signbit(table.at(0, 6)));
  CHECK(contains(read_file(folder / "m.csv"), ",,20000,-0\n"));
}

TEST_CASE("a resumed table is cut to the rows that count", "[csv]") {
  const TemporaryFolder folder;
  const auto path = folder / "m.csv";
  const std::vector<std::string> columns = {"a", "b"};
  {
    CsvWriter writer = CsvWriter::create(path, columns);
    for (int i = 0; i < 4; ++i) writer.add_row(std::vector<double>{static_cast<double>(i), 0.5});
  }
  std::ofstream(path, std::ios::app) << "4,0.";  // a killed write
  {
    CsvWriter writer = CsvWriter::resume(path, columns, 2);
    CHECK(writer.rows() == 2);
    writer.add_row(std::vector<double>{7, 8});
  }
  CHECK(read_file(path) == "a,b\n0,0.5\n1,0.5\n7,8\n");
  CHECK(contains(error_of([&] { CsvWriter::resume(path, columns, 4); }), "has 3 rows, expected at least 4"));
  CHECK(contains(error_of([&] { CsvWriter::resume(path, {"a"}, 0); }), "has other columns, expected a"));
  CHECK(contains(error_of([&] { CsvWriter::resume(folder / "none", columns, 0); }), "none"));
  CHECK(read_csv(path).rows() == 3);
  CsvWriter::create(path, columns);
  CHECK(read_file(path) == "a,b\n");
  CHECK_THROWS_AS(CsvWriter::create(folder / "no/m.csv", columns), Error);
  CHECK_THROWS_AS(CsvWriter::create(path, {}), Error);
}
