// CSV of numbers.
#include "mbrl/io/csv.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <system_error>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/atomic_file.hpp"

namespace mbrl {
namespace {

// Splits a line at commas outside double quotes; "" inside quotes is one quote.
std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"')
        cells.back() += line[++i];
      else
        quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  for (std::string& cell : cells) cell = std::string(trim(cell));
  return cells;
}

// The next line without its end; moves `rest` behind it.
std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool parse_number(std::string_view text, double& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string header_line(const std::vector<std::string>& columns, const std::string& where) {
  require(!columns.empty(), where, ": a table needs at least one column");
  std::string text;
  for (const std::string& name : columns) {
    require(!name.empty() && name.find_first_of("\r\n") == std::string::npos, where, ": '", name,
            "' cannot name a column");
    if (!text.empty()) text += ',';
    if (name.find_first_of(",\"") == std::string::npos) {
      text += name;
      continue;
    }
    text += '"';
    for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    text += '"';
  }
  return text + '\n';
}

std::string row_line(std::span<const double> values, std::size_t columns, const std::string& where) {
  require(values.size() == columns, where, ": a row has ", values.size(), " values, expected ", columns);
  std::string line;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i) line += ',';
    if (!std::isnan(values[i])) line += shortest(values[i]);
  }
  // A lone empty cell would look like a blank line.
  if (line.empty()) line = "nan";
  return line + '\n';
}

std::string named(const std::filesystem::path& path) { return "file '" + path.string() + "'"; }

}  // namespace

bool CsvTable::contains(std::string_view name) const {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

std::size_t CsvTable::index(std::string_view name) const {
  const auto it = std::find(columns.begin(), columns.end(), name);
  if (it == columns.end()) fail(source, ": no column '", name, "'", did_you_mean(name, columns));
  return static_cast<std::size_t>(it - columns.begin());
}

std::vector<double> CsvTable::column(std::string_view name) const {
  const std::size_t c = index(name);
  std::vector<double> out(rows());
  for (std::size_t r = 0; r < out.size(); ++r) out[r] = at(r, c);
  return out;
}

std::vector<std::size_t> CsvTable::indices(std::string_view prefix) const {
  std::vector<std::size_t> out;
  for (;;) {
    const std::string name = std::string(prefix) + std::to_string(out.size());
    if (!contains(name)) return out;
    out.push_back(index(name));
  }
}

CsvTable parse_csv(std::string_view text, std::string_view source) {
  CsvTable table;
  table.source = std::string(source);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte-order mark, as spreadsheets write it
  std::size_t line_number = 0;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    ++line_number;
    if (trim(line).empty()) continue;
    const std::vector<std::string> cells = split(line);
    if (table.columns.empty()) {
      std::set<std::string> names;
      for (std::size_t c = 0; c < cells.size(); ++c) {
        require(!cells[c].empty(), source, ": line ", line_number, ": column ", c + 1, " has no name");
        require(names.insert(cells[c]).second, source, ": line ", line_number, ": two columns are named '",
                cells[c], "'");
      }
      table.columns = cells;
      continue;
    }
    require(cells.size() == table.columns.size(), source, ": line ", line_number, " has ", cells.size(),
            " cells, expected ", table.columns.size());
    for (std::size_t c = 0; c < cells.size(); ++c) {
      double value = std::numeric_limits<double>::quiet_NaN();
      if (!cells[c].empty())
        require(parse_number(cells[c], value), source, ": line ", line_number, ", column '", table.columns[c],
                "': '", cells[c].substr(0, 40), "' is not a number");
      table.values.push_back(value);
      table.blank.push_back(cells[c].empty());
    }
  }
  require(!table.columns.empty(), source, ": no line with column names");
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) { return parse_csv(read_file(path), path.string()); }

std::string csv_text(const std::vector<std::string>& columns, const std::vector<std::vector<double>>& rows) {
  std::string text = header_line(columns, "csv_text");
  for (const std::vector<double>& row : rows) text += row_line(row, columns.size(), "csv_text");
  return text;
}

CsvWriter::CsvWriter(const std::filesystem::path& path, std::vector<std::string> columns, std::size_t rows)
    : path_(path), columns_(std::move(columns)), rows_(rows), file_(std::fopen(path.c_str(), "ab")) {
  const int error = file_ ? 0 : errno;
  require_system(error, "file '", path_.string(), "' cannot be written");
}

CsvWriter CsvWriter::create(const std::filesystem::path& path, std::vector<std::string> columns) {
  write_file_atomically(path, header_line(columns, named(path)));
  return {path, std::move(columns), 0};
}

CsvWriter CsvWriter::resume(const std::filesystem::path& path, std::vector<std::string> columns,
                            std::size_t rows) {
  const std::string text = read_file(path);
  const std::string header = header_line(columns, named(path));
  require(text.starts_with(header), "file '", path.string(), "' has other columns, expected ",
          header.substr(0, header.size() - 1));
  std::size_t end = header.size();
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t newline = text.find('\n', end);
    require(newline != std::string::npos, "file '", path.string(), "' has ", r, " rows, expected at least ",
            rows);
    end = newline + 1;
  }
  std::error_code error;
  if (end < text.size()) std::filesystem::resize_file(path, end, error);
  require(!error, "file '", path.string(), "' cannot be cut to ", rows, " rows: ", error.message());
  return {path, std::move(columns), rows};
}

void CsvWriter::add_row(std::span<const double> values) {
  write(row_line(values, columns_.size(), named(path_)));
  ++rows_;
}

void CsvWriter::write(const std::string& text) {
  const bool ok =
      std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() && std::fflush(file_.get()) == 0;
  const int error = ok ? 0 : errno;
  require_system(error, "file '", path_.string(), "' cannot be written");
}

}  // namespace mbrl
