#include "pages.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <utility>

namespace docs {

std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> pages(const fs::path& root) {
  std::vector<fs::path> found = {root / "README.md", root / "CONTRIBUTING.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(root / "docs/results"))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const auto first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first);
}

std::vector<Block> blocks(const fs::path& root, const fs::path& path) {
  const std::vector<std::string> lines = read_lines(path);
  std::vector<Block> found;
  bool inside = false;
  std::size_t indent = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string text = trimmed(lines[i]);
    if (text.rfind("```", 0) == 0) {
      if (inside) {
        inside = false;
        continue;
      }
      inside = true;
      indent = lines[i].find('`');
      Block block{fs::relative(path, root).string(), i + 2, text.substr(3), "", {}};
      static const std::regex mark("<!-- snippet: (.*) -->");
      std::smatch match;
      const std::string before = i > 0 ? trimmed(lines[i - 1]) : "";
      if (std::regex_match(before, match, mark)) block.mark = match[1];
      found.push_back(std::move(block));
    } else if (inside) {
      found.back().lines.push_back(lines[i].size() > indent ? lines[i].substr(indent) : text);
    }
  }
  if (inside) throw std::runtime_error(found.back().where() + ": the block is not closed");
  return found;
}

}  // namespace docs
