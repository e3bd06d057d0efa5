// Tables for people: aligned and no wider than the terminal, or Markdown for a file, a page or another
// program.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"

namespace mbrl {

enum class TableStyle {
  kAligned,  // columns of equal width, for a terminal
  kMarkdown  // | a | b |
};

constexpr auto enum_names(TableStyle) {
  return std::array{std::pair{TableStyle::kAligned, "aligned"}, std::pair{TableStyle::kMarkdown, "markdown"}};
}

struct TableColumn {
  std::string title;  // wrapped at blanks where it is longer than the column
  int width = 0;      // characters a cell takes as a rule; never narrower than the title's longest word
  bool text = false;  // to the left and wrapped at blanks; else to the right, as numbers are
};

/// Makes one row after the other, so that a long piece of work can show each result when it is there:
///   const Table table({{"planner", 11, true}, {"return", 9}}, TableStyle::kAligned, 80);
///   std::cout << table.header() << table.row({"icem", "-123.4"});
/// An aligned table that is wider than `width` puts every cell on a line of its own, after its title.
class Table {
 public:
  /// Throws without columns.
  Table(std::vector<TableColumn> columns, TableStyle style, int width = 80);

  std::string header() const;
  /// Throws on another number of cells than of columns. A cell that is too long pushes the rest of its line.
  std::string row(const std::vector<std::string>& cells) const;

 private:
  std::string lines(const std::vector<std::string>& cells, bool to_the_bottom) const;

  std::vector<TableColumn> columns_;
  TableStyle style_;
  bool fits_ = true;
};

/// A whole table whose columns are as wide as their cells need; the widest column of text is made narrower
/// where that is too much.
std::string table_text(std::vector<TableColumn> columns, const std::vector<std::vector<std::string>>& rows,
                       TableStyle style, int width = 80);

/// For standard output: aligned on a terminal, Markdown elsewhere or where it is asked for.
TableStyle stdout_table_style(bool markdown = false);
Table stdout_table(std::vector<TableColumn> columns, bool markdown = false);

}  // namespace mbrl
