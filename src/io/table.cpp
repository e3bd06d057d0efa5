// Rows of text in columns.
#include "mbrl/io/table.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/io/terminal.hpp"

namespace mbrl {
namespace {

constexpr std::string_view kGap = "  ";

// Characters, not bytes: those that continue one in UTF-8 are not counted.
int length(std::string_view text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) all.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

int longest_word(std::string_view text) {
  int longest = 0;
  for (const std::string& word : words(text)) longest = std::max(longest, length(word));
  return longest;
}

// A word in pieces of at most `width` characters, cut after a slash or an underscore where there is one.
std::vector<std::string> pieces(std::string word, int width) {
  std::vector<std::string> all;
  while (width > 0 && length(word) > width) {
    const auto most = static_cast<std::size_t>(width);
    const std::size_t mark = word.find_last_of("/_", most - 1);
    std::size_t cut = mark == std::string::npos || mark == 0 ? most : mark + 1;
    while (cut < word.size() && (static_cast<unsigned char>(word[cut]) & 0xC0) == 0x80)
      ++cut;  // not within one
    if (cut >= word.size()) break;
    all.push_back(word.substr(0, cut));
    word.erase(0, cut);
  }
  all.push_back(std::move(word));
  return all;
}

// At least one line. A word that is longer than the width is cut, or stays whole with `whole`.
std::vector<std::string> wrapped(std::string_view text, int width, bool whole = false) {
  std::vector<std::string> all;
  for (const std::string& word : words(text))
    for (std::string& piece : whole ? std::vector<std::string>{word} : pieces(word, width))
      all.push_back(std::move(piece));
  std::vector<std::string> lines(1);
  for (const std::string& word : all) {
    std::string& last = lines.back();
    if (last.empty())
      last = word;
    else if (length(last) + 1 + length(word) <= width)
      last += " " + word;
    else
      lines.push_back(word);
  }
  return lines;
}

std::string blanks(int count) { return std::string(static_cast<std::size_t>(std::max(count, 0)), ' '); }

int total_width(const std::vector<TableColumn>& columns) {
  int total = -static_cast<int>(kGap.size());
  for (const TableColumn& column : columns) total += column.width + static_cast<int>(kGap.size());
  return total;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) {
    text += ' ';
    for (const char c : cell) text += c == '|' ? std::string("\\|") : std::string(1, c);
    text += " |";
  }
  return text + "\n";
}

}  // namespace

Table::Table(std::vector<TableColumn> columns, TableStyle style, int width)
    : columns_(std::move(columns)), style_(style) {
  require(!columns_.empty(), "Table: there are no columns, expected at least 1");
  for (TableColumn& column : columns_) column.width = std::max(column.width, longest_word(column.title));
  fits_ = total_width(columns_) <= width;
}

std::string Table::header() const {
  std::vector<std::string> titles;
  for (const TableColumn& column : columns_) titles.push_back(column.title);
  if (style_ == TableStyle::kMarkdown) {
    std::string text = markdown_row(titles) + "|";
    for (std::size_t i = 0; i < columns_.size(); ++i) text += "---|";
    return text + "\n";
  }
  if (!fits_) return "";
  std::string rule;
  for (const TableColumn& column : columns_) {
    if (!rule.empty()) rule += kGap;
    rule += std::string(static_cast<std::size_t>(column.width), '-');
  }
  return lines(titles, true) + rule + "\n";
}

std::string Table::row(const std::vector<std::string>& cells) const {
  require(cells.size() == columns_.size(), "Table: a row has ", cells.size(), " cells, expected ",
          columns_.size());
  if (style_ == TableStyle::kMarkdown) return markdown_row(cells);
  if (fits_) return lines(cells, false);
  int widest = 0;
  for (const TableColumn& column : columns_) widest = std::max(widest, length(column.title));
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i)
    text +=
        columns_[i].title + blanks(widest - length(columns_[i].title)) + std::string(kGap) + cells[i] + "\n";
  return text + "\n";
}

// Cells side by side, each over as many lines as it needs. Numbers are not wrapped, titles are.
std::string Table::lines(const std::vector<std::string>& cells, bool to_the_bottom) const {
  std::vector<std::vector<std::string>> parts;
  std::size_t height = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    parts.push_back(columns_[i].text || to_the_bottom ? wrapped(cells[i], columns_[i].width, to_the_bottom)
                                                      : std::vector<std::string>{cells[i]});
    height = std::max(height, parts.back().size());
  }
  std::string text;
  for (std::size_t y = 0; y < height; ++y) {
    std::string line;
    int place = 0;  // where the column should begin
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::size_t skipped = to_the_bottom ? height - parts[i].size() : 0;
      const std::string part = y >= skipped && y - skipped < parts[i].size() ? parts[i][y - skipped] : "";
      const int spare = columns_[i].text ? 0 : columns_[i].width - length(part);
      if (!part.empty())
        line += blanks(std::max(place + spare - length(line), i > 0 && !line.empty() ? 1 : 0)) + part;
      place += columns_[i].width + static_cast<int>(kGap.size());
    }
    text += line + "\n";
  }
  return text;
}

std::string table_text(std::vector<TableColumn> columns, const std::vector<std::vector<std::string>>& rows,
                       TableStyle style, int width) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    TableColumn& column = columns[i];
    column.width = std::max(column.width, longest_word(column.title));
    for (const auto& row : rows)
      if (i < row.size()) column.width = std::max(column.width, length(row[i]));
  }
  // The widest column of text gives way, character by character, as long as one can.
  constexpr int kLeastText = 9;
  for (int excess = total_width(columns) - width; excess > 0; --excess) {
    TableColumn* widest = nullptr;
    for (TableColumn& column : columns)
      if (column.text && column.width > std::max(longest_word(column.title), kLeastText) &&
          (!widest || column.width > widest->width))
        widest = &column;
    if (!widest) break;
    --widest->width;
  }
  const Table table(std::move(columns), style, width);
  std::string text = table.header();
  for (const auto& row : rows) text += table.row(row);
  return text;
}

TableStyle stdout_table_style(bool markdown) {
  return markdown || !is_terminal(STDOUT_FILENO) ? TableStyle::kMarkdown : TableStyle::kAligned;
}

Table stdout_table(std::vector<TableColumn> columns, bool markdown) {
  return {std::move(columns), stdout_table_style(markdown), terminal_width(STDOUT_FILENO)};
}

}  // namespace mbrl
