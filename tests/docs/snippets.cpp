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
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

struct Block {
  std::string page;      // relative to the root
  std::size_t line = 0;  // of its first line of text, from 1
  std::string language, mark;
  std::vector<std::string> lines;
  std::string where() const { return page + ":" + std::to_string(line); }
};

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

// Fenced blocks, those in lists too: the fence's indentation is taken off.
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

// --- commands ----------------------------------------------------------------------------------------------

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>&1").c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
    text.append(buffer.data(), n);
  return text;
}

struct Command {
  std::string where;
  std::vector<std::string> words;  // after `mbrl`
};

void add_command(std::string text, const std::string& where, std::vector<Command>& out) {
  text = trimmed(text);
  if (text.rfind("mbrl ", 0) != 0) return;
  if (const auto comment = text.find(" #"); comment != std::string::npos) text.resize(comment);
  std::istringstream in(text.substr(5));
  Command command{where, {}};
  for (std::string word; in >> word;) {
    if (word.front() == '|' || word.front() == '>' || word.front() == '&' || word.front() == ';') break;
    command.words.push_back(word);
  }
  if (!command.words.empty()) out.push_back(std::move(command));
}

// Those in blocks of sh and in `code` within lines.
std::vector<Command> commands_of(const fs::path& root, const fs::path& path) {
  std::vector<Command> found;
  for (const Block& block : blocks(root, path)) {
    if (block.language != "sh") continue;
    std::string text;
    for (std::size_t i = 0; i < block.lines.size(); ++i) {
      text += block.lines[i];
      if (!text.empty() && text.back() == '\\') {
        text.back() = ' ';
        continue;
      }
      static const std::regex screen("^xvfb-run -a ");
      add_command(std::regex_replace(text, screen, ""), block.page + ":" + std::to_string(block.line + i),
                  found);
      text.clear();
    }
  }
  static const std::regex code("`(mbrl [^`]+)`");
  const std::vector<std::string> lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (std::sregex_iterator match(lines[i].begin(), lines[i].end(), code), end; match != end; ++match)
      add_command((*match)[1], fs::relative(path, root).string() + ":" + std::to_string(i + 1), found);
  return found;
}

bool holds_word(const std::string& text, const std::string& word) {
  const auto part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !part(text[at - 1])) && (end == text.size() || !part(text[end]))) return true;
  }
  return false;
}

int commands(const fs::path& root, const std::string& program) {
  std::map<std::string, std::string> answers;
  const auto ask = [&](const std::string& arguments) -> const std::string& {
    auto [entry, fresh] = answers.try_emplace(arguments);
    if (fresh) entry->second = output_of("'" + program + "' " + arguments);
    return entry->second;
  };
  int checked = 0, wrong = 0;
  const auto complain = [&](const Command& command, const std::string& what) {
    std::printf("%s: mbrl", command.where.c_str());
    for (const std::string& word : command.words) std::printf(" %s", word.c_str());
    std::printf("\n  %s\n", what.c_str());
    ++wrong;
  };
  for (const fs::path& page : pages(root))
    for (const Command& command : commands_of(root, page)) {
      ++checked;
      const std::vector<std::string>& words = command.words;
      std::string name;
      if (words[0].front() != '-') {
        name = words[0];
        if (!holds_word(ask("--help"), name)) {
          complain(command, "there is no command " + name);
          continue;
        }
        if (name == "train" && words.size() > 1 && words[1].front() != '-') name += " " + words[1];
      }
      const std::string help = ask(name + " --help");
      std::string env = "Pendulum-v1";  // settings depend on it
      for (std::size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == "--env" && holds_word(ask("envs"), words[i + 1])) env = words[i + 1];
      for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].rfind("--", 0) != 0) continue;
        const std::string option = words[i].substr(0, words[i].find('='));
        if (!holds_word(help, option)) {
          complain(command, "mbrl " + name + " --help does not list " + option);
          continue;
        }
        std::string value = words[i].size() > option.size() ? words[i].substr(option.size() + 1)
                            : i + 1 < words.size()          ? words[i + 1]
                                                            : "";
        // Words in capitals are the reader's to fill in.
        const bool placeholder = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
          return std::isupper(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ',' || c == '.';
        });
        if (value.empty() || placeholder) continue;
        if (option == "--env") {
          std::istringstream names(value);
          for (std::string one; std::getline(names, one, ',');)
            if (!holds_word(ask("envs"), one)) complain(command, "mbrl envs does not list " + one);
        }
        if (option == "--set" && (name == "train pets" || name == "plan")) {
          const std::string key = value.substr(0, value.find('='));
          if (!holds_word(ask(name + " --env '" + env + "' --list-settings"), key))
            complain(command, "mbrl " + name + " --list-settings does not list " + key);
        }
      }
    }
  std::printf("%d commands, %d complaints\n", checked, wrong);
  return wrong == 0 && checked >= 20 ? 0 : 1;
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

int main(int argc, char** argv) {
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
