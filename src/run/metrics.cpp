#include "mbrl/run/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/csv.hpp"

namespace mbrl {

MetricTable MetricTable::with(std::vector<MetricColumn> own) {
  std::vector<MetricColumn> columns = {{"round", false, "round", 7, 0},
                                       {"step", false, "steps", 8, 0},
                                       {"return", false, "return", 9, 1},
                                       {"best_return", false, "best", 9, 1}};
  columns.insert(columns.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  return MetricTable(std::move(columns));
}

MetricTable::MetricTable(std::vector<MetricColumn> columns) : columns_(std::move(columns)) {
  std::set<std::string> seen;
  for (const MetricColumn& column : columns_) {
    require(!column.name.empty() && column.name.find_first_of(",\"\n") == std::string::npos,
            "metrics: a column is named '", column.name, "', expected a name without commas and quotes");
    require(seen.insert(column.name).second, "metrics: two columns are named '", column.name, "'");
  }
  for (const char* name : {"step", "return", "best_return"})
    require(seen.contains(name), "metrics: column '", name, "' is missing, which every table of a run has");
}

std::vector<std::string> MetricTable::names() const {
  std::vector<std::string> names;
  for (const MetricColumn& column : columns_) names.push_back(column.name);
  return names;
}

bool MetricTable::contains(std::string_view name) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const MetricColumn& column) { return column.name == name; });
}

std::size_t MetricTable::index(std::string_view name) const {
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (columns_[i].name == name) return i;
  fail("metrics: there is no column '", name, "'", did_you_mean(name, names()));
}

double MetricTable::last(std::string_view column) const {
  require(!rows_.empty(), "metrics: no round has been finished yet");
  return at(rows_.size() - 1, column);
}

std::vector<double> MetricTable::column(std::string_view name) const {
  const std::size_t c = index(name);
  std::vector<double> values;
  values.reserve(rows_.size());
  for (const auto& row : rows_) values.push_back(row[c]);
  return values;
}

void MetricTable::add(std::span<const std::pair<std::string_view, double>> values) {
  std::vector<double> row(columns_.size(), kNone);
  for (const auto& value : values) row[index(value.first)] = value.second;
  if (std::isnan(row[0])) row[0] = static_cast<double>(rows_.size() + 1);
  double& best = row[index("best_return")];
  if (std::isnan(best)) {
    const double now = row[index("return")], before = rows_.empty() ? kNone : last("best_return");
    best = std::isnan(before) || now > before ? now : before;
  }
  rows_.push_back(std::move(row));
}

void MetricTable::add_row(std::vector<double> values) {
  require_dim("metrics", "a row", values.size(), columns_.size());
  rows_.push_back(std::move(values));
}

void MetricTable::set_baseline(std::optional<std::vector<double>> row) {
  if (row) require_dim("metrics", "the baseline", row->size(), columns_.size());
  baseline_ = std::move(row);
}

MetricTable MetricTable::extended(MetricColumn column, const std::vector<double>& values) const {
  require_dim("metrics", "column '" + column.name + "'", values.size(), rows_.size());
  std::vector<MetricColumn> columns = columns_;
  columns.push_back(std::move(column));
  MetricTable table(std::move(columns));
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::vector<double> row = rows_[r];
    row.push_back(values[r]);
    table.rows_.push_back(std::move(row));
  }
  if (baseline_) {
    table.baseline_ = baseline_;
    table.baseline_->push_back(kNone);
  }
  return table;
}

std::string MetricTable::csv() const {
  std::vector<std::vector<double>> rows;
  if (baseline_) rows.push_back(*baseline_);
  rows.insert(rows.end(), rows_.begin(), rows_.end());
  return csv_text(names(), rows);
}

void MetricTable::save(StateDict& out, const std::string& name) const {
  std::string& columns = out.metadata[name + ".columns"];
  columns.clear();
  for (const MetricColumn& column : columns_) columns += (columns.empty() ? "" : ",") + column.name;
  std::vector<double> all;
  for (const auto& row : rows_) all.insert(all.end(), row.begin(), row.end());
  out.put(name, all);
}

void MetricTable::load(const StateDict& in, const std::string& name) {
  const auto found = in.metadata.find(name + ".columns");
  require(found != in.metadata.end(), "checkpoint: '", name, "' has no names of columns");
  std::vector<std::string> stored;
  std::istringstream text(found->second);
  for (std::string column; std::getline(text, column, ',');) stored.push_back(column);
  const std::vector<double> all = in.get<double>(name);
  require(!stored.empty() && all.size() % stored.size() == 0, "checkpoint: '", name, "' has ", all.size(),
          " values, expected rows of ", stored.size());
  rows_.assign(all.size() / stored.size(), std::vector<double>(columns_.size(), kNone));
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const auto at = std::find(stored.begin(), stored.end(), columns_[c].name);
    if (at == stored.end()) continue;
    const auto from = static_cast<std::size_t>(at - stored.begin());
    for (std::size_t r = 0; r < rows_.size(); ++r) rows_[r][c] = all[r * stored.size() + from];
  }
}

}  // namespace mbrl
