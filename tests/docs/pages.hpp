// The pages of the documentation and their blocks of code.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace docs {

namespace fs = std::filesystem;

struct Block {
  std::string page;      // relative to the root
  std::size_t line = 0;  // of its first line of text, from 1
  std::string language, mark;
  std::vector<std::string> lines;
  std::string where() const { return page + ":" + std::to_string(line); }
};

std::vector<std::string> read_lines(const fs::path& path);

/// README.md, CONTRIBUTING.md, docs/*.md and docs/results/*.md below `root`.
std::vector<fs::path> pages(const fs::path& root);

/// Without white space at both ends.
std::string trimmed(std::string text);

/// Fenced blocks, those in lists too: the fence's indentation is taken off.
std::vector<Block> blocks(const fs::path& root, const fs::path& path);

/// Options, settings and environments of every `mbrl` command in the pages, as `program` knows them: 0 if all do.
int commands(const fs::path& root, const std::string& program);

}  // namespace docs
