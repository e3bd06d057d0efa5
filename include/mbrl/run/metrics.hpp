// What a run measures, round after round: a table of named columns.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mbrl/core/state_dict.hpp"

namespace mbrl {

/// A column of metrics.csv. `title`, where there is one, makes it a column of the table on the terminal.
struct MetricColumn {
  std::string name;
  bool wall_clock = false;  // differs from run to run; every other column is a function of the seed alone
  std::string title{};
  int width = 8;  // characters of that column, at least those of the longest word of the title
  int decimals = 1;
};

/// Rows of numbers, NaN where there is nothing to say. A row is a round: an episode, a trial, an iteration.
/// Every table has the columns `step` (environment steps so far), `return` (of the round's episode or the
/// mean of its episodes) and `best_return` (the best `return` so far).
class MetricTable {
 public:
  using Values = std::initializer_list<std::pair<std::string_view, double>>;
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  /// The columns round, step, return, best_return and `own`.
  static MetricTable with(std::vector<MetricColumn> own = {});
  /// The first column counts the rounds, from 1, and its name says what a round is called. Throws mbrl::Error
  /// where a name comes twice or is empty, or step, return or best_return are missing.
  explicit MetricTable(std::vector<MetricColumn> columns);

  const std::vector<MetricColumn>& columns() const { return columns_; }
  std::vector<std::string> names() const;
  /// Throws mbrl::Error for an unknown column, with the nearest.
  std::size_t index(std::string_view column) const;
  bool contains(std::string_view column) const;
  const std::string& round_name() const { return columns_.front().name; }

  std::size_t rows() const { return rows_.size(); }
  const std::vector<double>& row(std::size_t r) const { return rows_.at(r); }
  double at(std::size_t row, std::string_view column) const { return rows_.at(row)[index(column)]; }
  /// Of the last row. Throws mbrl::Error where there is none.
  double last(std::string_view column) const;
  std::vector<double> column(std::string_view column) const;

  /// Adds a row with these values; the number of the round and best_return are filled in where they are not
  /// given. Throws mbrl::Error for an unknown column.
  void add(Values values) { add(std::span(values.begin(), values.size())); }
  void add(std::span<const std::pair<std::string_view, double>> values);
  /// Adds a row with a value for every column, in their order.
  void add_row(std::vector<double> values);
  void clear() { rows_.clear(); }

  /// What acting without having learned brings, as a row of its own before all others; not among rows().
  const std::optional<std::vector<double>>& baseline() const { return baseline_; }
  void set_baseline(std::optional<std::vector<double>> row);

  /// The same rows with another column at the end.
  MetricTable extended(MetricColumn column, const std::vector<double>& values) const;

  /// All rows as the text of a CSV file, the baseline first.
  std::string csv() const;

  /// Rows in a checkpoint, with the names of their columns, so that other versions of the program can read
  /// them: a column that is missing there is NaN, one that is unknown here is left out. The baseline is not
  /// among them: it is whoever sets it who saves it.
  void save(StateDict& out, const std::string& name) const;
  void load(const StateDict& in, const std::string& name);

 private:
  std::vector<MetricColumn> columns_;
  std::vector<std::vector<double>> rows_;
  std::optional<std::vector<double>> baseline_;
};

}  // namespace mbrl
