// Numbers in comma-separated columns: a run's metrics written row by row, and recordings read back.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mbrl {

/// A table of numbers. Rows as in the file; an empty cell is NaN.
struct CsvTable {
  std::string source;  // file name, for error messages
  std::vector<std::string> columns;
  std::vector<double> values;  // rows() x columns.size(), one row after the other
  std::vector<bool> blank{};   // which of them were empty cells; what is missing at its end was not

  std::size_t rows() const { return columns.empty() ? 0 : values.size() / columns.size(); }
  double at(std::size_t row, std::size_t column) const { return values[row * columns.size() + column]; }
  bool is_blank(std::size_t row, std::size_t column) const {
    const std::size_t i = row * columns.size() + column;
    return i < blank.size() && blank[i];
  }
  std::span<const double> row(std::size_t r) const {
    return {values.data() + r * columns.size(), columns.size()};
  }
  bool contains(std::string_view name) const;
  /// Throws mbrl::Error if there is no such column, naming the nearest.
  std::size_t index(std::string_view name) const;
  std::vector<double> column(std::string_view name) const;
  /// Indices of prefix0, prefix1, ... as far as they go.
  std::vector<std::size_t> indices(std::string_view prefix) const;
};

/// The first line names the columns; names may be in double quotes, blank lines are skipped. Throws
/// mbrl::Error with file, line and column for a missing file, a missing or repeated name, a row that is too
/// short or too long, and a cell that is no number.
CsvTable read_csv(const std::filesystem::path& path);
CsvTable parse_csv(std::string_view text, std::string_view source);

/// A whole table as text, numbers as CsvWriter writes them; for tables that are written anew each time.
/// Throws mbrl::Error for a name that cannot be one and for a row of another length.
std::string csv_text(const std::vector<std::string>& columns, const std::vector<std::vector<double>>& rows);

/// Appends rows to a file, each with one write, so that a killed process leaves whole rows and at most one
/// broken one, which `resume` drops. Numbers are the shortest decimals that read back to the same bits; NaN is
/// an empty cell.
class CsvWriter {
 public:
  /// A new file with the header; an old one is replaced.
  static CsvWriter create(const std::filesystem::path& path, std::vector<std::string> columns);
  /// Keeps the header and the first `rows` rows of a file and appends after them. Throws mbrl::Error if the
  /// file has other columns or fewer rows.
  static CsvWriter resume(const std::filesystem::path& path, std::vector<std::string> columns,
                          std::size_t rows);

  /// Throws mbrl::Error for a wrong number of values or a failed write.
  void add_row(std::span<const double> values);
  std::size_t rows() const { return rows_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  CsvWriter(const std::filesystem::path& path, std::vector<std::string> columns, std::size_t rows);
  void write(const std::string& text);

  std::filesystem::path path_;
  std::vector<std::string> columns_;
  std::size_t rows_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace mbrl
