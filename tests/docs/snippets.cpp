// What is written in README.md, CONTRIBUTING.md and docs/*.md is checked: C++ blocks compile, excerpts are
// verbatim, commands have the options they are given, links lead somewhere.
//
//   snippets sources ROOT OUT        writes OUT/core.cpp, core_2.cpp, mujoco.cpp, torch.cpp: all C++ blocks
//   snippets commands ROOT PROGRAM   options, settings and environments of every `mbrl` command
//   snippets links ROOT              relative links and their anchors
//   snippets block ROOT PAGE LANGUAGE MARK   prints the block whose comment has that mark
//
// A C++ block stands on its own: it names its headers and is complete at namespace scope. Otherwise an HTML
// comment on the line before the fence says what it needs:
//   <!-- snippet: prelude NAME -->   it stands where tests/docs/preludes/NAME.hpp has the line `// SNIPPET`
//   <!-- snippet: continues -->      it goes on behind the C++ block before it on the page
//   <!-- snippet: from PATH -->      it is an excerpt of that file, which is compiled elsewhere
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "pages.hpp"

namespace docs {
namespace {

bool is_include(const std::string& line) { return line.rfind("#include", 0) == 0; }

// An excerpt: its lines follow each other in the file, but for their indentation.
void check_excerpt(const fs::path& root, const Block& block, const std::string& file) {
  std::vector<std::string> there = read_lines(root / file), here = block.lines;
  for (auto* lines : {&there, &here})
    for (std::string& line : *lines) line = trimmed(line);
  if (std::search(there.begin(), there.end(), here.begin(), here.end()) == there.end())
    throw std::runtime_error(block.where() + ": is not verbatim in " + file);
}

// Where a snippet goes: before and after it, with the headers of both.
struct Source {
  std::set<std::string> includes;
  std::ostringstream text;
};

class Sources {
 public:
  explicit Sources(fs::path root) : root_(std::move(root)) {}

  void add(const std::vector<Block>& page) {
    std::vector<const Block*> group;  // a block and those that continue it
    for (const Block& block : page) {
      if (block.language != "cpp") continue;
      if (block.mark.rfind("from ", 0) == 0) {
        check_excerpt(root_, block, block.mark.substr(5));
        continue;
      }
      if (block.mark == "continues" || block.mark.rfind("continues ", 0) == 0) {
        if (group.empty())
          throw std::runtime_error(block.where() + ": continues, but no C++ block stands before it");
        group.push_back(&block);
        continue;
      }
      flush(group);
      group = {&block};
    }
    flush(group);
  }

  void write(const fs::path& out) {
    fs::create_directories(out);
    for (const char* component : {"core", "core_2", "mujoco", "torch"}) {
      std::ostringstream text;
      text << "// Written by tests/docs/snippets.cpp.\n";
      for (const std::string& include : sources_[component].includes) text << include << "\n";
      text << sources_[component].text.str();
      std::ofstream(out / (std::string(component) + ".cpp")) << text.str();
    }
    std::printf("%d C++ blocks\n", count_);
  }

 private:
  void flush(std::vector<const Block*>& group) {
    if (group.empty()) return;
    const Block& first = *group.front();
    std::vector<std::string> before, after;
    fs::path prelude;
    if (first.mark.rfind("prelude ", 0) == 0) {
      prelude = root_ / "tests/docs/preludes" / (first.mark.substr(8) + ".hpp");
      const std::vector<std::string> lines = read_lines(prelude);
      const auto place = std::find_if(lines.begin(), lines.end(),
                                      [](const auto& line) { return trimmed(line) == "// SNIPPET"; });
      if (place == lines.end()) throw std::runtime_error(prelude.string() + ": no line `// SNIPPET`");
      before.assign(lines.begin(), place);
      after.assign(place + 1, lines.end());
    } else if (!first.mark.empty()) {
      throw std::runtime_error(first.where() + ": unknown mark '" + first.mark + "'");
    }

    std::vector<std::string> all = before;
    for (const Block* block : group) all.insert(all.end(), block->lines.begin(), block->lines.end());
    const auto uses = [&](const char* header) {
      return std::any_of(all.begin(), all.end(), [&](const std::string& line) {
        return is_include(line) && line.find(header) != std::string::npos;
      });
    };
    // Two sources for the core, so that they compile side by side.
    Source& source = sources_[uses("mbrl/torch/")    ? "torch"
                              : uses("mbrl/mujoco/") ? "mujoco"
                              : core_++ % 2 == 0     ? "core"
                                                     : "core_2"];
    const auto put = [&](const std::vector<std::string>& lines, const std::string& file, std::size_t line) {
      source.text << "#line " << line << " \"" << file << "\"\n";
      for (const std::string& text : lines) {
        if (is_include(text)) source.includes.insert(text);
        source.text << (is_include(text) || text == "#pragma once" ? "" : text) << "\n";
      }
    };
    source.text << "namespace docs_" << count_ << " {\n";
    if (!before.empty()) put(before, prelude.string(), 1);
    for (const Block* block : group) put(block->lines, (root_ / block->page).string(), block->line);
    if (!after.empty()) put(after, prelude.string(), before.size() + 2);
    source.text << "}  // namespace docs_" << count_ << "\n";
    count_ += static_cast<int>(group.size());
    group.clear();
  }

