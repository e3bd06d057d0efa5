// Tables as they are read: aligned, wrapped, one cell a line where it is too narrow, and Markdown.
#include "mbrl/io/table.hpp"

#include <algorithm>
#include <sstream>

#include "catch.hpp"
#include "mbrl/core/error.hpp"

using namespace mbrl;

namespace {

const std::vector<TableColumn> kColumns = {{"planner", 8, true}, {"return", 8}, {"plan p50 (ms)", 6}};

std::size_t widest_line(const std::string& text) {
  std::istringstream in(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(in, line);) widest = std::max(widest, line.size());
  return widest;
}

}  // namespace

TEST_CASE("a table is aligned: titles wrapped, text to the left, numbers to the right", "[table]") {
  const Table table(kColumns, TableStyle::kAligned, 80);
  CHECK(table.header() ==
        "                      plan\n"
        "                       p50\n"
        "planner     return    (ms)\n"
        "--------  --------  ------\n");
  CHECK(table.row({"icem", "-123.40", "0.5"}) == "icem       -123.40     0.5\n");
  // What is too long takes the room that is free before it.
  CHECK(table.row({"icem", "-1234567890", "0.5"}) == "icem   -1234567890     0.5\n");
  CHECK(table.row({"a b c d e f", "1", "2"}) == "a b c d          1       2\ne f\n");
  CHECK_THROWS_AS(table.row({"icem"}), Error);
  CHECK_THROWS_AS(Table({}, TableStyle::kAligned), Error);
}

TEST_CASE("a table that is too wide for the terminal has a line for each cell", "[table]") {
  const Table table(kColumns, TableStyle::kAligned, 25);
  CHECK(table.header().empty());
  CHECK(table.row({"icem", "-1.5", "0.5"}) ==
        "planner        icem\nreturn         -1.5\nplan p50 (ms)  0.5\n\n");
}

TEST_CASE("a table as Markdown", "[table]") {
  const Table table(kColumns, TableStyle::kMarkdown, 10);  // which no width concerns
  CHECK(table.header() == "| planner | return | plan p50 (ms) |\n|---|---|---|\n");
  CHECK(table.row({"a|b", "-1.5", "0.5"}) == "| a\\|b | -1.5 | 0.5 |\n");
}

TEST_CASE("a whole table takes the room it needs, and gives way in its widest text", "[table]") {
  const std::vector<std::vector<std::string>> rows = {{"Ant", "27", "a body with four legs and eight motors"},
                                                      {"Reacher", "4", "a short one"}};
  const std::vector<TableColumn> columns = {{"name", 0, true}, {"obs"}, {"what it is", 0, true}};
  CHECK(widest_line(table_text(columns, rows, TableStyle::kAligned, 80)) == 7 + 2 + 3 + 2 + 38);
  const std::string narrow = table_text(columns, rows, TableStyle::kAligned, 36);
  CHECK(widest_line(narrow) <= 36);
  CHECK(narrow.find("Ant       27  a body with four legs\n              and eight motors\n") !=
        std::string::npos);
}

TEST_CASE("characters are counted, not bytes", "[table]") {
  const Table table({{"a", 3}, {"b", 1}}, TableStyle::kAligned);
  CHECK(table.row({"\u00b5s", "1"}) == " \u00b5s  1\n");
}