  fs::path root_;
  std::map<std::string, Source> sources_;
  int count_ = 0, core_ = 0;
};

int sources(const fs::path& root, const fs::path& out) {
  Sources all(root);
  for (const fs::path& page : pages(root)) all.add(blocks(root, page));
  all.write(out);
  return 0;
}

// --- links -------------------------------------------------------------------------------------------------

// As the usual viewers make anchors of headings.
std::set<std::string> anchors(const fs::path& path) {
  std::set<std::string> found;
  bool code = false;
  for (const std::string& line : read_lines(path)) {
    if (trimmed(line).rfind("```", 0) == 0) code = !code;
    if (code || line.rfind("#", 0) != 0) continue;
    std::string anchor;
    for (const char c : trimmed(line.substr(line.find_first_not_of('#')))) {
      const auto u = static_cast<unsigned char>(c);
      if (std::isalnum(u) != 0 || c == '_' || c == '-' || u >= 128)
        anchor += static_cast<char>(std::tolower(u));
      else if (c == ' ')
        anchor += '-';
    }
    found.insert(anchor);
  }
  return found;
}

int links(const fs::path& root) {
  static const std::regex link("\\]\\(([^)#\\s]*)(#[^)\\s]*)?\\)");
  int checked = 0, wrong = 0;
  for (const fs::path& page : pages(root)) {
    bool code = false;
    const std::vector<std::string> lines = read_lines(page);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (trimmed(lines[i]).rfind("```", 0) == 0) code = !code;
      if (code) continue;
      for (std::sregex_iterator match(lines[i].begin(), lines[i].end(), link), end; match != end; ++match) {
        const std::string file = (*match)[1], anchor = (*match)[2];
        if (file.rfind("http", 0) == 0) continue;
        ++checked;
        const fs::path there = file.empty() ? page : page.parent_path() / file;
        if (!fs::exists(there) ||
            (anchor.size() > 1 && there.extension() == ".md" && !anchors(there).contains(anchor.substr(1)))) {
          std::printf("%s:%zu: %s%s leads nowhere\n", fs::relative(page, root).c_str(), i + 1, file.c_str(),
                      anchor.c_str());
          ++wrong;
        }
      }
    }
  }
  std::printf("%d links, %d wrong\n", checked, wrong);
  return wrong == 0 && checked >= 20 ? 0 : 1;
}

int block(const fs::path& root, const std::string& page, const std::string& language,
          const std::string& mark) {
  for (const Block& candidate : blocks(root, root / page))
    if (candidate.language == language && candidate.mark == mark) {
      for (const std::string& line : candidate.lines) std::cout << line << "\n";
      return 0;
    }
  throw std::runtime_error(page + ": no " + language + " block has the mark '" + mark + "'");
}

}  // namespace
}  // namespace docs

int main(int argc, char** argv) {
  using namespace docs;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 3 && arguments[0] == "sources") return sources(arguments[1], arguments[2]);
    if (arguments.size() == 3 && arguments[0] == "commands") return commands(arguments[1], arguments[2]);
    if (arguments.size() == 2 && arguments[0] == "links") return links(arguments[1]);
    if (arguments.size() == 5 && arguments[0] == "block")
      return block(arguments[1], arguments[2], arguments[3], arguments[4]);
    std::fputs("usage: snippets sources|commands|links|block ROOT ...\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 2;
}
